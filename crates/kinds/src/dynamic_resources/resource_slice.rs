//! `ResourceSlice`: the devices that a driver offers, in pools.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::goprint::quote;
use ironclad_api::validation::meta::immutable;
use ironclad_api::{Object, Status, time};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, SelectableField, Strategy};
use k8s_openapi::api::resource::v1::{self as resource, CounterSet, Device, ResourcePool, ResourceSliceSpec};
use serde_json::{Map, Value, json};

use super::{bounded, device, names, slice};
use crate::columns::{age, name, text};
use crate::spec::{default_to, object_at, objects_at, typed};

const MOST_DEVICES: usize = 128;
/// Where devices have taints or use counters.
const MOST_ELABORATE_DEVICES: usize = 64;
const MOST_COUNTER_SETS: usize = 8;

pub struct ResourceSlice {
    spec: KindSpec,
}

impl ResourceSlice {
    pub fn new() -> Self {
        let at = |name, path: &'static [&'static str]| text(name, move |slice| slice.str_at(path).to_owned());
        let columns = vec![
            name(),
            at("Node", &["spec", "nodeName"]),
            at("Driver", &["spec", "driver"]),
            at("Pool", &["spec", "pool", "name"]),
            age(),
        ];
        Self {
            spec: KindSpec {
                columns,
                selectable: vec![SelectableField::at("spec.nodeName"), SelectableField::at("spec.driver")],
                generation: true,
                ..super::kind("ResourceSlice", "resourceslices", Scope::Cluster)
            },
        }
    }
}

impl Default for ResourceSlice {
    fn default() -> Self {
        Self::new()
    }
}

fn devices_of(slice: &mut Object) -> impl Iterator<Item = &mut Map<String, Value>> {
    object_at(&mut slice.0, "spec").into_iter().flat_map(|spec| objects_at(spec, "devices"))
}

/// Fields of features that Kubernetes has as alphas, which are off.
fn drop_alpha_fields(slice: &mut Object) {
    for device in devices_of(slice) {
        device.remove("nodeAllocatableResourceMappings");
        let attributes = object_at(device, "attributes").into_iter().flat_map(|map| map.values_mut());
        for attribute in attributes.filter_map(Value::as_object_mut) {
            attribute.retain(|field, _| !["bools", "ints", "strings", "versions"].contains(&field.as_str()));
        }
    }
}

impl Strategy for ResourceSlice {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn prepare(
        &self,
        new: &mut Object,
        _: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        drop_alpha_fields(new);
        let now = time::format(preparation.now);
        for device in devices_of(new) {
            objects_at(device, "taints").for_each(|taint| default_to(taint, "timeAdded", now.clone()));
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let spec = |object: &Object| typed::<resource::ResourceSlice>(object).spec;
        validate(&spec(new), old.map(spec).as_ref())
    }

    fn warnings(&self, new: &Object, _: Option<&Object>) -> Vec<String> {
        let driver = new.str_at(&["spec", "driver"]);
        let upper = driver != driver.to_lowercase();
        let warning = upper.then(|| {
            let driver = quote(driver);
            format!("spec.driver: driver names should be lowercase; {driver} contains uppercase characters")
        });
        warning.into_iter().collect()
    }
}

pub(super) fn validate(spec: &ResourceSliceSpec, old: Option<&ResourceSliceSpec>) -> FieldErrors {
    let path = Path::new("spec");
    let mut errors = names::driver(&spec.driver, &path.child("driver"));
    errors.extend(pool(&spec.pool, &path.child("pool")));
    errors.extend(old.into_iter().flat_map(|old| fixed(spec, old, &path)));
    errors.extend(place(spec, &path));
    if spec.shared_counters.is_some() && spec.devices.is_some() {
        let detail = "only one of `sharedCounters` or `devices` is allowed";
        errors.push(FieldError::invalid(&path, "", detail));
    }
    errors.extend(devices(spec, old, &path.child("devices")));
    let set = |set: &CounterSet| set.name.clone();
    let (sets, at) = (slice(&spec.shared_counters), path.child("sharedCounters"));
    errors.extend(bounded::set(sets, MOST_COUNTER_SETS, &at, set, |set, path| {
        device::counters(("name", &set.name), &set.counters, path)
    }));
    errors
}

fn pool(pool: &ResourcePool, path: &Path) -> FieldErrors {
    let mut errors = names::pool(&pool.name, &path.child("name"));
    let (count, generation) = (path.child("resourceSliceCount"), path.child("generation"));
    if pool.resource_slice_count <= 0 {
        errors.push(FieldError::invalid(&count, pool.resource_slice_count, "must be greater than zero"));
    }
    if pool.generation < 0 {
        let detail = "must be greater than or equal to zero";
        errors.push(FieldError::invalid(&generation, pool.generation, detail));
    }
    errors
}

fn fixed(new: &ResourceSliceSpec, old: &ResourceSliceSpec, path: &Path) -> FieldErrors {
    let same = |field: &str, new: Value, old: Value| immutable(&path.child(field), &new, &old);
    let mut errors = same("pool.name", json!(new.pool.name), json!(old.pool.name));
    errors.extend(same("driver", json!(new.driver), json!(old.driver)));
    errors.extend(same("nodeName", json!(new.node_name), json!(old.node_name)));
    errors
}

fn place(spec: &ResourceSliceSpec, path: &Path) -> FieldErrors {
    let mut given = Vec::new();
    let empty = "must be either unset or set to a non-empty string";
    let mut errors = device::node_name(spec.node_name.as_deref(), empty, &mut given, &path.child("nodeName"));
    let at = path.child("nodeSelector");
    errors.extend(device::selector(spec.node_selector.as_ref(), &mut given, &at));
    if let Some(selector) = &spec.node_selector
        && selector.node_selector_terms.len() != 1
    {
        let terms = json!(selector.node_selector_terms);
        let detail = "must have exactly one node selector term";
        errors.push(FieldError::invalid(&at.child("nodeSelectorTerms"), terms, detail));
    }
    let flags = [
        ("allNodes", "`allNodes`", spec.all_nodes),
        ("perDeviceNodeSelection", "`perDeviceNodeSelection`", spec.per_device_node_selection),
    ];
    for (field, quoted, value) in flags {
        errors.extend(device::only_true(value, quoted, &mut given, &path.child(field)));
    }
    let none = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
    let several = format!("{none}, but multiple fields are set");
    errors.extend(device::exactly_one(&given, none, &several, path));
    errors
}

fn devices(spec: &ResourceSliceSpec, old: Option<&ResourceSliceSpec>, path: &Path) -> FieldErrors {
    let devices = slice(&spec.devices);
    let is_elaborate =
        |device: &Device| !slice(&device.taints).is_empty() || !slice(&device.consumes_counters).is_empty();
    let most = if devices.iter().any(is_elaborate) { MOST_ELABORATE_DEVICES } else { MOST_DEVICES };
    let before = old.map(|old| slice(&old.devices)).unwrap_or_default();
    let per_device = spec.per_device_node_selection == Some(true);
    let name = |device: &Device| device.name.clone();
    bounded::set(devices, most, path, name, |device, path| {
        let old = before.iter().find(|old| old.name == device.name);
        device::validate(device, old, per_device, path)
    })
}
