//! `metav1.Condition` in the status of an object.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{fault_unless, invalid_each, is_framed, label, pattern_fault};
use crate::field::{FieldError, FieldErrors, Path};

const REASON_MAX: usize = 1 << 10;
const MESSAGE_MAX: usize = 32 << 10;

/// Every condition is well formed, and each type stands once.
pub fn conditions(path: &Path, conditions: &[Value]) -> FieldErrors {
    let mut types = BTreeSet::new();
    let mut errors = FieldErrors::new();
    for (index, condition) in conditions.iter().enumerate() {
        let at = path.index(index);
        let kind = text(condition, "type");
        if !types.insert(kind) {
            errors.push(FieldError::duplicate(&at.child("type"), kind));
        }
        errors.extend(self::condition(&at, condition));
    }
    errors
}

pub fn condition(path: &Path, condition: &Value) -> FieldErrors {
    let mut errors = label::label_key(&path.child("type"), text(condition, "type"));
    let status = text(condition, "status");
    let statuses = ["False", "True", "Unknown"];
    if !statuses.contains(&status) {
        errors.push(FieldError::not_supported(&path.child("status"), status, statuses));
    }
    let generation = condition.get("observedGeneration").and_then(Value::as_i64).unwrap_or(0);
    if generation < 0 {
        let detail = "must be greater than or equal to zero";
        errors.push(FieldError::invalid(&path.child("observedGeneration"), generation, detail));
    }
    if text(condition, "lastTransitionTime").is_empty() {
        errors.push(FieldError::required(&path.child("lastTransitionTime"), ""));
    }
    errors.extend(reason(&path.child("reason"), text(condition, "reason")));
    if text(condition, "message").len() > MESSAGE_MAX {
        errors.push(FieldError::too_long(&path.child("message"), MESSAGE_MAX));
    }
    errors
}

fn reason(path: &Path, reason: &str) -> FieldErrors {
    if reason.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let starts = reason.starts_with(|c: char| c.is_ascii_alphabetic());
    let valid = starts && is_framed(reason, word, |b| b.is_ascii_alphanumeric() || b"_,:".contains(&b));
    let faults = fault_unless(valid, || {
        let words = "a condition reason must start with alphabetic character, optionally followed by a string of \
            alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'";
        let examples = ["my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB"];
        pattern_fault(words, "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?", &examples)
    });
    let mut errors = invalid_each(path, reason, faults);
    if reason.len() > REASON_MAX {
        errors.push(FieldError::too_long(path, REASON_MAX));
    }
    errors
}

fn text<'a>(condition: &'a Value, field: &str) -> &'a str {
    condition.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_are_checked_field_by_field() {
        let good = json!({"type": "a.io/Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z",
            "reason": "A_b,C:d", "message": ""});
        let check = |change: Value, want: &[&str]| {
            let mut condition = good.clone();
            condition.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let errors = self::condition(&Path::new("c"), &condition);
            let texts: Vec<String> =
                errors.iter().map(|e| format!("{}: {}", e.field, e.kind.words())).collect();
            assert_eq!(texts, want);
        };
        check(json!({}), &[]);
        check(json!({"type": ":"}), &["c.type: Invalid value"]);
        check(json!({"status": "Yes"}), &["c.status: Unsupported value"]);
        check(json!({"observedGeneration": -1}), &["c.observedGeneration: Invalid value"]);
        check(json!({"lastTransitionTime": null}), &["c.lastTransitionTime: Required value"]);
        check(json!({"reason": ""}), &["c.reason: Required value"]);
        check(json!({"reason": "1a"}), &["c.reason: Invalid value"]);
        check(json!({"reason": "a:"}), &["c.reason: Invalid value"]);
        check(json!({"reason": "a".repeat(1025)}), &["c.reason: Too long"]);
        check(json!({"message": "a".repeat(32769)}), &["c.message: Too long"]);
    }

    #[test]
    fn a_type_stands_once() {
        let one = json!({"type": "A", "status": "True", "lastTransitionTime": "t", "reason": "R"});
        let errors = conditions(&Path::new("c"), &[one.clone(), one]);
        assert_eq!(errors[0].to_string(), "c[1].type: Duplicate value: \"A\"");
    }
}
