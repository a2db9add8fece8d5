//! What a claim asks for; the same in a template.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use k8s_openapi::api::resource::v1 as resource;
use resource::{DeviceClaim, DeviceConstraint, DeviceRequest, DeviceSubRequest, ExactDeviceRequest};
use serde_json::{Map, Value};

use super::names::{self, RequestNames};
use super::{MOST_CONFIGURATIONS, MOST_REQUESTS, bounded, configuration, selector, slice, taint};
use crate::spec::{object_at, objects_at};

const MOST_CONSTRAINTS: usize = 32;
const MOST_ALTERNATIVES: usize = 8;
const MODES: [&str; 2] = ["All", "ExactCount"];
const EXACT_COUNT: &str = "ExactCount";

/// One device each, where nothing else is said.
pub(super) fn default(spec: &mut Map<String, Value>) {
    let Some(devices) = object_at(spec, "devices") else { return };
    for request in objects_at(devices, "requests") {
        if let Some(exact) = object_at(request, "exactly") {
            default_count(exact);
            default_operators(exact);
        }
        for alternative in objects_at(request, "firstAvailable") {
            default_count(alternative);
            default_operators(alternative);
        }
    }
}

fn default_operators(request: &mut Map<String, Value>) {
    for toleration in objects_at(request, "tolerations") {
        if toleration.get("operator").and_then(Value::as_str).unwrap_or_default().is_empty() {
            toleration.insert("operator".into(), "Equal".into());
        }
    }
}

fn default_count(request: &mut Map<String, Value>) {
    let mode = request.get("allocationMode").and_then(Value::as_str).unwrap_or_default();
    if mode.is_empty() {
        request.insert("allocationMode".into(), EXACT_COUNT.into());
    } else if mode != EXACT_COUNT {
        return;
    }
    if request.get("count").and_then(Value::as_i64).unwrap_or(0) == 0 {
        request.insert("count".into(), 1.into());
    }
}

pub(super) fn validate(spec: &resource::ResourceClaimSpec, path: &Path) -> FieldErrors {
    let Some(claim) = &spec.devices else { return FieldErrors::new() };
    let path = path.child("devices");
    let known = RequestNames::of(claim);
    let mut errors = requests(claim, &path.child("requests"));
    errors.extend(bounded::list(
        slice(&claim.constraints),
        MOST_CONSTRAINTS,
        &path.child("constraints"),
        |constraint, path| self::constraint(constraint, &known, path),
    ));
    errors.extend(bounded::list(
        slice(&claim.config),
        MOST_CONFIGURATIONS,
        &path.child("config"),
        |config, path| {
            let mut errors = references(slice(&config.requests), &known, &path.child("requests"));
            errors.extend(configuration::validate(config.opaque.as_ref(), false, path));
            errors
        },
    ));
    errors
}

/// A list of names of requests.
pub(super) fn references(list: &[String], known: &RequestNames<'_>, path: &Path) -> FieldErrors {
    bounded::set(list, MOST_REQUESTS, path, String::clone, |name, path| known.validate(name, path))
}

fn requests(claim: &DeviceClaim, path: &Path) -> FieldErrors {
    let name = |request: &DeviceRequest| request.name.clone();
    bounded::set(slice(&claim.requests), MOST_REQUESTS, path, name, request)
}

fn request(request: &DeviceRequest, path: &Path) -> FieldErrors {
    let mut errors = names::short(&request.name, &path.child("name"));
    let alternatives = slice(&request.first_available);
    let one = "exactly one of `exactly` or `firstAvailable` is required";
    match (&request.exactly, alternatives) {
        (None, []) => errors.push(FieldError::required(path, one)),
        (Some(exact), []) => errors.extend(self::exact(exact, &path.child("exactly"))),
        (None, alternatives) => {
            let path = path.child("firstAvailable");
            let name = |each: &DeviceSubRequest| each.name.clone();
            errors.extend(bounded::set(alternatives, MOST_ALTERNATIVES, &path, name, alternative));
        }
        (Some(_), _) => {
            let detail = format!("{one}, but multiple fields are set");
            errors.push(FieldError::invalid(path, Value::Null, detail));
        }
    }
    errors
}

fn exact(request: &ExactDeviceRequest, path: &Path) -> FieldErrors {
    let mut errors = names::device_class(&request.device_class_name, &path.child("deviceClassName"));
    errors.extend(selector::validate(&request.selectors, &path.child("selectors")));
    errors.extend(count(request.allocation_mode.as_deref(), request.count, path));
    errors.extend(taint::tolerations(slice(&request.tolerations), &path.child("tolerations")));
    errors
}

fn alternative(request: &DeviceSubRequest, path: &Path) -> FieldErrors {
    let mut errors = names::short(&request.name, &path.child("name"));
    errors.extend(names::device_class(&request.device_class_name, &path.child("deviceClassName")));
    errors.extend(selector::validate(&request.selectors, &path.child("selectors")));
    errors.extend(count(request.allocation_mode.as_deref(), request.count, path));
    errors.extend(taint::tolerations(slice(&request.tolerations), &path.child("tolerations")));
    errors
}

fn count(mode: Option<&str>, count: Option<i64>, path: &Path) -> Option<FieldError> {
    let (at, count) = (path.child("count"), count.unwrap_or(0));
    match mode.unwrap_or_default() {
        "All" if count != 0 => {
            Some(FieldError::invalid(&at, count, "must not be specified when allocationMode is 'All'"))
        }
        EXACT_COUNT if count <= 0 => Some(FieldError::invalid(&at, count, "must be greater than zero")),
        "All" | EXACT_COUNT => None,
        other => Some(FieldError::not_supported(&path.child("allocationMode"), other, MODES)),
    }
}

fn constraint(constraint: &DeviceConstraint, known: &RequestNames<'_>, path: &Path) -> FieldErrors {
    let mut errors = references(slice(&constraint.requests), known, &path.child("requests"));
    match (&constraint.match_attribute, &constraint.distinct_attribute) {
        (Some(name), _) => errors.extend(names::fully_qualified(name, &path.child("matchAttribute"))),
        (None, Some(name)) => errors.extend(names::fully_qualified(name, &path.child("distinctAttribute"))),
        (None, None) => {
            let detail = "exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple \
                          fields are set";
            errors.push(FieldError::required(path, detail));
        }
    }
    errors
}
