//! The plugins, and what they share in looking at a request.

mod default_toleration_seconds;
mod namespace_lifecycle;
mod node_restriction;
mod priority;
mod service_account;
mod taint_nodes_by_condition;

use ironclad_api::{GroupResource, Status};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};

use crate::Plugin;

/// Upstream's order (`pkg/kubeapiserver/options/plugins.go`).
pub(crate) fn standard() -> Vec<Box<dyn Plugin>> {
    vec![
        Box::new(namespace_lifecycle::NamespaceLifecycle),
        Box::new(service_account::ServiceAccount),
        Box::new(node_restriction::NodeRestriction),
        Box::new(taint_nodes_by_condition::TaintNodesByCondition),
        Box::new(priority::Priority),
        Box::new(default_toleration_seconds::DefaultTolerationSeconds),
    ]
}

fn core(resource: &'static str) -> GroupResource {
    GroupResource::new("", resource)
}

/// Whether the request is about this resource, or a subresource of it.
fn is_about(request: &AdmissionRequest<'_>, group: &str, resource: &str, subresource: &str) -> bool {
    let target = request.target;
    target.resource.group == group
        && target.resource.resource == resource
        && target.subresource == subresource
}

fn creates_pod(request: &AdmissionRequest<'_>) -> bool {
    request.operation == AdmissionOperation::Create && is_about(request, "", "pods", "")
}

/// Refused with 403, in the object's name as far as it is known.
fn forbidden(request: &AdmissionRequest<'_>, why: impl Into<String>) -> Status {
    let object_name = request.object.as_ref().map(|object| match object.name() {
        "" => object.meta_str("generateName"),
        name => name,
    });
    let name = match request.target.name.as_str() {
        "" => object_name.unwrap_or_default(),
        name => name,
    };
    Status::forbidden(&request.target.resource.group_resource(), name, why.into())
}
