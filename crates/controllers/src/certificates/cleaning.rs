//! Old requests go: decided ones an hour after, others after a day, and those whose
//! certificate has expired.

use std::time::Duration;

use ironclad_pki::certificate::Certificate;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;

use super::{conditions, has, issued};

const DECIDED: SignedDuration = SignedDuration::from_hours(1);
const PENDING: SignedDuration = SignedDuration::from_hours(24);
/// Upstream looks every hour; nothing here is urgent.
const SOONEST: Duration = Duration::from_secs(60);

pub(super) fn is_due(request: &CertificateSigningRequest, now: Timestamp) -> bool {
    ends(request).into_iter().any(|end| end < now)
}

/// How long until the next of its deadlines.
pub(super) fn next_look(request: &CertificateSigningRequest, now: Timestamp) -> Option<Duration> {
    let next = ends(request).into_iter().min()?;
    let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default();
    Some(wait.saturating_add(Duration::from_secs(1)).max(SOONEST))
}

/// When it is to go; the first of them counts.
fn ends(request: &CertificateSigningRequest) -> Vec<Timestamp> {
    let is_issued = !issued(request).is_empty();
    let since = |kind: &'static str, life: SignedDuration| {
        let updates = conditions(request, kind).filter_map(|condition| condition.last_update_time.as_ref());
        updates.filter_map(move |time| time.0.checked_add(life).ok()).min()
    };
    let is_pending =
        request.status.as_ref().and_then(|status| status.conditions.as_ref()).is_none_or(Vec::is_empty);
    let created = request.metadata.creation_timestamp.as_ref().filter(|_| is_pending);
    let approved = if is_issued { DECIDED } else { PENDING };
    let all = [
        since("Approved", approved),
        since("Denied", DECIDED),
        since("Failed", DECIDED),
        created.and_then(|time| time.0.checked_add(PENDING).ok()),
        expiry(request),
    ];
    all.into_iter().flatten().collect()
}

fn expiry(request: &CertificateSigningRequest) -> Option<Timestamp> {
    let pem = Some(issued(request)).filter(|pem| !pem.is_empty() && has(request, "Approved"))?;
    let certificates = Certificate::all_from_pem(pem).ok()?;
    certificates.first().map(|certificate| certificate.window.not_after)
}
