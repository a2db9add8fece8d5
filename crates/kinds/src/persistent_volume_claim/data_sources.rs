//! `dataSource` and `dataSourceRef`: what a new volume is filled from (KEP-1495).

use ironclad_api::Object;
use serde_json::{Map, Value};

const OLD: &str = "dataSource";
const NEW: &str = "dataSourceRef";
const SHARED: [&str; 3] = ["apiGroup", "kind", "name"];

/// Drops what the old field never meant, and keeps both fields the same where one is given.
pub(super) fn settle(claim: &mut Object, old: Option<&Object>) {
    let stored = |field: &str| old.is_some_and(|old| old.at(&["spec", field]).is_some_and(Value::is_object));
    let (stored_old, stored_new) = (stored(OLD), stored(NEW));
    let spec = claim.section_mut("spec");
    // A source in another namespace is an alpha feature (KEP-3294).
    if !stored_new && is_foreign(spec) {
        spec.remove(NEW);
    }
    let meant = given(spec, OLD).is_some_and(is_claim_or_snapshot);
    if !stored_old && !stored_new && given(spec, NEW).is_none() && !meant {
        spec.remove(OLD);
    }
    let (before, after) = (given(spec, OLD).cloned(), given(spec, NEW).cloned());
    match (before, after) {
        (Some(source), None) => drop(spec.insert(NEW.into(), shared(&source))),
        (None, Some(source)) if !is_foreign(spec) => drop(spec.insert(OLD.into(), shared(&source))),
        _ => {}
    }
}

fn given<'a>(spec: &'a Map<String, Value>, field: &str) -> Option<&'a Map<String, Value>> {
    spec.get(field).and_then(Value::as_object)
}

fn is_foreign(spec: &Map<String, Value>) -> bool {
    let namespace = given(spec, NEW).and_then(|source| source.get("namespace")).and_then(Value::as_str);
    namespace.is_some_and(|namespace| !namespace.is_empty())
}

fn is_claim_or_snapshot(source: &Map<String, Value>) -> bool {
    let part = |field: &str| source.get(field).and_then(Value::as_str).unwrap_or_default();
    matches!(
        (part("kind"), part("apiGroup")),
        ("PersistentVolumeClaim", "") | ("VolumeSnapshot", "snapshot.storage.k8s.io")
    )
}

fn shared(source: &Map<String, Value>) -> Value {
    let fields = SHARED.iter().filter_map(|field| Some(((*field).to_owned(), source.get(*field)?.clone())));
    Value::Object(fields.collect())
}
