//! The plugins, and what they share in looking at a request.

mod certificates;
mod default_ingress_class;
mod default_storage_class;
mod default_toleration_seconds;
mod limit_ranger;
mod namespace_lifecycle;
mod node_restriction;
mod persistent_volume_claim_resize;
mod pod_references;
mod pod_resize;
mod pod_topology_labels;
mod policy_parameters;
mod priority;
mod resource_quota;
mod runtime_class;
mod service_account;
mod storage_object_in_use_protection;
mod taint_nodes_by_condition;

use std::cmp::Reverse;
use std::sync::Arc;

use ironclad_api::{GroupResource, Status};
use ironclad_client::Cache;
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};

use crate::Step::{Plain, Waiting};
use crate::pod_security::PodSecurity;
use crate::policy::{MutatingAdmissionPolicy, ValidatingAdmissionPolicy};
use crate::rbac_escalation::RbacEscalation;
use crate::webhooks::{MutatingAdmissionWebhook, ValidatingAdmissionWebhook};
use crate::{Cluster, Outside, Step};

/// Upstream's order (`pkg/kubeapiserver/options/plugins.go`).
pub(crate) fn standard(cache: &Arc<dyn Cache>, outside: &Outside) -> Vec<Step> {
    let (caller, authorizer) = (&outside.caller, &outside.authorizer);
    vec![
        // The first to judge a finished object: it belongs to validation.
        Waiting(Box::new(policy_parameters::PolicyParameters::new(authorizer.clone()))),
        Plain(Box::new(namespace_lifecycle::NamespaceLifecycle)),
        Plain(Box::new(limit_ranger::LimitRanger)),
        Waiting(Box::new(service_account::ServiceAccount)),
        Waiting(Box::new(node_restriction::NodeRestriction::new(authorizer.clone()))),
        Plain(Box::new(taint_nodes_by_condition::TaintNodesByCondition)),
        Plain(Box::new(PodSecurity::new(outside.pod_security.clone()))),
        Plain(Box::new(priority::Priority)),
        Plain(Box::new(default_toleration_seconds::DefaultTolerationSeconds)),
        Plain(Box::new(default_storage_class::DefaultStorageClass)),
        Plain(Box::new(storage_object_in_use_protection::StorageObjectInUseProtection)),
        Plain(Box::new(persistent_volume_claim_resize::PersistentVolumeClaimResize)),
        Plain(Box::new(runtime_class::RuntimeClass)),
        Waiting(Box::new(certificates::approval::Approval::new(authorizer.clone()))),
        Waiting(Box::new(certificates::signing::Signing::new(authorizer.clone()))),
        Plain(Box::new(certificates::subject_restriction::SubjectRestriction)),
        Plain(Box::new(default_ingress_class::DefaultIngressClass)),
        Plain(Box::new(pod_topology_labels::PodTopologyLabels)),
        Plain(Box::new(pod_resize::PodResizeValidator)),
        Waiting(Box::new(MutatingAdmissionPolicy::new(cache, authorizer))),
        Waiting(Box::new(MutatingAdmissionWebhook::new(cache, caller, authorizer))),
        // Last of those that are asked in the first round: it judges what the others made of a role.
        Waiting(Box::new(RbacEscalation::new(outside.authorizer.clone(), outside.rules.clone()))),
        Waiting(Box::new(ValidatingAdmissionPolicy::new(cache, authorizer))),
        Waiting(Box::new(ValidatingAdmissionWebhook::new(cache, caller, authorizer))),
        // The last: only what everybody else lets pass is paid for.
        Waiting(Box::new(resource_quota::ResourceQuota::new(outside.client.clone()))),
    ]
}

pub(crate) fn core(resource: &'static str) -> GroupResource {
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

/// The class with one of these annotations set to `true`: the newest; of several as new, the first by name.
fn newest_default(cluster: &Cluster<'_>, classes: &GroupResource, annotations: &[&str]) -> Option<String> {
    let all = cluster.cache.list(classes, None);
    let all = all.iter().map(|entry| entry.object());
    let defaults = all.filter(|class| annotations.iter().any(|key| class.annotation(key) == Some("true")));
    let newest = defaults.min_by_key(|class| {
        (Reverse(class.meta_str("creationTimestamp").to_owned()), class.name().to_owned())
    });
    newest.map(|class| class.name().to_owned())
}

/// Refused with 403, in the object's name as far as it is known.
pub(crate) fn forbidden(request: &AdmissionRequest<'_>, why: impl Into<String>) -> Status {
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
