//! Objects as `k8s_openapi` types, for reading.
//!
//! Go has a zero time, which it writes as `null`; the types here have times that must be there. An
//! object whose conditions were written without one decodes with Go's zero time in its place.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The times that the types require.
const REQUIRED_TIMES: [&str; 2] = ["lastTransitionTime", "lastObservedTime"];
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Decodes a document. Fields that the type lacks are dropped.
pub(crate) fn from_slice<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(json).or_else(|_| from_map(serde_json::from_slice(json)?))
}

/// Decodes an object's tree.
pub(crate) fn from_tree<T: DeserializeOwned>(tree: &Map<String, Value>) -> Result<T, serde_json::Error> {
    let fields = tree.iter().map(|(name, value)| (name.as_str(), value));
    T::deserialize(serde::de::value::MapDeserializer::new(fields))
        .or_else(|_: serde_json::Error| from_map(tree.clone()))
}

fn from_map<T: DeserializeOwned>(mut tree: Map<String, Value>) -> Result<T, serde_json::Error> {
    fill_times(&mut tree);
    serde_json::from_value(Value::Object(tree))
}

fn fill_times(fields: &mut Map<String, Value>) {
    for (name, value) in fields {
        match value {
            Value::Null if REQUIRED_TIMES.contains(&name.as_str()) => *value = ZERO_TIME.into(),
            Value::Object(fields) => fill_times(fields),
            Value::Array(items) => items.iter_mut().filter_map(Value::as_object_mut).for_each(fill_times),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    struct Service {
        name: String,
        conditions: Vec<Condition>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Condition {
        last_transition_time: String,
    }

    #[test]
    fn a_condition_without_its_time_hides_no_object() {
        let check = |time: Value, want: Option<&str>| {
            let service = json!({"name": "web", "conditions": [{"lastTransitionTime": time}]});
            let tree = service.as_object().expect("an object");
            let read = |service: Service| {
                let times = service.conditions.into_iter().map(|condition| condition.last_transition_time);
                (service.name, times.collect::<Vec<_>>())
            };
            let want = want.map(|time| ("web".to_owned(), vec![time.to_owned()]));
            assert_eq!(from_tree(tree).ok().map(read), want, "{service}");
            assert_eq!(from_slice(service.to_string().as_bytes()).ok().map(read), want, "{service}");
        };
        check("2026-01-01T00:00:00Z".into(), Some("2026-01-01T00:00:00Z"));
        check(Value::Null, Some(ZERO_TIME));
        check(1.into(), None);
    }
}
