//! No sharing of the node's network, processes or IPC. Baseline.

use super::{Check, Revision};
use crate::pod_security::pod::Pod;
use crate::pod_security::verdict::{Verdict, Violation};

pub(super) const CHECK: Check = Check { id: "hostNamespaces", revisions: &[Revision::since(0, shared)] };

fn shared(pod: &Pod<'_>) -> Verdict {
    let fields = ["hostNetwork", "hostPID", "hostIPC"].into_iter().filter(|field| *pod.spec(field) == true);
    let shared: Vec<String> = fields.map(|field| format!("{field}=true")).collect();
    (!shared.is_empty()).then(|| Violation { reason: "host namespaces", detail: shared.join(", ") })
}
