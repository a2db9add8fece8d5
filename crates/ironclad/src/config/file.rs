//! A configuration file, held against what can be set: the defaults are the list of valid keys and of the
//! types that their values have.

use serde_json::{Map, Value};

use super::{Config, nearest::nearest};

/// Reads a file. The error names the key, and the nearest valid one if it is not known.
pub fn parse(text: &[u8]) -> Result<Config, String> {
    let decoded = ironclad_api::yaml::decode(text).map_err(|error| error.converting())?;
    if let Some(twice) = decoded.strict_error() {
        return Err(twice);
    }
    let given = match decoded.value {
        Value::Object(given) => given,
        Value::Null => return Ok(Config::default()),
        _ => return Err("a configuration is a map of keys to values".into()),
    };
    let mut merged = serde_json::to_value(Config::default()).map_err(|error| error.to_string())?;
    for (path, value) in settings(&given, &merged)? {
        set(&mut merged, &path, value);
        // One at a time, so that a value that cannot be is told by its key.
        Config::deserialize_from(&merged).map_err(|error| format!("{}: {error}", path.join(".")))?;
    }
    Config::deserialize_from(&merged)
}

impl Config {
    fn deserialize_from(value: &Value) -> Result<Self, String> {
        serde_json::from_value(value.clone()).map_err(|error| error.to_string())
    }
}

type Setting = (Vec<String>, Value);

/// The single settings in `given`, each with its path.
fn settings(given: &Map<String, Value>, valid: &Value) -> Result<Vec<Setting>, String> {
    let mut found = Vec::new();
    collect(given, valid, &mut Vec::new(), &mut found)?;
    Ok(found)
}

fn collect(
    given: &Map<String, Value>,
    valid: &Value,
    path: &mut Vec<String>,
    found: &mut Vec<Setting>,
) -> Result<(), String> {
    let none = Map::new();
    let valid = valid.as_object().unwrap_or(&none);
    for (key, value) in given {
        path.push(key.clone());
        match (valid.get(key), value) {
            (None, _) => return Err(unknown(path, key, valid)),
            // A map without keys of its own (labels) is a value.
            (Some(Value::Object(below)), Value::Object(given)) if !below.is_empty() => {
                collect(given, &Value::Object(below.clone()), path, found)?;
            }
            (Some(_), Value::Null) => {}
            (Some(expected), value) if kind(expected) != kind(value) => {
                return Err(format!(
                    "{}: expected {}, found {}",
                    path.join("."),
                    kind(expected),
                    kind(value)
                ));
            }
            (Some(_), value) => found.push((path.clone(), value.clone())),
        }
        path.pop();
    }
    Ok(())
}

fn unknown(path: &[String], key: &str, valid: &Map<String, Value>) -> String {
    let parent = path.split_last().map(|(_, parent)| parent.join(".")).unwrap_or_default();
    let full = |key: &str| if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") };
    let hint = match nearest(key, valid.keys().map(String::as_str)) {
        Some(name) => format!("did you mean {}?", full(name)),
        None => {
            let names: Vec<&str> = valid.keys().map(String::as_str).collect();
            format!("valid keys here are {}", names.join(", "))
        }
    };
    format!("unknown key {}; {hint}", full(key))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn set(tree: &mut Value, path: &[String], value: Value) {
    let mut place = tree;
    for key in path {
        let Some(next) = place.get_mut(key) else { return };
        place = next;
    }
    *place = value;
}

/// An optional value whose absence is written as an empty text, so that defaults tell its type.
pub mod text_or_empty {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<T: Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&value.as_ref().map(ToString::to_string).unwrap_or_default())
    }

    pub fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        match String::deserialize(from)?.as_str() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(Error::custom),
        }
    }
}

/// A duration as Go writes it: `30s`, `2m`, `1h30m`.
pub mod go_duration {
    use std::time::Duration;

    use ironclad_api::duration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&duration::format(jiff::SignedDuration::try_from(*value).unwrap_or_default()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        let parsed = duration::parse(&text).map_err(Error::custom)?;
        Duration::try_from(parsed).map_err(|_| Error::custom(format!("{text} is less than nothing")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_by_their_key() {
        let check = |text: &str, expected: &str| {
            assert_eq!(parse(text.as_bytes()).map(|_| ()), Err(expected.to_owned()), "{text}");
        };
        check("network: {pod: 10.0.0.0/8}", "unknown key network.pod; did you mean network.pods?");
        check("dat: /x", "unknown key dat; did you mean data?");
        check(
            "api: {zzzzzz: 1}",
            "unknown key api.zzzzzz; valid keys here are advertiseAddress, audit, auditPolicy, auditWebhook, authentication, authorization, encryption, listen, names, tokenWebhook, tracing",
        );
        check("network: {pods: nonsense}", "network.pods: invalid IP address syntax");
        check("node: {maxPods: many}", "node.maxPods: expected a number, found a text");
        check(
            "api: {auditWebhook: {batchWait: 5}}",
            "api.auditWebhook.batchWait: expected a text, found a number",
        );
        check(
            "api: {auditWebhook: {batchWait: 5 apples}}",
            "api.auditWebhook.batchWait: time: unknown unit \" apples\" in duration \"5 apples\"",
        );
        check(
            "api: {tokenWebhook: {version: v2}}",
            "api.tokenWebhook.version: \"v2\" is no version of a review: it must be v1 or v1beta1",
        );
        check("node: web", "node: expected a map, found a text");
        check("[]", "a configuration is a map of keys to values");
    }

    #[test]
    fn what_is_set_replaces_its_default_and_nothing_else() {
        let text =
            b"node: {name: n1, labels: {tier: edge}}\napi: {advertiseAddress: 10.0.0.7}\nclusterName:\n";
        let config = parse(text).expect("a configuration");
        let mut expected = Config::default();
        expected.node.name = "n1".into();
        expected.node.labels.insert("tier".into(), "edge".into());
        expected.api.advertise_address = Some([10, 0, 0, 7].into());
        assert_eq!(config, expected);
        assert_eq!(parse(b""), Ok(Config::default()));
    }
}
