//! No folders of the node. Baseline.

use super::{Check, Revision};
use crate::pod_security::pod::{Pod, text};
use crate::pod_security::verdict::{Verdict, Violation, plural, quoted};

pub(super) const ID: &str = "hostPathVolumes";
pub(super) const CHECK: Check = Check { id: ID, revisions: &[Revision::since(0, volumes)] };

fn volumes(pod: &Pod<'_>) -> Verdict {
    let bad = pod.volumes().filter(|volume| !volume["hostPath"].is_null());
    let bad: Vec<&str> = bad.map(|volume| text(&volume["name"])).collect();
    (!bad.is_empty()).then(|| Violation {
        reason: "hostPath volumes",
        detail: format!("{} {}", plural("volume", "volumes", bad.len()), quoted(&bad)),
    })
}
