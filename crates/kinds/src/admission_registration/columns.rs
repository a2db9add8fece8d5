//! What `kubectl get` shows of policies and bindings.

use ironclad_api::Object;
use ironclad_api::labels::LabelSelector;
use ironclad_engine::Column;

use super::shape::{BindingSpec, Body, ParamRef};
use crate::columns::{age, count, name, number, text};
use crate::spec::typed;

const UNSET: &str = "<unset>";

pub(super) fn configuration() -> Vec<Column> {
    vec![name(), number("Webhooks", |object| count(object.at(&["webhooks"]))), age()]
}

/// `list` are the policy's rules, shown under `column`.
pub(super) fn policy(column: &'static str, list: &'static str) -> Vec<Column> {
    let rules = number(column, move |object| count(object.at(&["spec", list])));
    vec![name(), rules, text("ParamKind", param_kind), age()]
}

fn param_kind(policy: &Object) -> String {
    let part = |field| policy.str_at(&["spec", "paramKind", field]);
    match policy.at(&["spec", "paramKind"]).filter(|kind| !kind.is_null()) {
        Some(_) => format!("{}/{}", part("apiVersion"), part("kind")),
        None => UNSET.to_owned(),
    }
}

pub(super) fn binding() -> Vec<Column> {
    let policy = text("PolicyName", |object| object.str_at(&["spec", "policyName"]).to_owned());
    vec![name(), policy, text("ParamRef", param_ref), age()]
}

fn param_ref(binding: &Object) -> String {
    let body: Body<BindingSpec> = typed(binding);
    match body.spec.param_ref {
        Some(ParamRef { name, namespace, .. }) if !name.is_empty() => {
            // Nothing here tells whether the parameters have namespaces at all.
            let namespace = if namespace.is_empty() { "*" } else { &namespace };
            format!("{namespace}/{name}")
        }
        Some(ParamRef { selector: Some(selector), .. }) => printed(&selector),
        _ => UNSET.to_owned(),
    }
}

/// As Go prints the message.
fn printed(selector: &LabelSelector) -> String {
    let labels: Vec<String> =
        selector.match_labels.iter().map(|(key, value)| format!("{key}: {value},")).collect();
    let expressions = selector.match_expressions.iter().map(|expression| {
        format!(
            "LabelSelectorRequirement{{Key:{},Operator:{},Values:[{}],}},",
            expression.key,
            expression.operator,
            expression.values.join(" ")
        )
    });
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{}}},MatchExpressions:[]LabelSelectorRequirement{{{}}},}}",
        labels.concat(),
        expressions.collect::<String>()
    )
}
