//! No process may get more rights than its parent (set-user-ID and the like). Restricted.

use super::{Check, Revision};
use crate::pod_security::pod::Pod;
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, containers};

pub(super) const CHECK: Check = Check {
    id: "allowPrivilegeEscalation",
    revisions: &[Revision::since(8, everywhere), Revision::since(25, except_on_windows)],
};

fn everywhere(pod: &Pod<'_>) -> Verdict {
    let bad = bad_containers(pod, |container| container.context()["allowPrivilegeEscalation"] != false);
    (!bad.is_empty()).then(|| Violation {
        reason: "allowPrivilegeEscalation != false",
        detail: format!("{} must set securityContext.allowPrivilegeEscalation=false", containers(&bad)),
    })
}

/// Validation refuses the field on Windows.
fn except_on_windows(pod: &Pod<'_>) -> Verdict {
    if pod.is_windows() { None } else { everywhere(pod) }
}
