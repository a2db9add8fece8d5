//! No privileged containers: for them most of what confines others is off. Baseline.

use super::{Check, Revision};
use crate::pod_security::pod::Pod;
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, containers};

pub(super) const CHECK: Check = Check { id: "privileged", revisions: &[Revision::since(0, privileged)] };

fn privileged(pod: &Pod<'_>) -> Verdict {
    let bad = bad_containers(pod, |container| container.context()["privileged"] == true);
    (!bad.is_empty()).then(|| Violation {
        reason: "privileged",
        detail: format!("{} must not set securityContext.privileged=true", containers(&bad)),
    })
}
