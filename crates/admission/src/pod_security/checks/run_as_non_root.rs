//! Nobody runs as root, and says so. Restricted; a pod with users of its own may.

use serde_json::Value;

use super::{Check, Revision};
use crate::pod_security::pod::Pod;
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, containers, setters};

pub(super) const CHECK: Check = Check {
    id: "runAsNonRoot",
    revisions: &[Revision::since(0, everywhere), Revision::since(35, unless_own_users)],
};

const REASON: &str = "runAsNonRoot != true";

fn everywhere(pod: &Pod<'_>) -> Verdict {
    let word = |context: &Value| context["runAsNonRoot"].as_bool();
    let of_pod = word(pod.context());
    let refusing = bad_containers(pod, |container| word(container.context()) == Some(false));
    if let Some(who) = setters(of_pod == Some(false), &refusing) {
        let detail = format!("{who} must not set securityContext.runAsNonRoot=false");
        return Some(Violation { reason: REASON, detail });
    }
    let silent = bad_containers(pod, |container| word(container.context()).or(of_pod).is_none());
    (!silent.is_empty()).then(|| Violation {
        reason: REASON,
        detail: format!("pod or {} must set securityContext.runAsNonRoot=true", containers(&silent)),
    })
}

fn unless_own_users(pod: &Pod<'_>) -> Verdict {
    if pod.has_own_users() { None } else { everywhere(pod) }
}
