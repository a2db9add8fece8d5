//! NamespaceLifecycle: nothing is created in a namespace that does not exist or is going
//! away, and some namespaces cannot be deleted.

use ironclad_api::{Cause, ObjectKey, Status};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};

use super::{core, forbidden, is_about};
use crate::{Cluster, Plugin};

const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

pub(super) struct NamespaceLifecycle;

impl Plugin for NamespaceLifecycle {
    fn name(&self) -> &'static str {
        "NamespaceLifecycle"
    }

    fn mutate(&self, request: &mut AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        if is_about(request, "", "namespaces", "") {
            let protected = request.operation == AdmissionOperation::Delete
                && IMMORTAL.contains(&request.target.name.as_str());
            return if protected {
                Err(forbidden(request, "this namespace may not be deleted"))
            } else {
                Ok(())
            };
        }
        let namespace = request.target.namespace.as_str();
        let asks_only = request.kind.group == "authorization.k8s.io";
        if namespace.is_empty() || asks_only || request.operation == AdmissionOperation::Delete {
            return Ok(());
        }
        let resource = core("namespaces");
        let Some(entry) = cluster.cache.get(&resource, &ObjectKey::cluster(namespace)) else {
            return Err(Status::not_found(&resource, namespace));
        };
        let creates = request.operation == AdmissionOperation::Create;
        if creates && entry.field("status.phase") == Some("Terminating") {
            return Err(terminating(request, namespace));
        }
        Ok(())
    }
}

fn terminating(request: &AdmissionRequest<'_>, namespace: &str) -> Status {
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut status = forbidden(request, why);
    status.details_mut().causes.push(Cause {
        reason: "NamespaceTerminating".into(),
        message: format!("namespace {namespace} is being terminated"),
        field: "metadata.namespace".into(),
    });
    status
}
