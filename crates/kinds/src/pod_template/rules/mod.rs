//! The rules for a pod's spec, in a pod or in a template, in upstream's words and order.
//! One file for each part; what is wrong is gathered, not fixed.
//!
//! Rules that became stricter over the releases let stored objects be: an update is only told
//! of what was not wrong before it.

pub(crate) mod affinity;
pub(crate) mod annotations;
mod app_armor;
mod claims;
mod containers;
mod dns;
mod env;
mod ephemeral_containers;
mod field_refs;
mod handlers;
mod host;
mod init_containers;
mod mounts;
pub(crate) mod old_volumes;
mod os;
mod paths;
mod ports;
mod projected;
pub(crate) mod resources;
mod restart;
mod scene;
mod seccomp;
mod security;
mod spread;
mod sysctls;
pub(crate) mod tolerations;
mod volume_claims;
pub(crate) mod volumes;
mod windows;

use std::collections::BTreeSet;

use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

pub(crate) use self::paths::no_backsteps;
pub(super) use self::scene::visit;
use self::scene::{Owner, Scene};

type Errors = Vec<FieldError>;

/// A whole pod but for its metadata's general rules.
pub(crate) fn pod(pod: &core::Pod) -> Errors {
    let default = core::PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&default);
    let owner = Owner::of_pod(&pod.metadata);
    let path = Path::new("spec");
    let of = pod.metadata.annotations.iter().flatten();
    let mut errors = annotations::of_pod(of, spec, &Path::new("metadata").child("annotations"));
    errors.extend(self::spec(spec, owner, &path));
    errors.extend(projected::tokens_without_account(spec, &path));
    errors.extend(containers::padded_images(&spec.containers, &path.child("containers")));
    errors.extend(containers::padded_images(items(&spec.init_containers), &path.child("initContainers")));
    errors
}

/// What is wrong with a changed pod and was not before; `old` is asked only if something is.
pub(crate) fn changed_pod(new: &core::Pod, old: impl FnOnce() -> core::Pod) -> Errors {
    new_errors(pod(new), || pod(&old()))
}

/// The template at `path`.
pub(crate) fn template(template: &core::PodTemplateSpec, path: &Path) -> Errors {
    let mut errors = template_metadata(template, path);
    let spec = template.spec.clone().unwrap_or_default();
    let annotations = template.metadata.clone().unwrap_or_default().annotations.unwrap_or_default();
    let path = path.child("spec");
    errors.extend(self::spec(&spec, Owner::Template, &path));
    errors.extend(annotations::match_spec(&annotations, &spec, &path));
    if !items(&spec.ephemeral_containers).is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        errors.push(FieldError::forbidden(&path.child("ephemeralContainers"), detail));
    }
    errors
}

/// The labels and annotations of the template at `path`.
pub(crate) fn template_metadata(template: &core::PodTemplateSpec, path: &Path) -> Errors {
    let metadata = template.metadata.clone().unwrap_or_default();
    let spec = template.spec.clone().unwrap_or_default();
    let annotations = metadata.annotations.unwrap_or_default();
    let mut errors = validation::label::labels(&path.child("labels"), &metadata.labels.unwrap_or_default());
    let path = path.child("annotations");
    errors.extend(validation::label::annotations(&path, &annotations));
    errors.extend(annotations::of_pod(&annotations, &spec, &path));
    errors
}

/// What is wrong with a changed template and was not before.
pub(crate) fn changed_template(
    new: &core::PodTemplateSpec,
    old: &core::PodTemplateSpec,
    path: &Path,
) -> Errors {
    new_errors(template(new, path), || template(old, path))
}

fn new_errors(mut errors: Errors, before: impl FnOnce() -> Errors) -> Errors {
    if !errors.is_empty() {
        let before: BTreeSet<String> = before().iter().map(FieldError::to_string).collect();
        errors.retain(|error| !before.contains(&error.to_string()));
    }
    errors
}

fn spec(spec: &core::PodSpec, owner: Owner<'_>, path: &Path) -> Errors {
    let mut errors = Errors::new();
    if spec.termination_grace_period_seconds.is_none() {
        errors.push(FieldError::required(&path.child("terminationGracePeriodSeconds"), ""));
    }
    let (volumes, faults) = volumes::volumes(items(&spec.volumes), owner, &path.child("volumes"));
    errors.extend(faults);
    let scene = Scene::new(spec, volumes, owner);
    errors.extend(claims::pod_claims(&scene, &path.child("resourceClaims")));
    errors.extend(containers::containers(&scene, &path.child("containers")));
    errors.extend(init_containers::init_containers(&scene, &path.child("initContainers")));
    errors.extend(ephemeral_containers::ephemeral_containers(&scene, &path.child("ephemeralContainers")));
    errors.extend(resources::pod_level(&scene, path));
    errors.extend(host::ports_on_host_network(&scene, path));
    errors.extend(policies(spec, path));
    errors.extend(security::of_pod(spec, path));
    errors.extend(affinity::affinity(spec.affinity.as_ref(), &path.child("affinity")));
    errors.extend(dns::config(spec, &path.child("dnsConfig")));
    errors.extend(gates(spec, path));
    errors.extend(spread::constraints(spec, &path.child("topologySpreadConstraints")));
    errors.extend(windows::host_process(spec, path));
    errors.extend(host::host_users(spec, path));
    errors.extend(host::hostname_override(spec, path));
    errors.extend(names(spec, path));
    errors.extend(tolerations::tolerations(items(&spec.tolerations), &path.child("tolerations")));
    errors.extend(host::aliases(items(&spec.host_aliases), &path.child("hostAliases")));
    errors.extend(classes(spec, path));
    errors.extend(os::os(spec, path));
    errors.extend(env::file_volumes(spec, path));
    errors
}

/// `restartPolicy`, `dnsPolicy` and `nodeSelector`.
fn policies(spec: &core::PodSpec, path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (field, value, supported) in [
        ("restartPolicy", &spec.restart_policy, &["Always", "OnFailure", "Never"][..]),
        ("dnsPolicy", &spec.dns_policy, &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]),
    ] {
        errors.extend(required_one_of(&path.child(field), text(value), supported));
    }
    if let Some(selector) = &spec.node_selector {
        errors.extend(validation::label::labels(&path.child("nodeSelector"), selector));
    }
    errors
}

/// `readinessGates` and `schedulingGates`.
fn gates(spec: &core::PodSpec, path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (index, gate) in items(&spec.readiness_gates).iter().enumerate() {
        let path = path.child("readinessGates").index(index).child("conditionType");
        errors.extend(validation::label::label_key(&path, &gate.condition_type));
    }
    let mut seen = BTreeSet::new();
    for (index, gate) in items(&spec.scheduling_gates).iter().enumerate() {
        let path = path.child("schedulingGates").index(index);
        errors.extend(validation::label::label_key(&path, &gate.name));
        if !seen.insert(&gate.name) {
            errors.push(FieldError::duplicate(&path, &gate.name));
        }
    }
    errors
}

/// Single names and numbers.
fn names(spec: &core::PodSpec, path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (field, value) in [("serviceAccountName", &spec.service_account_name), ("nodeName", &spec.node_name)]
    {
        errors.extend(optional(path, field, text(value), validation::dns1123_subdomain));
    }
    if let Some(seconds) = spec.active_deadline_seconds {
        let faults = validation::number::in_range(seconds, 1, i32::MAX.into());
        errors.extend(each_fault(&path.child("activeDeadlineSeconds"), seconds, faults));
    }
    for (field, value) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        errors.extend(optional(path, field, text(value), validation::dns1123_label));
    }
    errors
}

/// `priorityClassName`, `runtimeClassName`, `preemptionPolicy` and `overhead`.
fn classes(spec: &core::PodSpec, path: &Path) -> Errors {
    let mut errors =
        optional(path, "priorityClassName", text(&spec.priority_class_name), validation::dns1123_subdomain);
    if let Some(class) = &spec.runtime_class_name {
        let faults = validation::dns1123_subdomain(class);
        errors.extend(validation::invalid_each(&path.child("runtimeClassName"), class, faults));
    }
    if let Some(policy) = &spec.preemption_policy {
        let supported = ["PreemptLowerPriority", "Never"];
        errors.extend(required_one_of(&path.child("preemptionPolicy"), policy, &supported));
    }
    if let Some(overhead) = &spec.overhead {
        errors.extend(resources::overhead(overhead, &path.child("overhead")));
    }
    errors
}

// === shared by the parts ===

/// The entries of a list that may be absent.
fn items<T>(list: &Option<Vec<T>>) -> &[T] {
    list.as_deref().unwrap_or_default()
}

/// A text that may be absent.
fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

fn quantity(text: &Text) -> Option<Quantity> {
    Quantity::parse(&text.0).ok()
}

fn is_empty<T>(list: &Option<Vec<T>>) -> bool {
    items(list).is_empty()
}

/// A value that must be given, out of an enumeration that is told in its own order.
fn required_one_of(path: &Path, value: &str, supported: &[&str]) -> Option<FieldError> {
    match value {
        "" => Some(FieldError::required(path, "")),
        value => one_of(path, value, supported),
    }
}

/// A value out of an enumeration.
fn one_of(path: &Path, value: &str, supported: &[&str]) -> Option<FieldError> {
    (!supported.contains(&value)).then(|| FieldError::not_supported(path, value, supported.iter().copied()))
}

fn required(path: &Path, field: &str, value: &str) -> Option<FieldError> {
    value.is_empty().then(|| FieldError::required(&path.child(field), ""))
}

/// A field that is either empty or keeps a rule.
fn optional(path: &Path, field: &str, value: &str, rule: fn(&str) -> validation::Faults) -> Errors {
    match value {
        "" => Errors::new(),
        value => validation::invalid_each(&path.child(field), value, rule(value)),
    }
}

/// The same fault list for a number.
fn each_fault(path: &Path, value: i64, faults: validation::Faults) -> impl Iterator<Item = FieldError> {
    faults.into_iter().map(move |fault| FieldError::invalid(path, value, fault))
}

#[cfg(test)]
mod tests;
