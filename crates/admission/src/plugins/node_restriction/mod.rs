//! NodeRestriction: an agent writes its own node and what belongs to it, and nothing that would let it
//! pull other workloads, their secrets or their identities to itself.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction>.

mod claims;
mod own_node;
mod pods;
#[cfg(test)]
mod tests;
mod tokens;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::goprint::quote;
use ironclad_api::{Object, Status};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest, Authorizer, User};
use ironclad_env::BoxFuture;
use ironclad_pki::csr::CertificateRequest;
use ironclad_pki::signers::Signer;

use super::{core, forbidden};
use crate::{Cluster, WaitingPlugin};

const USER_PREFIX: &str = "system:node:";
const GROUP: &str = "system:nodes";
const LEASES: &str = "kube-node-lease";

pub(super) struct NodeRestriction {
    /// Asked whether a node may have tokens for audiences that none of its pod's volumes names.
    authorizer: Arc<dyn Authorizer>,
}

/// A write by an agent.
struct Asked<'a> {
    request: &'a AdmissionRequest<'a>,
    cluster: &'a Cluster<'a>,
    node: &'a str,
}

impl NodeRestriction {
    pub(super) fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self { authorizer }
    }

    async fn check(&self, asked: &Asked<'_>) -> Result<(), Status> {
        if asked.node.is_empty() {
            let user = quote(&asked.request.context.user.name);
            return Err(asked.refused(format!("could not determine node from user {user}")));
        }
        let target = asked.request.target;
        match (&*target.resource.group, &*target.resource.resource) {
            ("", "pods") => pods::check(asked),
            ("", "nodes") => own_node::check(asked),
            ("", "persistentvolumeclaims") => claims::check(asked),
            ("", "serviceaccounts") => tokens::check(asked, &*self.authorizer).await,
            ("coordination.k8s.io", "leases") => lease(asked),
            ("storage.k8s.io", "csinodes") => {
                named_as_node(asked, "can only access CSINode with the same name as the requesting node")
            }
            ("resource.k8s.io", "resourceslices") => resource_slice(asked),
            ("certificates.k8s.io", "certificatesigningrequests") => signing_request(asked),
            _ => Ok(()),
        }
    }
}

impl WaitingPlugin for NodeRestriction {
    fn name(&self) -> &'static str {
        "NodeRestriction"
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest<'_>,
        cluster: &'a Cluster<'_>,
    ) -> BoxFuture<'a, Result<(), Status>> {
        match node_of(&request.context.user) {
            Some(node) => Box::pin(async move { self.check(&Asked { request, cluster, node }).await }),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }
}

/// The node that a user is the agent of; empty for an agent that does not say of which.
fn node_of(user: &User) -> Option<&str> {
    let in_group = user.groups.iter().any(|group| group == GROUP);
    user.name.strip_prefix(USER_PREFIX).filter(|_| in_group)
}

impl Asked<'_> {
    fn refused(&self, why: impl Into<String>) -> Status {
        forbidden(self.request, why)
    }

    /// `Err` with the reason unless it holds.
    fn demand(&self, holds: bool, why: impl FnOnce() -> String) -> Result<(), Status> {
        if holds { Ok(()) } else { Err(self.refused(why())) }
    }

    fn object(&self) -> Option<&Object> {
        self.request.object.as_deref()
    }

    /// The name in the URL, or of the object that is being created.
    fn name(&self) -> &str {
        match self.request.target.name.as_str() {
            "" => self.object().map(Object::name).unwrap_or_default(),
            name => name,
        }
    }
}

fn named_as_node(asked: &Asked<'_>, otherwise: &str) -> Result<(), Status> {
    asked.demand(asked.name() == asked.node, || otherwise.to_owned())
}

fn lease(asked: &Asked<'_>) -> Result<(), Status> {
    asked.demand(asked.request.target.namespace == LEASES, || {
        format!("can only access leases in the \"{LEASES}\" system namespace")
    })?;
    named_as_node(asked, "can only access node lease with the same name as the requesting node")
}

/// What is created and deleted. To whom other slices belong, the Node authorizer looks at.
fn resource_slice(asked: &Asked<'_>) -> Result<(), Status> {
    let (slice, verb) = match asked.request.operation {
        AdmissionOperation::Create => (asked.object(), "create"),
        AdmissionOperation::Delete => (asked.request.old, "delete"),
        AdmissionOperation::Update | AdmissionOperation::Connect => return Ok(()),
    };
    let own = slice.is_some_and(|slice| slice.str_at(&["spec", "nodeName"]) == asked.node);
    asked.demand(own, || {
        format!("can only {verb} ResourceSlice with the same NodeName as the requesting node")
    })
}

/// What else is in a request its signer looks at.
fn signing_request(asked: &Asked<'_>) -> Result<(), Status> {
    let creates = asked.request.operation == AdmissionOperation::Create;
    let signers = [Signer::KubeletServing, Signer::ApiServerClientKubelet].map(Signer::name);
    let Some(request) = asked.object().filter(|_| creates) else { return Ok(()) };
    if !signers.contains(&request.str_at(&["spec", "signerName"])) {
        return Ok(());
    }
    let pem = STANDARD.decode(request.str_at(&["spec", "request"])).unwrap_or_default();
    let parsed = CertificateRequest::from_pem(&pem);
    let parsed = parsed.map_err(|error| asked.refused(format!("unable to parse csr: {error}")))?;
    let wanted = format!("{USER_PREFIX}{}", asked.node);
    asked.demand(parsed.subject.common_name == wanted, || {
        format!("can only create a node CSR with CN={wanted}")
    })
}
