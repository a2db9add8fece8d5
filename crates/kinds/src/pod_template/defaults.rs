//! The defaults of a pod's spec, wherever it stands: in a pod or in a template.
//!
//! Each function may be called again on its own result. Those that only pods get (requests
//! from limits, host ports, service links) are with the pod.
//! Source: `SetDefaults_PodSpec` and its parts, and the field docs of `core/v1`.

use ironclad_api::object::object_in;

use serde_json::{Map, Value, json};

use super::image::pull_policy;
use super::volume_defaults::volume;
use crate::resource_lists::round;
use crate::spec::{default_to, object_at, objects_at};

const GRACE_SECONDS: i64 = 30;
const TERMINATION_LOG: &str = "/dev/termination-log";
/// The lists of containers in a pod's spec.
pub(crate) const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];
const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];

/// A template: `metadata` and `spec`.
pub(crate) fn template(template: &mut Map<String, Value>) {
    let metadata = object_in(template, "metadata");
    drop_init_annotations(metadata);
    spec(object_in(template, "spec"));
}

/// A pod's spec.
pub(crate) fn spec(spec: &mut Map<String, Value>) {
    mirror_service_account(spec);
    for (field, default) in
        [("dnsPolicy", "ClusterFirst"), ("restartPolicy", "Always"), ("schedulerName", "default-scheduler")]
    {
        text_default(spec, field, default);
    }
    default_to(spec, "securityContext", json!({}));
    default_to(spec, "terminationGracePeriodSeconds", GRACE_SECONDS);
    objects_at(spec, "volumes").for_each(volume);
    for list in CONTAINER_LISTS {
        objects_at(spec, list).for_each(container);
    }
    round(spec, "overhead");
    if let Some(resources) = object_at(spec, "resources") {
        resource_lists(resources);
    }
}

/// `serviceAccount` is an older name of `serviceAccountName`; both are always the same.
pub(crate) fn mirror_service_account(spec: &mut Map<String, Value>) {
    let text = |field: &str| spec.get(field).and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = text("serviceAccountName").or_else(|| text("serviceAccount")).map(str::to_owned);
    for field in ["serviceAccountName", "serviceAccount"] {
        match &name {
            Some(name) => drop(spec.insert(field.to_owned(), name.clone().into())),
            None => drop(spec.remove(field)),
        }
    }
}

/// Annotations that once carried init containers, and that old clients still send.
pub(crate) fn drop_init_annotations(metadata: &mut Map<String, Value>) {
    let Some(annotations) = object_at(metadata, "annotations") else { return };
    for prefix in ["pod.beta.kubernetes.io/", "pod.alpha.kubernetes.io/"] {
        for name in ["init-containers", "init-container-statuses"] {
            annotations.remove(&format!("{prefix}{name}"));
        }
    }
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
}

fn container(container: &mut Map<String, Value>) {
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let policy = pull_policy(image);
    text_default(container, "imagePullPolicy", policy);
    text_default(container, "terminationMessagePath", TERMINATION_LOG);
    text_default(container, "terminationMessagePolicy", "File");
    objects_at(container, "ports").for_each(|port| text_default(port, "protocol", "TCP"));
    objects_at(container, "env").for_each(variable);
    resource_lists(object_in(container, "resources"));
    for name in PROBES {
        if let Some(probe) = object_at(container, name) {
            self::probe(probe);
        }
    }
    if let Some(lifecycle) = object_at(container, "lifecycle") {
        for name in ["postStart", "preStop"] {
            if let Some(handler) = object_at(lifecycle, name) {
                http_get(handler);
            }
        }
    }
}

fn variable(variable: &mut Map<String, Value>) {
    let Some(source) = object_at(variable, "valueFrom") else { return };
    if let Some(reference) = object_at(source, "fieldRef") {
        field_reference(reference);
    }
    if let Some(reference) = object_at(source, "fileKeyRef") {
        default_to(reference, "optional", false);
    }
}

pub(super) fn field_reference(reference: &mut Map<String, Value>) {
    text_default(reference, "apiVersion", "v1");
}

fn probe(probe: &mut Map<String, Value>) {
    for (field, default) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        number_default(probe, field, default);
    }
    http_get(probe);
    if let Some(grpc) = object_at(probe, "grpc") {
        default_to(grpc, "service", "");
    }
}

fn http_get(handler: &mut Map<String, Value>) {
    if let Some(request) = object_at(handler, "httpGet") {
        text_default(request, "path", "/");
        text_default(request, "scheme", "HTTP");
    }
}

/// `limits` and `requests`.
pub(crate) fn resource_lists(resources: &mut Map<String, Value>) {
    round(resources, "limits");
    round(resources, "requests");
}

/// Sets a string that is absent, null or empty.
pub(crate) fn text_default(parent: &mut Map<String, Value>, field: &str, default: &str) {
    let given = parent.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    if !given {
        parent.insert(field.to_owned(), default.into());
    }
}

/// Sets a number that is absent, null or 0.
fn number_default(parent: &mut Map<String, Value>, field: &str, default: i64) {
    let given = parent.get(field).and_then(Value::as_i64).is_some_and(|number| number != 0);
    if !given {
        parent.insert(field.to_owned(), default.into());
    }
}

#[cfg(test)]
mod tests;
