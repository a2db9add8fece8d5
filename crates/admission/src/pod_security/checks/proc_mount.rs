//! `/proc` stays masked. Baseline; a pod with users of its own may lift the mask there, but not at the
//! restricted level.

use std::collections::BTreeSet;

use super::{Check, Revision};
use crate::pod_security::pod::Pod;
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, containers, quoted};

const ID: &str = "procMount";

pub(super) const BASELINE: Check =
    Check { id: ID, revisions: &[Revision::since(0, masked), Revision::since(35, unless_own_users)] };

pub(super) const RESTRICTED: Check =
    Check { id: "procMount_restricted", revisions: &[Revision::since(35, masked).replacing(ID)] };

fn masked(pod: &Pod<'_>) -> Verdict {
    let mut values = BTreeSet::new();
    let bad = bad_containers(pod, |container| {
        let other = container.context()["procMount"].as_str().filter(|mount| *mount != "Default");
        values.extend(other);
        other.is_some()
    });
    (!bad.is_empty()).then(|| Violation {
        reason: "procMount",
        detail: format!("{} must not set securityContext.procMount to {}", containers(&bad), quoted(&values)),
    })
}

fn unless_own_users(pod: &Pod<'_>) -> Verdict {
    if pod.has_own_users() { None } else { masked(pod) }
}
