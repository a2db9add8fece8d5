//! Approves the client certificates of kubelets whose user may have them: bootstrap tokens for
//! a node's first (`nodeclient`), nodes for their next (`selfnodeclient`).

use ironclad_api::Object;
use ironclad_pki::csr::CertificateRequest;
use ironclad_pki::signers::Signer;
use ironclad_pki::usage::Usage;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;

use super::{Requestor, Reviewer, Seen};

/// The permission, and what is said when it was given.
const OWN: (&str, &str) =
    ("selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview.");
const ANY: (&str, &str) =
    ("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.");

pub(super) enum Outcome {
    /// The request with its approval.
    Approved(Object),
    /// A kubelet's, whose user may not have it approved.
    NotPermitted,
    NotOurs,
}

pub(super) fn approve(
    reviewer: &dyn Reviewer,
    seen: &Seen,
    parsed: &CertificateRequest,
    now: Timestamp,
) -> Outcome {
    if !is_node_client(&seen.request, parsed) {
        return Outcome::NotOurs;
    }
    let requestor = requestor(&seen.request);
    let is_own = requestor.name == parsed.subject.common_name;
    let mut permissions = [OWN, ANY].into_iter().filter(|permission| is_own || *permission != OWN);
    match permissions.find(|(subresource, _)| reviewer.may_create(&requestor, subresource)) {
        Some((_, message)) => {
            Outcome::Approved(seen.with_condition("Approved", "AutoApproved", message, now))
        }
        None => Outcome::NotPermitted,
    }
}

fn is_node_client(request: &CertificateSigningRequest, parsed: &CertificateRequest) -> bool {
    let signer = Signer::ApiServerClientKubelet;
    let usages = Usage::parse_all(request.spec.usages.as_deref().unwrap_or_default());
    request.spec.signer_name == signer.name()
        && usages.is_ok_and(|usages| signer.check(parsed, &usages).is_ok())
}

fn requestor(request: &CertificateSigningRequest) -> Requestor {
    let spec = &request.spec;
    Requestor {
        name: spec.username.clone().unwrap_or_default(),
        uid: spec.uid.clone().unwrap_or_default(),
        groups: spec.groups.clone().unwrap_or_default(),
        extra: spec.extra.clone().unwrap_or_default(),
    }
}
