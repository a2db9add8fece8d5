//! `x-kubernetes-validations` compiled: rules must be sound, and may not cost too much.
//!
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#resource-use-by-validation-functions>

use std::sync::Arc;

use ironclad_api::field::{BadValue, FieldError, FieldErrors, Path};
use ironclad_api::goprint;
use ironclad_cel::limits::MAX_REQUEST_SIZE_BYTES;
use ironclad_cel::{Declared, Program};
use serde_json::{Value, json};

use super::{Keywords, text};
use crate::validation_rules::{KEYWORD, Rule, TYPE_NAME, has_rules, rules};

/// What one rule may cost, for all the values of an object that it may be held against.
const RULE_LIMIT: u64 = 10_000_000;
/// What all rules of a version may cost together.
const TOTAL_LIMIT: u64 = 100_000_000;
/// So many of the most expensive rules are named.
const NAMED: usize = 4;
const ADVICE: &str = "try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, \
                      maps, and strings are declared";

/// Everything wrong with the rules of a schema that is sound otherwise.
pub(super) fn validate(schema: &Value, path: &Path) -> FieldErrors {
    if !has_rules(schema) {
        return FieldErrors::new();
    }
    let declared = Arc::new(Declared::from_openapi(schema, TYPE_NAME, true));
    let mut check = Check { errors: FieldErrors::new(), total: 0, expensive: Vec::new() };
    check.schema(schema, Place { declared: &declared, count: Some(1), uncorrelated: None }, path);
    check.total(path);
    check.errors
}

/// Where a schema stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    declared: &'a Arc<Declared>,
    /// How many values of it an object may have. `None` without a bound.
    count: Option<u64>,
    /// The schema around it whose values cannot be told apart between old and new.
    uncorrelated: Option<&'a Path>,
}

struct Check {
    errors: FieldErrors,
    total: u64,
    expensive: Vec<(u64, Path)>,
}

impl Check {
    fn schema(&mut self, schema: &Value, place: Place<'_>, path: &Path) {
        let Some(keywords) = schema.as_object().filter(|_| has_rules(schema)) else { return };
        let count = place.count.zip(most_elements(keywords)).map(|(a, b)| a.saturating_mul(b));
        if let Some(values) = keywords.get("additionalProperties").filter(|values| values.is_object()) {
            let inner = Place { count, ..place };
            self.inner(values, inner, place.declared.element(), &path.child("additionalProperties"));
        }
        for (name, property) in keywords.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let field = place.declared.property(name);
            self.inner(property, Place { count, ..place }, field, &path.child("properties").key(name));
        }
        if let Some(items) = keywords.get("items") {
            let known = text(keywords, "x-kubernetes-list-type") == "map";
            let uncorrelated = if known { place.uncorrelated } else { place.uncorrelated.or(Some(path)) };
            let inner = Place { count, uncorrelated, ..place };
            self.inner(items, inner, place.declared.element(), &path.child("items"));
        }
        for (index, rule) in rules(schema).enumerate() {
            self.rule(rule, schema, place, &path.child(KEYWORD).index(index));
        }
    }

    fn inner(&mut self, schema: &Value, place: Place<'_>, declared: Option<&Arc<Declared>>, path: &Path) {
        // A schema whose place has no type may have one by itself.
        let own;
        let declared = match declared {
            Some(declared) => declared,
            None => {
                own = Arc::new(Declared::from_openapi(schema, TYPE_NAME, false));
                &own
            }
        };
        if !declared.is_usable() && rules(schema).next().is_some() {
            let why = "internal error: failed to construct type information for x-kubernetes-validations rules: \
                       unable to convert structural schema to CEL declarations";
            self.errors.push(FieldError::internal(&path.child(KEYWORD), why));
            return;
        }
        self.schema(schema, Place { declared, ..place }, path);
    }

    fn rule(&mut self, keywords: &Keywords, schema: &Value, place: Place<'_>, path: &Path) {
        let rule = Rule::compile(keywords, schema, place.declared);
        let printed = || BadValue::Printed(printed(keywords));
        let at = path.child("rule");
        match &rule.program {
            Some(Ok(program)) => {
                let most = most_values(place);
                self.cost(program, place.declared, most, "estimated rule cost", &at);
            }
            Some(Err(why)) => self.errors.push(FieldError::invalid(&at, printed(), why.as_str())),
            None => {}
        }
        let message = path.child("messageExpression");
        match &rule.message_program {
            Some(Ok(program)) => {
                self.cost(program, place.declared, 1, "estimated messageExpression cost", &message);
            }
            Some(Err(why)) => self.errors.push(FieldError::invalid(&message, printed(), why.as_str())),
            None => {}
        }
        match (rule.uses_old_self(), place.uncorrelated, keywords.get("optionalOldSelf")) {
            (true, Some(around), _) => {
                let detail = format!(
                    "oldSelf cannot be used on the uncorrelatable portion of the schema within {}",
                    around.as_str()
                );
                self.errors.push(FieldError::invalid(&at, rule.expression.as_str(), detail));
            }
            (false, _, Some(optional)) => {
                let detail = "may not be set if oldSelf is not used in rule";
                self.errors.push(FieldError::invalid(&path.child("optionalOldSelf"), optional, detail));
            }
            _ => {}
        }
    }

    fn cost(&mut self, program: &Program, declared: &Declared, times: u64, what: &str, path: &Path) {
        let cost = program.cost_estimate(declared).max.saturating_mul(times);
        if cost > RULE_LIMIT {
            self.errors.push(FieldError::forbidden(path, exceeded(what, cost, RULE_LIMIT)));
        }
        self.total = self.total.saturating_add(cost);
        if cost >= TOTAL_LIMIT / 100 {
            self.expensive.push((cost, path.clone()));
        }
    }

    fn total(&mut self, path: &Path) {
        if self.total <= TOTAL_LIMIT {
            return;
        }
        self.expensive.sort_by_key(|(cost, _)| std::cmp::Reverse(*cost));
        for (_, at) in self.expensive.iter().take(NAMED) {
            let detail =
                "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
            self.errors.push(FieldError::forbidden(at, detail));
        }
        let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        self.errors.push(FieldError::forbidden(path, exceeded(what, self.total, TOTAL_LIMIT)));
    }
}

/// By how much a schema multiplies the values inside of it. `None` without a bound.
fn most_elements(keywords: &Keywords) -> Option<u64> {
    let bound =
        |name: &str| keywords.get(name).and_then(Value::as_i64).map(|most| most.max(0).unsigned_abs());
    match text(keywords, "type") {
        "object" if keywords.contains_key("additionalProperties") => bound("maxProperties"),
        "array" => bound("maxItems"),
        _ => Some(1),
    }
}

/// How many values a rule may be held against: as many as a request has room for, if nothing
/// else bounds them.
fn most_values(place: Place<'_>) -> u64 {
    let room = MAX_REQUEST_SIZE_BYTES / (place.declared.min_size() + 1);
    place.count.unwrap_or(room.max(0).unsigned_abs())
}

fn exceeded(what: &str, cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    let factor = match factor {
        factor if factor > 100.0 => "more than 100x".to_owned(),
        factor if factor < 1.5 => format!("{factor:.6}x"),
        factor => format!("{factor:.1}x"),
    };
    format!("{what} exceeds budget by factor of {factor} ({ADVICE})")
}

/// A rule as Go prints its own form of it.
fn printed(rule: &Keywords) -> String {
    let field = |name: &str| goprint::json(&rule.get(name).cloned().unwrap_or_else(|| json!("")));
    let optional = |name: &str| goprint::json(rule.get(name).unwrap_or(&Value::Null));
    format!(
        "{{\"Rule\":{},\"Message\":{},\"MessageExpression\":{},\"Reason\":{},\"FieldPath\":{},\"OptionalOldSelf\":{}}}",
        field("rule"),
        field("message"),
        field("messageExpression"),
        optional("reason"),
        field("fieldPath"),
        optional("optionalOldSelf")
    )
}
