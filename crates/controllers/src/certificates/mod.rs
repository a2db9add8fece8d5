//! CertificateSigningRequests: kubelets' certificates are approved, what is approved for
//! one of the cluster's own signers is signed with its CA, and what nobody needs any more goes.
//!
//! One controller with upstream's one identity for the three of them, since all look at the
//! same object and what one has done the next takes up.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/>.

mod approving;
mod cleaning;
mod serving;
mod signing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use approving::Outcome;
use ironclad_api::params::{DeleteOptions, Preconditions};
use ironclad_api::{Object, ObjectKey, time};
use ironclad_client::Cache;
use ironclad_control::{Controller, Plan, View, Watch, Write};
use ironclad_pki::ca::CertificateAuthority;
use ironclad_pki::csr::CertificateRequest;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition as Condition,
};

use serde_json::{Value, json};

use crate::resources::CERTIFICATE_SIGNING_REQUESTS as REQUESTS;

/// How long until the authorizer is asked again, when it did not let a kubelet have its certificate.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// How long until a node's addresses are held again against a request for its serving certificate.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What it needs to know of the cluster it is in.
#[derive(Clone)]
pub struct Settings {
    pub authority: Arc<dyn Authority>,
    pub reviewer: Arc<dyn Reviewer>,
}

/// Who holds the key of the cluster's CA.
pub trait Authority: Send + Sync + 'static {
    fn ca(&self) -> &CertificateAuthority;
}

impl Authority for CertificateAuthority {
    fn ca(&self) -> &CertificateAuthority {
        self
    }
}

/// Who made a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requestor {
    pub name: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

/// Whether requestors may have their requests approved without anybody looking at them.
pub trait Reviewer: Send + Sync + 'static {
    /// Whether the requestor may create `certificatesigningrequests/SUBRESOURCE`, which stands
    /// for being approved at once. It answers without waiting; no answer is no.
    fn may_create(&self, requestor: &Requestor, subresource: &str) -> bool;
}

pub struct Certificates {
    settings: Settings,
}

impl Certificates {
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn next(&self, cache: &dyn Cache, seen: &Seen, key: &ObjectKey, now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        if cleaning::is_due(&seen.request, now) {
            plan.then(delete(&seen.request, key));
            return plan;
        }
        if let Some(wait) = cleaning::next_look(&seen.request, now) {
            plan.requeue_in(wait);
        }
        let Ok(parsed) = CertificateRequest::from_pem(&seen.request.spec.request.0) else { return plan };
        if is_decided(&seen.request) {
            let signed = signing::sign(self.settings.authority.ca(), seen, &parsed, now);
            plan.stages.extend(signed.map(|object| vec![update(key, "status", object)]));
        } else {
            match approving::approve(&*self.settings.reviewer, seen, &parsed, now) {
                Outcome::Approved(object) => plan.then(update(key, "approval", object)),
                // The right may be granted later, and no change of the request would tell.
                Outcome::NotPermitted => plan.requeue_in(ASK_AGAIN),
                Outcome::NotOurs => match serving::approve(cache, seen, &parsed, now) {
                    Outcome::Approved(object) => plan.then(update(key, "approval", object)),
                    // The Node may come to have these addresses.
                    Outcome::NotPermitted => plan.requeue_in(LOOK_AGAIN),
                    Outcome::NotOurs => {}
                },
            }
        }
        plan
    }
}

impl Controller for Certificates {
    fn name(&self) -> &'static str {
        "certificate-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::itself(REQUESTS.group_resource())]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let entry = view.cache.get(&REQUESTS.group_resource(), key).map(|entry| entry.object());
        let seen = entry.filter(|object| object.deletion_timestamp().is_none()).and_then(Seen::new);
        seen.map_or_else(Plan::done, |seen| self.next(view.cache, &seen, key, now))
    }
}

/// A request as it is written and as it is read.
struct Seen {
    object: Object,
    request: CertificateSigningRequest,
}

impl Seen {
    fn new(object: Object) -> Option<Self> {
        let request = object.to_typed().ok()?;
        Some(Self { object, request })
    }

    /// With one more condition: that something is so, now.
    fn with_condition(&self, kind: &str, reason: &str, message: &str, now: Timestamp) -> Object {
        let condition = json!({
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastUpdateTime": time::format(now),
        });
        let mut object = self.object.clone();
        match object.section_mut("status").entry("conditions").or_insert(Value::Null) {
            Value::Array(conditions) => conditions.push(condition),
            other => *other = json!([condition]),
        }
        object
    }
}

fn update(key: &ObjectKey, part: &str, object: Object) -> Write {
    Write::Update { target: REQUESTS.object(key).subresource(part), object }
}

/// Only the object that was looked at.
fn delete(request: &CertificateSigningRequest, key: &ObjectKey) -> Write {
    let preconditions = Preconditions {
        uid: request.metadata.uid.clone(),
        resource_version: request.metadata.resource_version.clone(),
    };
    let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
    Write::Delete { target: REQUESTS.object(key), options, tell: None }
}

fn conditions<'a>(
    request: &'a CertificateSigningRequest,
    kind: &'a str,
) -> impl Iterator<Item = &'a Condition> {
    let all = request.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    all.filter(move |condition| condition.type_ == kind)
}

fn has(request: &CertificateSigningRequest, kind: &str) -> bool {
    conditions(request, kind).next().is_some()
}

fn is_decided(request: &CertificateSigningRequest) -> bool {
    has(request, "Approved") || has(request, "Denied")
}

/// The certificate, in PEM; empty before it is issued.
fn issued(request: &CertificateSigningRequest) -> &[u8] {
    let certificate = request.status.as_ref().and_then(|status| status.certificate.as_ref());
    certificate.map(|certificate| &*certificate.0).unwrap_or_default()
}
