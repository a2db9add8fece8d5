//! Fields of features that are off: they are dropped from what clients send, unless the
//! stored object has them already.

use serde_json::{Map, Value};

use super::defaults::CONTAINER_LISTS;
use crate::spec::{object_at, objects_at};

/// Sources of projected volumes that nodes here cannot serve.
const PROJECTIONS: [&str; 2] = ["clusterTrustBundle", "podCertificate"];

/// Drops the fields of disabled features from a pod's spec.
pub(crate) fn drop_disabled(spec: &mut Map<String, Value>, old: Option<&Map<String, Value>>) {
    let empty = Map::new();
    let old = old.unwrap_or(&empty);
    if !old.contains_key("schedulingGroup") {
        spec.remove("schedulingGroup");
    }
    let in_use = CONTAINER_LISTS.iter().flat_map(|list| listed(old, list)).any(has_stop_signal);
    if !in_use {
        for list in CONTAINER_LISTS {
            objects_at(spec, list).for_each(drop_stop_signal);
        }
    }
    for projection in PROJECTIONS {
        if !sources(old).any(|source| source.get(projection).is_some()) {
            drop_projection(spec, projection);
        }
    }
}

fn listed<'a>(parent: &'a Map<String, Value>, field: &str) -> impl Iterator<Item = &'a Value> {
    parent.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn has_stop_signal(container: &Value) -> bool {
    container.get("lifecycle").is_some_and(|lifecycle| lifecycle.get("stopSignal").is_some())
}

fn drop_stop_signal(container: &mut Map<String, Value>) {
    if let Some(lifecycle) = object_at(container, "lifecycle") {
        lifecycle.remove("stopSignal");
    }
}

fn sources(spec: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let projected = listed(spec, "volumes").filter_map(|volume| volume.get("projected"));
    projected.filter_map(|projected| projected.get("sources")?.as_array()).flatten()
}

fn drop_projection(spec: &mut Map<String, Value>, projection: &str) {
    for volume in objects_at(spec, "volumes") {
        if let Some(projected) = object_at(volume, "projected") {
            objects_at(projected, "sources").for_each(|source| drop(source.remove(projection)));
        }
    }
}
