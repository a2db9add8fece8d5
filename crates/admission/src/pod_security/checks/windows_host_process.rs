//! No processes of the node itself, on Windows. Baseline.

use serde_json::Value;

use super::{Check, Revision};
use crate::pod_security::pod::Pod;
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, setters};

pub(super) const CHECK: Check =
    Check { id: "windowsHostProcess", revisions: &[Revision::since(0, host_process)] };

fn host_process(pod: &Pod<'_>) -> Verdict {
    let bad = |context: &Value| context["windowsOptions"]["hostProcess"] == true;
    let who = setters(bad(pod.context()), &bad_containers(pod, |container| bad(container.context())))?;
    Some(Violation {
        reason: "hostProcess",
        detail: format!("{who} must not set securityContext.windowsOptions.hostProcess=true"),
    })
}
