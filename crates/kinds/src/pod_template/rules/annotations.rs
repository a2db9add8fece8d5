//! Annotations that mean something to pods.

use std::collections::BTreeMap;

use ironclad_api::{FieldError, Path};
use k8s_openapi::api::core::v1 as core;

use super::scene::visit;
use super::{Errors, app_armor, seccomp, text};

const MIRROR: &str = "kubernetes.io/config.mirror";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Each by itself.
pub(super) fn of_pod<'a>(
    annotations: impl IntoIterator<Item = (&'a String, &'a String)>,
    spec: &core::PodSpec,
    path: &Path,
) -> Errors {
    let mut errors = Errors::new();
    for (key, value) in annotations {
        if key == MIRROR && text(&spec.node_name).is_empty() {
            let detail = "must set spec.nodeName if mirror pod annotation is set";
            errors.push(FieldError::invalid(&path.key(key), value, detail));
        }
        if key == DELETION_COST && !is_cost(value) {
            errors.push(FieldError::invalid(&path.key(key), value, "must be a 32bit integer"));
        }
        if key == seccomp::POD_KEY || key.starts_with(seccomp::CONTAINER_PREFIX) {
            errors.extend(seccomp::annotation(value, &path.child(key)));
        }
        if let Some(container) = key.strip_prefix(app_armor::CONTAINER_PREFIX) {
            if !has_container(spec, container) {
                errors.push(FieldError::invalid(&path.key(key), container, "container not found"));
            }
            let fault = app_armor::annotation(value);
            errors.extend(fault.map(|fault| FieldError::invalid(&path.key(key), value, fault)));
        }
    }
    errors
}

/// A number of 32 bits without plus sign or leading zeros.
fn is_cost(value: &str) -> bool {
    let starts = value == "0" || value.starts_with(|c: char| c == '-' || ('1'..='9').contains(&c));
    starts && value.parse::<i32>().is_ok()
}

fn has_container(spec: &core::PodSpec, name: &str) -> bool {
    let mut found = false;
    visit(spec, &Path::root(), |container, _| found |= container.name == name);
    found
}

/// A new pod's annotations and fields say the same.
pub(crate) fn match_fields(pod: &core::Pod) -> Errors {
    match (&pod.metadata.annotations, &pod.spec) {
        (Some(annotations), Some(spec)) => match_spec(annotations, spec, &Path::new("spec")),
        _ => Errors::new(),
    }
}

pub(super) fn match_spec(
    annotations: &BTreeMap<String, String>,
    spec: &core::PodSpec,
    path: &Path,
) -> Errors {
    if annotations.is_empty() {
        return Errors::new();
    }
    let mut errors = Errors::new();
    let of_pod = spec.security_context.as_ref();
    if let (Some(text), Some(profile)) =
        (annotations.get(seccomp::POD_KEY), of_pod.and_then(|context| context.seccomp_profile.as_ref()))
    {
        errors.extend(seccomp::matches(text, profile, &path.child("securityContext.seccompProfile")));
    }
    visit(spec, path, |container, path| {
        let profile =
            container.security_context.as_ref().and_then(|context| context.seccomp_profile.as_ref());
        let text = annotations.get(&format!("{}{}", seccomp::CONTAINER_PREFIX, container.name));
        if let (Some(text), Some(profile)) = (text, profile) {
            errors.extend(seccomp::matches(text, profile, &path.child("securityContext.seccompProfile")));
        }
    });
    if spec.os.as_ref().is_some_and(|os| os.name == "windows") {
        return errors;
    }
    visit(spec, path, |container, path| {
        let own = container.security_context.as_ref().and_then(|context| context.app_armor_profile.as_ref());
        let profile = own.or(of_pod.and_then(|context| context.app_armor_profile.as_ref()));
        let text = annotations.get(&format!("{}{}", app_armor::CONTAINER_PREFIX, container.name));
        if let (Some(text), Some(profile)) = (text, profile) {
            errors.extend(app_armor::matches(text, profile, &path.child("securityContext.appArmorProfile")));
        }
    });
    errors
}
