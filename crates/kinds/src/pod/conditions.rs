//! `status.conditions` of pods.

use ironclad_api::{Object, time};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// What a condition is to say.
pub(super) struct Condition {
    pub kind: &'static str,
    pub status: &'static str,
    pub reason: &'static str,
    pub message: &'static str,
}

impl Condition {
    fn to_json(&self, since: Value) -> Value {
        let mut condition = Map::from_iter([
            ("type".to_owned(), json!(self.kind)),
            ("status".to_owned(), json!(self.status)),
            ("lastProbeTime".to_owned(), Value::Null),
            ("lastTransitionTime".to_owned(), since),
        ]);
        for (field, text) in [("reason", self.reason), ("message", self.message)] {
            if !text.is_empty() {
                condition.insert(field.to_owned(), text.into());
            }
        }
        Value::Object(condition)
    }
}

/// Adds the condition or takes the place of the one of its type; the time of the last
/// transition changes with the status only.
pub(super) fn set(pod: &mut Object, condition: &Condition, now: Timestamp) {
    let conditions = pod.section_mut("status").entry("conditions").or_insert_with(|| json!([]));
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(conditions) = conditions.as_array_mut() else { return };
    let since = json!(time::format(now));
    match conditions.iter_mut().find(|standing| standing["type"] == condition.kind) {
        None => conditions.push(condition.to_json(since)),
        Some(standing) if standing["status"] == condition.status => {
            *standing = condition.to_json(standing["lastTransitionTime"].clone());
        }
        Some(standing) => *standing = condition.to_json(since),
    }
}

/// Whether the condition of a type is true.
pub(super) fn is_true(pod: &Object, kind: &str) -> bool {
    let conditions = pod.at(&["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
    let mut of_kind = conditions.filter(|condition| condition["type"] == kind);
    of_kind.next().is_some_and(|condition| condition["status"] == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_transition_changes_with_the_status() {
        let check = |standing: Value, want: Value| {
            let mut pod = Object::from_value(json!({"status": {"conditions": standing}})).expect("an object");
            let condition = Condition { kind: "Ready", status: "True", reason: "Because", message: "" };
            set(&mut pod, &condition, Timestamp::from_second(60).expect("a time"));
            assert_eq!(pod.at(&["status", "conditions"]), Some(&want));
        };
        let ready = |status: &str, since: &str| {
            json!([{"type": "Ready", "status": status, "reason": "Because",
                "lastProbeTime": null, "lastTransitionTime": since}])
        };
        let (old, new) = ("1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z");
        check(json!([]), ready("True", new));
        check(ready("False", old), ready("True", new));
        check(ready("True", old), ready("True", old));
    }
}
