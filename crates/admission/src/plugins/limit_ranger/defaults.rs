//! What containers get that say nothing of a resource.

use std::collections::BTreeMap;

use ironclad_api::Object;
use ironclad_api::object::object_in;
use k8s_openapi::api::core::v1 as api;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use serde_json::{Map, Value};

use super::items;

/// Tells people what was set.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

type Texts<'a> = BTreeMap<&'a String, &'a Text>;

/// Completes the requests and limits of all containers.
pub(super) fn fill(pod: &mut Object, range: &api::LimitRange) {
    let of = |list: fn(&api::LimitRangeItem) -> Option<&BTreeMap<String, Text>>| -> Texts<'_> {
        items(range, "Container").filter_map(list).flatten().collect()
    };
    let requests = of(|item| item.default_request.as_ref());
    let limits = of(|item| item.default.as_ref());
    let mut told = Vec::new();
    for (list, words) in [("containers", "container"), ("initContainers", "init container")] {
        let containers = pod.section_mut("spec").get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            for (field, defaults, what) in [("requests", &requests, "request"), ("limits", &limits, "limit")]
            {
                let set = complete(container, field, defaults);
                if !set.is_empty() {
                    told.push(format!("{} {what} for {words} {name}", set.join(", ")));
                }
            }
        }
    }
    if !told.is_empty() {
        pod.set_annotation(ANNOTATION, format!("LimitRanger plugin set: {}", told.join("; ")));
    }
}

/// Adds what the list lacks; the names of that, sorted.
fn complete(container: &mut Map<String, Value>, field: &str, defaults: &Texts<'_>) -> Vec<String> {
    if defaults.is_empty() {
        return Vec::new();
    }
    let list = object_in(object_in(container, "resources"), field);
    let missing = defaults.iter().filter(|(name, _)| !list.contains_key(**name));
    let missing: Vec<(String, String)> =
        missing.map(|(name, amount)| ((*name).clone(), amount.0.clone())).collect();
    let set = missing.iter().map(|(name, _)| name.clone()).collect();
    list.extend(missing.into_iter().map(|(name, amount)| (name, amount.into())));
    set
}
