//! What an event must be. Those that are written as `events.k8s.io/v1` are held to more, and change in nothing but
//! their series.

use ironclad_api::validation::meta::immutable;
use ironclad_api::{FieldError, Object, Path, validation};
use serde_json::{Map, Value};

/// What an event with `eventTime` must have, and how long it may be.
const REQUIRED: [(&str, usize); 3] = [("reportingInstance", 128), ("action", 128), ("reason", 128)];
const MAX_MESSAGE: usize = 1024;
/// The stored names of what never changes, in upstream's order.
const FIXED: [&str; 13] = [
    "involvedObject",
    "reason",
    "message",
    "source",
    "firstTimestamp",
    "lastTimestamp",
    "count",
    "type",
    "eventTime",
    "action",
    "related",
    "reportingComponent",
    "reportingInstance",
];
/// The fields of references and sources, as Go names them, in its order.
const REFERENCE: [(&str, &str); 7] = [
    ("Kind", "kind"),
    ("Namespace", "namespace"),
    ("Name", "name"),
    ("UID", "uid"),
    ("APIVersion", "apiVersion"),
    ("ResourceVersion", "resourceVersion"),
    ("FieldPath", "fieldPath"),
];
const SOURCE: [(&str, &str); 2] = [("Component", "component"), ("Host", "host")];

/// `newer`: the request is one of `events.k8s.io/v1`.
pub(super) fn validate(new: &Object, old: Option<&Object>, newer: bool) -> Vec<FieldError> {
    let mut errors: Vec<_> = validate_namespace(new).into_iter().collect();
    if has_event_time(new) {
        errors.extend(validate_report(new, newer));
    }
    match old {
        _ if !newer => {}
        None => errors.extend(validate_new(new)),
        Some(old) => errors.extend(validate_change(new, old)),
    }
    errors
}

fn has_event_time(event: &Object) -> bool {
    !event.str_at(&["eventTime"]).is_empty()
}

/// An event lives with the object that it is about; those about cluster-scoped objects live in `default`.
fn validate_namespace(event: &Object) -> Option<FieldError> {
    let involved = event.str_at(&["involvedObject", "namespace"]);
    let own = event.namespace();
    let fits = match (involved, has_event_time(event)) {
        ("", false) => own == "default",
        ("", true) => own == "default" || own == "kube-system",
        (involved, false) => own == involved,
        (_, true) => true,
    };
    let path = Path::new("involvedObject").child("namespace");
    (!fits).then(|| FieldError::invalid(&path, involved, "does not match event.namespace"))
}

fn validate_report(event: &Object, newer: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let path = Path::new(if newer { "reportingController" } else { "reportingComponent" });
    let component = event.str_at(&["reportingComponent"]);
    if component.is_empty() {
        errors.push(FieldError::required(&path, ""));
    }
    errors.extend(validation::invalid_each(&path, component, validation::qualified_name(component)));
    for (field, limit) in REQUIRED {
        let path = Path::new(field);
        match event.str_at(&[field]) {
            "" => errors.push(FieldError::required(&path, "")),
            value if value.len() > limit => {
                errors.push(FieldError::invalid(&path, "", format!("can have at most {limit} characters")));
            }
            _ => {}
        }
    }
    if event.str_at(&["message"]).len() > MAX_MESSAGE {
        let detail = format!("can have at most {MAX_MESSAGE} characters");
        errors.push(FieldError::invalid(&Path::new("message"), "", detail));
    }
    errors
}

/// What only the fields of old can say must be unset in a new event.
fn validate_new(event: &Object) -> Vec<FieldError> {
    let mut errors = validate_series(event);
    if !has_event_time(event) {
        errors.push(FieldError::required(&Path::new("eventTime"), ""));
    }
    let kind = event.str_at(&["type"]);
    if !["Normal", "Warning"].contains(&kind) {
        errors.push(FieldError::invalid(&Path::new("type"), "", format!("has invalid value: {kind}")));
    }
    let count = event.at(&["count"]).and_then(Value::as_i64).unwrap_or(0);
    let set = [
        ("firstTimestamp", !event.str_at(&["firstTimestamp"]).is_empty()),
        ("lastTimestamp", !event.str_at(&["lastTimestamp"]).is_empty()),
        ("count", count != 0),
        ("source", SOURCE.iter().any(|(_, field)| !event.str_at(&["source", field]).is_empty())),
    ];
    let set = set.into_iter().filter(|(_, set)| *set);
    errors.extend(set.map(|(field, _)| FieldError::invalid(&Path::new(field), "", "needs to be unset")));
    errors
}

fn validate_change(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if new.at(&["series"]) != old.at(&["series"]) {
        errors.extend(validate_series(new));
    }
    for field in FIXED {
        let name = if field == "reportingComponent" { "reportingController" } else { field };
        let (new, old) = (fixed(new, field), fixed(old, field));
        errors.extend(immutable(&Path::new(name), &new, &old));
    }
    errors
}

fn validate_series(event: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if event.at(&["series"]).is_some_and(Value::is_object) {
        if event.at(&["series", "count"]).and_then(Value::as_i64).unwrap_or(0) < 2 {
            errors.push(FieldError::invalid(&Path::new("series.count"), "", "should be at least 2"));
        }
        if event.str_at(&["series", "lastObservedTime"]).is_empty() {
            errors.push(FieldError::required(&Path::new("series.lastObservedTime"), ""));
        }
    }
    errors
}

/// A field as Go prints it.
fn fixed(event: &Object, field: &str) -> Value {
    let value = event.at(&[field]);
    match field {
        "involvedObject" => named(value, &REFERENCE),
        "related" if value.is_some_and(Value::is_object) => named(value, &REFERENCE),
        "source" => named(value, &SOURCE),
        "count" => value.and_then(Value::as_i64).unwrap_or(0).into(),
        "related" | "firstTimestamp" | "lastTimestamp" | "eventTime" => value.cloned().unwrap_or_default(),
        _ => event.str_at(&[field]).into(),
    }
}

fn named(value: Option<&Value>, names: &[(&str, &str)]) -> Value {
    let text =
        |field: &str| value.and_then(|value| value.get(field)).and_then(Value::as_str).unwrap_or_default();
    let fields: Map<String, Value> =
        names.iter().map(|(name, field)| ((*name).to_owned(), text(field).into())).collect();
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_lives_with_its_object() {
        for (involved, own, event_time, expected) in [
            ("a", "a", "", true),
            ("a", "b", "", false),
            ("", "default", "", true),
            ("", "a", "", false),
            ("", "kube-system", "2026-01-01T00:00:00.000000Z", true),
        ] {
            let event = json!({
                "metadata": {"namespace": own}, "involvedObject": {"namespace": involved}, "eventTime": event_time,
            });
            let event = Object::from_value(event).expect("an object");
            assert_eq!(validate_namespace(&event).is_none(), expected, "{involved:?} {own:?}");
        }
    }

    fn event(more: Value) -> Object {
        let mut event = json!({
            "metadata": {"namespace": "a"}, "involvedObject": {"namespace": "a"}, "message": "m", "reason": "r",
            "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal", "action": "a",
            "reportingComponent": "x/y", "reportingInstance": "i",
        });
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        Object::from_value(event).expect("an object")
    }

    /// As upstream 1.36 answers.
    #[test]
    fn events_of_the_newer_group_are_held_to_more() {
        let check = |more: Value, newer: &[&str]| {
            let texts = |newer| -> Vec<String> {
                validate(&event(more.clone()), None, newer).iter().map(ToString::to_string).collect()
            };
            assert_eq!(texts(true), newer, "{more}");
            assert!(texts(false).is_empty(), "{more}");
        };
        check(json!({}), &[]);
        check(json!({"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:00.000000Z"}}), &[]);
        check(
            json!({"series": {}}),
            &[
                "series.count: Invalid value: \"\": should be at least 2",
                "series.lastObservedTime: Required value",
            ],
        );
        check(json!({"type": "Bad"}), &["type: Invalid value: \"\": has invalid value: Bad"]);
        check(
            json!({"count": 1, "source": {"host": "h"}, "lastTimestamp": "2026-01-01T00:00:00Z"}),
            &[
                "lastTimestamp: Invalid value: \"\": needs to be unset",
                "count: Invalid value: \"\": needs to be unset",
                "source: Invalid value: \"\": needs to be unset",
            ],
        );
    }

    #[test]
    fn events_of_the_newer_group_change_in_their_series_only() {
        let check = |more: Value, newer: &[&str]| {
            let errors = validate(&event(more.clone()), Some(&event(json!({}))), true);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), newer, "{more}");
            assert!(validate(&event(more), Some(&event(json!({}))), false).is_empty());
        };
        check(json!({"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:00.000000Z"}}), &[]);
        check(json!({"message": "n"}), &["message: Invalid value: \"n\": field is immutable"]);
        check(json!({"count": 15}), &["count: Invalid value: 15: field is immutable"]);
        check(
            json!({"source": {"component": "c"}, "reportingComponent": "z/y"}),
            &[
                "source: Invalid value: {\"Component\":\"c\",\"Host\":\"\"}: field is immutable",
                "reportingController: Invalid value: \"z/y\": field is immutable",
            ],
        );
    }
}
