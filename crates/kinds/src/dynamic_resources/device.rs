//! One device of a slice.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::invalid_each;
use ironclad_api::validation::name::subdomain;
use k8s_openapi::api::core::v1::NodeSelector;
use k8s_openapi::api::resource::v1::{Counter, Device, DeviceCounterConsumption};
use serde_json::Value;

use super::names::{self, LONGEST_QUALIFIED};
use super::{UNBOUNDED, attribute, binding, bounded, capacity, slice, taint};
use crate::pod_template::rules::affinity::node_selector;

/// Attributes and capacities together.
pub(super) const MOST_FACTS: usize = 32;
const MOST_TAINTS: usize = 16;
const MOST_CONSUMED_SETS: usize = 2;
pub(super) const MOST_COUNTERS: usize = 32;
const LONGEST_COUNTER: usize = 63;

/// `per_device`: whether each device of the slice says itself on which nodes it is.
pub(super) fn validate(device: &Device, old: Option<&Device>, per_device: bool, path: &Path) -> FieldErrors {
    let mut errors = names::short(&device.name, &path.child("name"));
    errors.extend(facts(device, path));
    if old.is_none_or(|old| slice(&old.taints) != slice(&device.taints)) {
        errors.extend(bounded::list(slice(&device.taints), MOST_TAINTS, &path.child("taints"), taint::taint));
    }
    let set = |consumption: &DeviceCounterConsumption| consumption.counter_set.clone();
    let (consumed, at) = (slice(&device.consumes_counters), path.child("consumesCounters"));
    errors.extend(bounded::set(consumed, MOST_CONSUMED_SETS, &at, set, |consumption, path| {
        counters(("counterSet", &consumption.counter_set), &consumption.counters, path)
    }));
    errors.extend(place(device, per_device, path));
    let (conditions, failures) = (&device.binding_conditions, &device.binding_failure_conditions);
    errors.extend(binding::validate(slice(conditions), slice(failures), path));
    errors
}

/// Attributes and capacities.
fn facts(device: &Device, path: &Path) -> FieldErrors {
    let (none, nothing) = (Default::default(), Default::default());
    let attributes = device.attributes.as_ref().unwrap_or(&none);
    let capacities = device.capacity.as_ref().unwrap_or(&nothing);
    let mut errors = FieldErrors::new();
    let count = attributes.len() + capacities.len();
    if count > MOST_FACTS {
        let detail = format!("the total number of attributes and capacities must not exceed {MOST_FACTS}");
        errors.push(FieldError::invalid(path, count, detail));
    }
    let at = path.child("attributes");
    let (longest, name) = (LONGEST_QUALIFIED, names::qualified);
    errors.extend(bounded::map(attributes, UNBOUNDED, longest, &at, name, attribute::validate));
    let is_shared = device.allow_multiple_allocations == Some(true);
    let at = path.child("capacity");
    errors.extend(bounded::map(capacities, UNBOUNDED, longest, &at, name, |value, path| {
        capacity::validate(value, is_shared, path)
    }));
    errors
}

/// The counters of a set, or those that a device uses of one. `set` is the field with the
/// set's name, and the name.
pub(super) fn counters(
    set: (&str, &str),
    counters: &std::collections::BTreeMap<String, Counter>,
    path: &Path,
) -> FieldErrors {
    let (field, name) = set;
    let at = path.child(field);
    let mut errors = match name {
        "" => vec![FieldError::required(&at, "")],
        name => names::short(name, &at),
    };
    let at = path.child("counters");
    if counters.is_empty() {
        errors.push(FieldError::required(&at, ""));
    }
    let any = |_: &Counter, _: &Path| FieldErrors::new();
    errors.extend(bounded::map(counters, MOST_COUNTERS, LONGEST_COUNTER, &at, names::short, any));
    errors
}

fn place(device: &Device, per_device: bool, path: &Path) -> FieldErrors {
    if !per_device {
        let given =
            device.node_name.is_some() || device.node_selector.is_some() || device.all_nodes.is_some();
        let detail = "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to \
                      true in the ResourceSlice spec";
        return given.then(|| FieldError::invalid(path, Value::Null, detail)).into_iter().collect();
    }
    let mut given = Vec::new();
    let mut errors =
        node_name(device.node_name.as_deref(), "must not be empty", &mut given, &path.child("nodeName"));
    errors.extend(selector(device.node_selector.as_ref(), &mut given, &path.child("nodeSelector")));
    errors.extend(only_true(device.all_nodes, "`allNodes`", &mut given, &path.child("allNodes")));
    let detail = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` \
                  is set to true in the ResourceSlice spec";
    errors.extend(exactly_one(&given, detail, detail, path));
    errors
}

// === where something is, for a device and a slice ===

pub(super) fn node_name(
    name: Option<&str>,
    empty: &str,
    given: &mut Vec<&'static str>,
    path: &Path,
) -> FieldErrors {
    match name {
        None => FieldErrors::new(),
        Some("") => vec![FieldError::invalid(path, "", empty)],
        Some(name) => {
            given.push("`nodeName`");
            invalid_each(path, name, subdomain(name, false))
        }
    }
}

pub(super) fn selector(
    selector: Option<&NodeSelector>,
    given: &mut Vec<&'static str>,
    path: &Path,
) -> FieldErrors {
    let Some(selector) = selector else { return FieldErrors::new() };
    given.push("`nodeSelector`");
    node_selector(selector, true, path)
}

pub(super) fn only_true(
    value: Option<bool>,
    field: &'static str,
    given: &mut Vec<&'static str>,
    path: &Path,
) -> Option<FieldError> {
    if value == Some(true) {
        given.push(field);
    }
    (value == Some(false)).then(|| FieldError::invalid(path, false, "must be either unset or set to true"))
}

pub(super) fn exactly_one(given: &[&str], none: &str, several: &str, path: &Path) -> Option<FieldError> {
    match given {
        [] => Some(FieldError::required(path, none)),
        [_] => None,
        several_given => {
            let value = format!("{{{}}}", several_given.join(", "));
            Some(FieldError::invalid(path, value, several))
        }
    }
}
