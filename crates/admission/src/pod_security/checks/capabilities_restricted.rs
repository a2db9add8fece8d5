//! All capabilities are dropped; only low ports may be asked for again. Restricted.

use super::capabilities_baseline::{ID as BASELINE, adding_other_than, must_not_include};
use super::{Check, Revision};
use crate::pod_security::pod::Pod;
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, containers};

pub(super) const CHECK: Check = Check {
    id: "capabilities_restricted",
    revisions: &[
        Revision::since(22, everywhere).replacing(BASELINE),
        Revision::since(25, except_on_windows).replacing(BASELINE),
    ],
};

fn everywhere(pod: &Pod<'_>) -> Verdict {
    let keeping = bad_containers(pod, |container| {
        let dropped = container.context()["capabilities"]["drop"].as_array();
        !dropped.into_iter().flatten().any(|capability| capability == "ALL")
    });
    let (adding, added) = adding_other_than(pod, &["NET_BIND_SERVICE"]);
    let mut details = Vec::new();
    if !keeping.is_empty() {
        details
            .push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", containers(&keeping)));
    }
    if !adding.is_empty() {
        details.push(must_not_include(&adding, &added));
    }
    (!details.is_empty())
        .then(|| Violation { reason: "unrestricted capabilities", detail: details.join("; ") })
}

/// Validation refuses the field on Windows.
fn except_on_windows(pod: &Pod<'_>) -> Verdict {
    if pod.is_windows() { None } else { everywhere(pod) }
}
