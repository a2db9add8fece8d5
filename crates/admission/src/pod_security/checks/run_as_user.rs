//! Nobody asks to be user 0. Restricted; a pod with users of its own may.

use super::{Check, Revision};
use crate::pod_security::pod::Pod;
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, setters};

pub(super) const CHECK: Check = Check {
    id: "runAsUser",
    revisions: &[Revision::since(23, everywhere), Revision::since(35, unless_own_users)],
};

fn everywhere(pod: &Pod<'_>) -> Verdict {
    let bad = bad_containers(pod, |container| container.context()["runAsUser"] == 0);
    let who = setters(pod.context()["runAsUser"] == 0, &bad)?;
    Some(Violation { reason: "runAsUser=0", detail: format!("{who} must not set runAsUser=0") })
}

fn unless_own_users(pod: &Pod<'_>) -> Verdict {
    if pod.has_own_users() { None } else { everywhere(pod) }
}
