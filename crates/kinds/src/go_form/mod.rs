//! Values as upstream's errors print them: as the JSON of its internal Go structs, which name their
//! fields as Go does, leave out nothing, and differ a little from what the API has.
//!
//! `types.txt` has those structs, one a line: its name, then `Field:kind` for each field. Its name in
//! the API is the same with a small letter, or stands after a `=`. Kinds are `s` (a text), `b` (a
//! boolean), `0` (a number), `q` (a quantity), `n` (what may be null, printed as the API has it), another
//! struct, `*` one that may be null, and `[]` a list of them. `-` goes before what is left out when it
//! is absent, and `+Struct=field` stands for the fields of a struct that are printed as one's own.

mod print;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use ironclad_api::field::{BadValue, FieldError, FieldErrors, Path};
use ironclad_api::goprint;
use ironclad_api::validation::meta::IMMUTABLE;
use serde::Serialize;
use serde_json::Value;

use print::Node;

/// What upstream holds in a pod's security context, and the API beside it.
const IN_SECURITY_CONTEXT: [&str; 5] =
    ["hostIPC", "hostNetwork", "hostPID", "hostUsers", "shareProcessNamespace"];

static STRUCTS: LazyLock<HashMap<&str, Vec<Field>>> = LazyLock::new(|| {
    let lines = include_str!("types.txt").lines().filter_map(|line| line.split_once(' '));
    lines.map(|(name, fields)| (name, fields.split(' ').filter_map(Field::parse).collect())).collect()
});

struct Field {
    /// Empty for a struct whose fields are its own.
    go: &'static str,
    api: Cow<'static, str>,
    kind: &'static str,
    may_be_absent: bool,
}

impl Field {
    fn parse(text: &'static str) -> Option<Self> {
        if let Some(embedded) = text.strip_prefix('+') {
            let (kind, api) = embedded.split_once('=')?;
            return Some(Self { go: "", api: api.into(), kind, may_be_absent: false });
        }
        let (names, kind) = text.split_once(':')?;
        let (go, api) = match names.split_once('=') {
            Some((go, api)) => (go, api.into()),
            None => (names, with_small_letter(names)),
        };
        let may_be_absent = kind.starts_with('-');
        Some(Self { go, api, kind: kind.trim_start_matches('-'), may_be_absent })
    }
}

fn with_small_letter(name: &'static str) -> Cow<'static, str> {
    match name.split_at_checked(1) {
        Some((first, rest)) if first.chars().all(char::is_uppercase) => {
            Cow::Owned(first.to_lowercase() + rest)
        }
        _ => Cow::Borrowed(name),
    }
}

/// The struct on one line, as a refused value is told.
pub(crate) fn compact(name: &str, value: &impl Serialize) -> BadValue {
    let value = serde_json::to_value(value).unwrap_or_default();
    BadValue::Printed(of_kind(name, Some(&value)).compact())
}

/// The struct with one field a line, as changes are told.
pub(crate) fn pretty(name: &str, value: &Value) -> String {
    of_kind(name, Some(value)).pretty()
}

/// `field is immutable` unless both are the same. `name` is that of the struct, after a `*` if it may be
/// absent.
pub(crate) fn immutable(path: &Path, name: &str, new: &Value, old: &Value) -> FieldErrors {
    let error = (new != old).then(|| FieldError::invalid(path, compact(name, new), IMMUTABLE));
    error.into_iter().collect()
}

fn of_kind(kind: &str, value: Option<&Value>) -> Node {
    let value = value.filter(|value| !value.is_null());
    let zero = |text: &str| value.map_or_else(|| Node::Scalar(text.to_owned()), plain);
    match kind {
        "s" => zero("\"\""),
        "b" => zero("false"),
        "0" => zero("0"),
        "q" => zero("\"0\""),
        "n" => zero("null"),
        _ => match (kind.strip_prefix("[]"), kind.strip_prefix('*'), value) {
            (Some(_), _, None) | (_, Some(_), None) => Node::Scalar("null".to_owned()),
            (Some(element), _, Some(Value::Array(elements))) => {
                Node::List(elements.iter().map(|value| of_kind(element, Some(value))).collect())
            }
            (_, target, value) => of_struct(target.unwrap_or(kind), value),
        },
    }
}

fn of_struct(name: &str, value: Option<&Value>) -> Node {
    let Some(fields) = STRUCTS.get(name) else { return plain(value.unwrap_or(&Value::Null)) };
    let value = value.map(|value| as_upstream(name, value));
    let mut members = Vec::with_capacity(fields.len());
    push_fields(fields, value.as_deref(), &mut members);
    Node::Object(members)
}

fn push_fields(fields: &[Field], value: Option<&Value>, members: &mut Vec<(String, Node)>) {
    for field in fields {
        let inner = value.and_then(|value| value.get(field.api.as_ref()));
        match STRUCTS.get(field.kind).filter(|_| field.go.is_empty()) {
            Some(own) => push_fields(own, inner, members),
            None if field.may_be_absent && inner.is_none() => {}
            None => members.push((goprint::quote(field.go), of_kind(field.kind, inner))),
        }
    }
}

/// A struct's value with everything where upstream has it.
fn as_upstream<'v>(name: &str, value: &'v Value) -> Cow<'v, Value> {
    let mut value = Cow::Borrowed(value);
    if name == "PodSpec"
        && let Some(spec) = value.to_mut().as_object_mut()
    {
        let moved = IN_SECURITY_CONTEXT.map(|field| (field, spec.remove(field)));
        let context = ironclad_api::object::object_in(spec, "securityContext");
        context.extend(moved.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))));
    }
    value
}

/// What the API and Go print alike.
fn plain(value: &Value) -> Node {
    match value {
        Value::Array(elements) => Node::List(elements.iter().map(plain).collect()),
        Value::Object(fields) => Node::Object(
            fields.iter().map(|(name, value)| (goprint::json(&name.as_str().into()), plain(value))).collect(),
        ),
        scalar => Node::Scalar(goprint::json(scalar)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn structs_are_printed_with_all_their_fields() {
        let check = |name: &str, value: Value, want: &str| match compact(name, &value) {
            BadValue::Printed(text) => assert_eq!(text, want),
            other => panic!("{other:?}"),
        };
        check("NodeAddress", json!({"type": "Hostname"}), r#"{"Type":"Hostname","Address":""}"#);
        check("*NodeSelector", json!(null), "null");
        check(
            "NodeSelector",
            json!({"nodeSelectorTerms": [{"matchFields": [{"key": "<", "operator": "In", "values": ["b"]}]}]}),
            r#"{"NodeSelectorTerms":[{"MatchExpressions":null,"MatchFields":[{"Key":"\u003c","Operator":"In","Values":["b"]}]}]}"#,
        );
        check(
            "LabelSelector",
            json!({"matchExpressions": [{"key": "a", "operator": "Exists"}], "matchLabels": {"x": "y"}}),
            r#"{"matchLabels":{"x":"y"},"matchExpressions":[{"key":"a","operator":"Exists"}]}"#,
        );
        check(
            "PersistentVolumeClaimTemplate",
            json!({"metadata": {"labels": {"a": "b"}}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}),
            r#"{"labels":{"a":"b"},"Spec":{"AccessModes":null,"Selector":null,"Resources":{"Limits":null,"Requests":{"storage":"1Gi"}},"VolumeName":"","StorageClassName":null,"VolumeMode":null,"DataSource":null,"DataSourceRef":null,"VolumeAttributesClassName":null}}"#,
        );
    }

    #[test]
    fn what_pods_share_with_their_host_stands_in_their_security_context() {
        let text = pretty("PodSpec", &json!({"hostNetwork": true, "securityContext": {"runAsUser": 1}}));
        let context = "\n \"SecurityContext\": {\n  \"HostNetwork\": true,\n  \"HostPID\": false,\n";
        assert!(text.starts_with("{\n \"Volumes\": null,\n \"InitContainers\": null,\n"), "{text}");
        assert!(text.contains(context) && text.contains("\n  \"RunAsUser\": 1,\n"), "{text}");
    }

    #[test]
    fn every_kind_is_one_that_there_is() {
        for (name, fields) in STRUCTS.iter() {
            for field in fields {
                let kind = field.kind.trim_start_matches("[]").trim_start_matches('*');
                assert!(
                    ["s", "b", "0", "q", "n"].contains(&kind) || STRUCTS.contains_key(kind),
                    "{name}: {kind}"
                );
            }
        }
    }
}
