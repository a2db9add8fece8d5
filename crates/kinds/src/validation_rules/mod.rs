//! `x-kubernetes-validations`: the rules of a custom resource's schema, as expressions.
//!
//! A schema's rules are compiled once per version of its definition, into a tree that follows
//! the schema ([`RuleTree`]), and evaluated whenever an object is written. On an update, what
//! a rule says of a value that has not changed becomes a warning (ratcheting), and rules that
//! mention `oldSelf` run where there is an old value.
//!
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules>

mod correlation;
mod evaluate;
pub(crate) mod path;
mod rule;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_cel::Declared;
use serde_json::{Map, Value};

pub(crate) use evaluate::Verdict;
pub(crate) use rule::Rule;

/// The keyword that holds the rules of a schema.
pub(crate) const KEYWORD: &str = "x-kubernetes-validations";
/// What types inside of `self` are named after in error texts.
pub(crate) const TYPE_NAME: &str = "selfType";

type Keywords = Map<String, Value>;

/// The rules of a schema and of everything in it.
pub(crate) struct RuleTree {
    declared: Arc<Declared>,
    /// As the schema writes it; errors print it where the value is too large for them.
    type_name: String,
    rules: Vec<Rule>,
    items: Option<Box<RuleTree>>,
    values: Option<Box<RuleTree>>,
    properties: BTreeMap<String, RuleTree>,
    /// The keys that tell the elements of a list apart.
    list_keys: Vec<String>,
}

impl RuleTree {
    /// The rules of an `openAPIV3Schema`. `None` if it has none.
    pub(crate) fn of(schema: &Value) -> Option<Self> {
        if !has_rules(schema) {
            return None;
        }
        let declared = Arc::new(Declared::from_openapi(schema, TYPE_NAME, true));
        Some(Self::node(schema, &declared))
    }

    fn node(schema: &Value, declared: &Arc<Declared>) -> Self {
        let empty = Keywords::new();
        let keywords = schema.as_object().unwrap_or(&empty);
        let inner = |name: &str| {
            let schema = keywords.get(name).filter(|schema| schema.is_object() && has_rules(schema))?;
            Some(Box::new(Self::node(schema, declared.element()?)))
        };
        let properties = keywords.get("properties").and_then(Value::as_object).into_iter().flatten();
        let properties = properties.filter_map(|(name, schema)| {
            let field = declared.property(name).filter(|field| field.is_usable() && has_rules(schema))?;
            Some((name.clone(), Self::node(schema, field)))
        });
        let list_keys = match keywords.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("map") => keywords.get("x-kubernetes-list-map-keys").and_then(Value::as_array),
            _ => None,
        };
        let list_keys = list_keys.into_iter().flatten().filter_map(Value::as_str);
        Self {
            type_name: keywords.get("type").and_then(Value::as_str).unwrap_or_default().to_owned(),
            rules: rules(schema).map(|rule| Rule::compile(rule, schema, declared)).collect(),
            items: inner("items"),
            values: inner("additionalProperties"),
            properties: properties.collect(),
            list_keys: list_keys.map(str::to_owned).collect(),
            declared: declared.clone(),
        }
    }
}

/// The rules that stand in a schema itself.
pub(crate) fn rules(schema: &Value) -> impl Iterator<Item = &Keywords> {
    schema.get(KEYWORD).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// Whether a schema, or one in it, has rules.
pub(crate) fn has_rules(schema: &Value) -> bool {
    let inner = |name: &str| schema.get(name).filter(|schema| schema.is_object()).is_some_and(has_rules);
    let properties = schema.get("properties").and_then(Value::as_object);
    rules(schema).next().is_some()
        || inner("items")
        || inner("additionalProperties")
        || properties.is_some_and(|properties| properties.values().any(has_rules))
}
