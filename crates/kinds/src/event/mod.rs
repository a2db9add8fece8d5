//! Events, in both groups: stored as `v1 Event`, served as `events.k8s.io/v1` too.

use ironclad_api::params::PropagationPolicy;
use std::time::Duration;

use ironclad_api::{FieldError, GroupVersion, Object, Path, Status, validation};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, SelectableField, Strategy, VersionSpec};
use ironclad_env::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use crate::columns::{UNKNOWN, age_of, column, text, timed, wide};
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
/// What an event with `eventTime` must have, and how long it may be.
const REQUIRED: [(&str, usize); 3] = [("reportingInstance", 128), ("action", 128), ("reason", 128)];
const MAX_MESSAGE: usize = 1024;

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
            wide(text("Subobject", field(&["involvedObject", "fieldPath"]))),
            wide(text("Source", source)),
            text("Message", |event| event.str_at(&["message"]).trim().to_owned()),
            wide(timed("First Seen", first_seen)),
            wide(column("Count", "integer", 0, |event, _| count(event).into())),
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

    fn validate(&self, new: &Object, _: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let mut errors: Vec<_> = validate_namespace(new).into_iter().collect();
        if has_event_time(new) {
            errors.extend(validate_report(new));
        }
        errors
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

fn first_seen(event: &Object, now: Timestamp) -> String {
    match event.str_at(&["firstTimestamp"]) {
        "" => age_of(event.str_at(&["eventTime"]), now),
        first => age_of(first, now),
    }
}

fn last_seen(event: &Object, now: Timestamp) -> String {
    let series = event.str_at(&["series", "lastObservedTime"]);
    match (series, event.str_at(&["lastTimestamp"])) {
        ("", "") => first_seen(event, now),
        ("", last) => age_of(last, now),
        (series, _) => age_of(series, now),
    }
}

fn count(event: &Object) -> i64 {
    let number = |path: &[&str]| event.at(path).and_then(Value::as_i64).filter(|count| *count > 0);
    number(&["series", "count"]).or(number(&["count"])).unwrap_or(1)
}

/// `pod/web-1`
fn about(event: &Object) -> String {
    let kind = event.str_at(&["involvedObject", "kind"]).to_lowercase();
    match event.str_at(&["involvedObject", "name"]) {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

/// `kubelet, node-1`
fn source(event: &Object) -> String {
    let first = |a: &[&str], b: &[&str]| match event.str_at(a) {
        "" => event.str_at(b).to_owned(),
        value => value.to_owned(),
    };
    let component = first(&["source", "component"], &["reportingComponent"]);
    match first(&["source", "host"], &["reportingInstance"]).as_str() {
        "" if component.is_empty() => UNKNOWN.into(),
        "" => component,
        host => format!("{component}, {host}"),
    }
}

// === validation ===

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

fn validate_report(event: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let path = Path::new("reportingComponent");
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
}
