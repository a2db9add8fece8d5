//! Approves the serving certificates of nodes.
//!
//! Upstream leaves these to people, or to a controller of the installer's, because a node says itself which
//! addresses it has. Here they are approved when nothing else could be behind the request:
//!
//! - the user who asks is that node (`system:node:NAME` in `system:nodes`), which is the name it asks for;
//! - it asks for addresses only, not for DNS names, and its Node object has every one of them;
//! - no other Node has one of them, nor is one the API server's (endpoint or cluster IP of the Service
//!   `kubernetes`): a node that was broken into could else become somebody whom others trust.
//!
//! Anything else waits for `kubectl certificate approve`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ironclad_client::Cache;
use ironclad_client::typed::CacheExt;
use ironclad_pki::csr::CertificateRequest;
use ironclad_pki::signers::Signer;
use ironclad_pki::usage::Usage;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequestSpec as Spec;
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::approving::Outcome;
use super::{ObjectKey, Seen};
use crate::resources::{ENDPOINT_SLICES, NODES, SERVICES};

const USER: &str = "system:node:";
const GROUP: &str = "system:nodes";
const MESSAGE: &str = "Auto approving kubelet serving certificate for the addresses of its own Node.";

pub(super) fn approve(
    cache: &dyn Cache,
    seen: &Seen,
    parsed: &CertificateRequest,
    now: Timestamp,
) -> Outcome {
    match own_node(&seen.request.spec, parsed) {
        Some(node) if are_its_own(cache, node, &parsed.sans.ips) => {
            Outcome::Approved(seen.with_condition("Approved", "AutoApproved", MESSAGE, now))
        }
        Some(_) => Outcome::NotPermitted,
        None => Outcome::NotOurs,
    }
}

/// The node that asks for itself, for addresses only.
fn own_node<'a>(spec: &'a Spec, parsed: &CertificateRequest) -> Option<&'a str> {
    let user = spec.username.as_deref().filter(|user| *user == parsed.subject.common_name)?;
    let is_node = spec.groups.iter().flatten().any(|group| group == GROUP);
    let usages = Usage::parse_all(spec.usages.as_deref().unwrap_or_default()).ok()?;
    let signer = Signer::KubeletServing;
    let is_serving = spec.signer_name == signer.name() && signer.check(parsed, &usages).is_ok();
    let plain = parsed.sans.dns.is_empty() && !parsed.sans.ips.is_empty();
    user.strip_prefix(USER).filter(|_| is_node && is_serving && plain)
}

fn are_its_own(cache: &dyn Cache, node: &str, asked: &[IpAddr]) -> bool {
    let object = cache.get_as::<Node>(&NODES.group_resource(), &ObjectKey::cluster(node));
    let Some(own) = object.map(|object| addresses(&object)) else { return false };
    let others = others(cache, node);
    asked.iter().all(|ip| own.contains(ip) && !others.contains(ip))
}

/// Addresses that somebody else is trusted by.
fn others(cache: &dyn Cache, node: &str) -> BTreeSet<IpAddr> {
    let nodes = cache.list_as::<Node>(&NODES.group_resource(), None);
    let nodes = nodes.iter().filter(|other| other.metadata.name.as_deref() != Some(node));
    let mut found: BTreeSet<IpAddr> = nodes.flat_map(|other| addresses(other)).collect();
    let key = ObjectKey::new("default", "kubernetes");
    if let Some(service) = cache.get_as::<Service>(&SERVICES.group_resource(), &key) {
        let ips = service.spec.iter().filter_map(|spec| spec.cluster_ips.as_ref()).flatten();
        found.extend(ips.filter_map(|ip| ip.parse::<IpAddr>().ok()));
    }
    if let Some(slice) = cache.get_as::<EndpointSlice>(&ENDPOINT_SLICES.group_resource(), &key) {
        let ips = slice.endpoints.iter().flatten().flat_map(|endpoint| &endpoint.addresses);
        found.extend(ips.filter_map(|ip| ip.parse::<IpAddr>().ok()));
    }
    found
}

fn addresses(node: &Node) -> Vec<IpAddr> {
    let all = node.status.iter().filter_map(|status| status.addresses.as_ref()).flatten();
    all.filter_map(|address| address.address.parse().ok()).collect()
}
