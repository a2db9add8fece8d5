//! `x-kubernetes-validations`, as far as they can be checked without evaluating them.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use serde_json::Value;

use super::{Keywords, many, text};
use crate::validation_rules::path as schema_path;

const NAME: &str = "x-kubernetes-validations";
const REASONS: [&str; 4] =
    ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

pub(super) fn validate(keywords: &Keywords, path: &Path, errors: &mut FieldErrors) {
    for (index, rule) in many(keywords, NAME).enumerate() {
        one_rule(rule, keywords, &path.child(NAME).index(index), errors);
    }
}

fn has_newline(text: &str) -> bool {
    text.contains(['\n', '\r'])
}

fn one_rule(rule: &Keywords, schema: &Keywords, path: &Path, errors: &mut FieldErrors) {
    errors.extend(expression_and_message(rule, path));
    let blank = |name: &str| !text(rule, name).is_empty() && text(rule, name).trim().is_empty();
    if blank("messageExpression") {
        let detail = "messageExpression must be non-empty if specified";
        errors.push(FieldError::required(&path.child("messageExpression"), detail));
    }
    if let Some(reason) =
        rule.get("reason").and_then(Value::as_str).filter(|reason| !REASONS.contains(reason))
    {
        errors.push(FieldError::not_supported(&path.child("reason"), reason, REASONS));
    }
    let (at, given) = (path.child("fieldPath"), text(rule, "fieldPath"));
    if blank("fieldPath") {
        errors.push(FieldError::invalid(&at, given, "must be non-empty if specified"));
    }
    if has_newline(given) {
        errors.push(FieldError::invalid(&at, given, "must not contain line breaks"));
    }
    let schema = Value::Object(schema.clone());
    if !given.is_empty() && schema_path::find(given, &schema, true).is_err() {
        errors.push(FieldError::invalid(&at, given, "must be a valid path"));
    }
}

fn expression_and_message(rule: &Keywords, path: &Path) -> Option<FieldError> {
    let (expression, message) = (text(rule, "rule").trim(), text(rule, "message"));
    let at = path.child("message");
    match message.trim() {
        _ if expression.is_empty() => {
            Some(FieldError::required(&path.child("rule"), "rule is not specified"))
        }
        "" if !message.is_empty() => {
            Some(FieldError::invalid(&at, message, "must be non-empty if specified"))
        }
        trimmed if has_newline(trimmed) => {
            Some(FieldError::invalid(&at, message, "must not contain line breaks"))
        }
        "" if has_newline(expression) => {
            Some(FieldError::required(&at, "message must be specified if rule contains line breaks"))
        }
        _ => None,
    }
}
