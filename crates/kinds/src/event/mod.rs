//! Events, in both groups: stored as `v1 Event`, served as `events.k8s.io/v1` too.

mod rules;

use ironclad_api::params::PropagationPolicy;
use std::time::Duration;

use ironclad_api::{FieldError, GroupVersion, Object, Status};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, SelectableField, Strategy, VersionSpec};
use ironclad_env::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use crate::columns::{age_of, column, text, timed, wide};
use crate::spec::{default_to, names, schema, spec};

const NEW_GROUP: &str = "events.k8s.io";
/// The fields that have another name in `events.k8s.io/v1`.
const RENAMED: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

pub struct Event {
    spec: KindSpec,
}

impl Event {
    pub fn new() -> Self {
        let field = |path: &'static [&'static str]| move |event: &Object| event.str_at(path).to_owned();
        let columns = vec![
            timed("Last Seen", last_seen),
            text("Type", field(&["type"])),
            text("Reason", field(&["reason"])),
            text("Object", about),
            wide(text("Subobject", |event| either(event, &["involvedObject", "fieldPath"]).to_owned())),
            wide(text("Source", source)),
            text("Message", |event| either(event, &["message"]).trim().to_owned()),
            wide(timed("First Seen", first_seen)),
            // Upstream declares it as a string and prints a number.
            wide(column("Count", "string", 0, |event, _| count(event).into())),
            wide(crate::columns::name()),
        ];
        let involved = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];
        let mut selectable: Vec<_> =
            involved.iter().map(|field| SelectableField::at(format!("involvedObject.{field}"))).collect();
        selectable.extend(["reason", "reportingComponent", "type"].map(SelectableField::at));
        selectable.push(SelectableField::from("source", ["source.component", "reportingComponent"]));
        let stored = VersionSpec::stored("v1", schema("", "v1", "Event"));
        let newer = VersionSpec::converted("v1", schema(NEW_GROUP, "v1", "Event")).in_group(NEW_GROUP);
        Self {
            spec: KindSpec {
                short_names: names(["ev"]),
                versions: vec![stored, newer],
                columns,
                selectable,
                ..spec("", "v1", "Event", "events", Scope::Namespaced)
            },
        }
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for Event {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn default_propagation(&self) -> Option<PropagationPolicy> {
        None
    }

    fn field_label(&self, version: &GroupVersion, label: &str) -> Option<String> {
        if version.group != NEW_GROUP {
            return Some(label.to_owned());
        }
        match label {
            "reason" | "type" => Some(label.to_owned()),
            "reportingController" => Some("reportingComponent".to_owned()),
            _ => Some(format!("involvedObject.{}", label.strip_prefix("regarding.")?)),
        }
    }

    /// Upstream's `--event-ttl`.
    fn time_to_live(&self) -> Option<Duration> {
        Some(Duration::from_secs(3600))
    }

    fn default(&self, event: &mut Object) {
        for field in ["involvedObject", "source"] {
            default_to(&mut event.0, field, serde_json::json!({}));
        }
        for field in ["reportingComponent", "reportingInstance"] {
            default_to(&mut event.0, field, "");
        }
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        rules::validate(new, old, preparation.requested.group == NEW_GROUP)
    }

    fn convert<'a>(
        &'a self,
        mut objects: Vec<Object>,
        to: &'a GroupVersion,
    ) -> BoxFuture<'a, Result<Vec<Object>, Status>> {
        let newer = to.group == NEW_GROUP;
        for event in &mut objects {
            for (old, new) in RENAMED {
                let (from, to) = if newer { (old, new) } else { (new, old) };
                if let Some(value) = event.0.remove(from) {
                    event.0.insert(to.to_owned(), value);
                }
            }
            event.0.insert("apiVersion".into(), to.to_string().into());
        }
        Box::pin(std::future::ready(Ok(objects)))
    }
}

// === columns ===

/// A text by its path in the stored object, of an event in either version.
fn either<'a>(event: &'a Object, path: &[&str]) -> &'a str {
    match event.str_at(path) {
        "" => event.str_at(&renamed(path)),
        text => text,
    }
}

/// The same path in `events.k8s.io/v1`.
fn renamed<'p>(path: &[&'p str]) -> Vec<&'p str> {
    let new = |name: &'p str| RENAMED.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| *new);
    path.iter().enumerate().map(|(depth, name)| if depth == 0 { new(name) } else { name }).collect()
}

fn first_seen(event: &Object, now: Timestamp) -> String {
    match either(event, &["firstTimestamp"]) {
        "" => age_of(event.str_at(&["eventTime"]), now),
        first => age_of(first, now),
    }
}

fn last_seen(event: &Object, now: Timestamp) -> String {
    let series = event.str_at(&["series", "lastObservedTime"]);
    match (series, either(event, &["lastTimestamp"])) {
        ("", "") => first_seen(event, now),
        ("", last) => age_of(last, now),
        (series, _) => age_of(series, now),
    }
}

fn count(event: &Object) -> i64 {
    let number = |path: &[&str]| {
        event.at(path).or_else(|| event.at(&renamed(path))).and_then(Value::as_i64).filter(|count| *count > 0)
    };
    number(&["series", "count"]).or(number(&["count"])).unwrap_or(1)
}

/// `pod/web-1`
fn about(event: &Object) -> String {
    let kind = either(event, &["involvedObject", "kind"]).to_lowercase();
    match either(event, &["involvedObject", "name"]) {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

/// `kubelet, node-1`
fn source(event: &Object) -> String {
    let first = |a: &[&str], b: &[&str]| match either(event, a) {
        "" => either(event, b).to_owned(),
        value => value.to_owned(),
    };
    let component = first(&["source", "component"], &["reportingComponent"]);
    match first(&["source", "host"], &["reportingInstance"]).as_str() {
        "" => component,
        host => format!("{component}, {host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_groups_show_the_same_event() {
        let stored = json!({
            "apiVersion": "v1", "kind": "Event", "involvedObject": {"name": "web"}, "message": "hello",
            "source": {"component": "kubelet"}, "count": 2, "reason": "Pulled",
        });
        let newer = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "regarding": {"name": "web"}, "note": "hello",
            "deprecatedSource": {"component": "kubelet"}, "deprecatedCount": 2, "reason": "Pulled",
        });
        let convert = |from: &Value, to: &str| {
            let object = Object::from_value(from.clone()).expect("an object");
            let to = GroupVersion::parse(to).expect("a version");
            let converted = futures_now(Event::new().convert(vec![object], &to)).expect("convertible");
            converted.into_iter().next().expect("one object").into_value()
        };
        assert_eq!(convert(&stored, "events.k8s.io/v1"), newer);
        assert_eq!(convert(&newer, "v1"), stored);
    }

    /// The output of a future that is ready.
    fn futures_now<T>(mut future: BoxFuture<'_, T>) -> T {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => output,
            std::task::Poll::Pending => panic!("conversion waits for nothing"),
        }
    }

    #[test]
    fn selectors_of_the_newer_group_use_its_names() {
        let label = |version: &str, label: &str| {
            Event::new().field_label(&GroupVersion::parse(version).expect("a version"), label)
        };
        for (old, new, stored) in [
            ("reportingComponent", "reportingController", "reportingComponent"),
            ("involvedObject.name", "regarding.name", "involvedObject.name"),
            ("type", "type", "type"),
        ] {
            assert_eq!(label("v1", old).as_deref(), Some(stored));
            assert_eq!(label("events.k8s.io/v1", new).as_deref(), Some(stored));
        }
        for unknown in ["reportingComponent", "involvedObject.name", "source"] {
            assert_eq!(label("events.k8s.io/v1", unknown), None, "{unknown}");
        }
    }

    #[test]
    fn both_groups_have_the_same_cells() {
        let stored = json!({
            "apiVersion": "v1", "kind": "Event", "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": "spec"},
            "message": "hello", "source": {"component": "kubelet", "host": "n"}, "count": 2, "reason": "Pulled",
            "metadata": {"name": "e"}, "type": "Normal",
        });
        let newer = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "note": "hello", "reason": "Pulled", "type": "Normal",
            "regarding": {"kind": "Pod", "name": "web", "fieldPath": "spec"}, "deprecatedCount": 2,
            "deprecatedSource": {"component": "kubelet", "host": "n"}, "metadata": {"name": "e"},
        });
        let cells = |event: Value| -> Vec<Value> {
            let event = Object::from_value(event).expect("an object");
            let columns = &Event::new().spec.columns;
            columns.iter().map(|column| (column.cell)(&event, Timestamp::UNIX_EPOCH)).collect()
        };
        assert_eq!(cells(newer), cells(stored.clone()));
        assert_eq!(
            cells(stored)[3..9],
            ["pod/web", "spec", "kubelet, n", "hello", "<unknown>", "2"]
                .map(|cell| { if cell == "2" { json!(2) } else { json!(cell) } })
        );
    }
}
