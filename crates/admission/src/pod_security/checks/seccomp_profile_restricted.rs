//! There is a filter of system calls. Restricted.

use std::collections::BTreeSet;

use super::seccomp_profile_baseline::{ID as BASELINE, Profile, REASON, must_not_set, profile};
use super::{Check, Revision};
use crate::pod_security::pod::Pod;
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, containers, setters};

pub(super) const CHECK: Check = Check {
    id: "seccompProfile_restricted",
    revisions: &[
        Revision::since(19, everywhere).replacing(BASELINE),
        Revision::since(25, except_on_windows).replacing(BASELINE),
    ],
};

fn everywhere(pod: &Pod<'_>) -> Verdict {
    let mut values = BTreeSet::new();
    let of_pod = profile(pod.context());
    let mut bad = |profile| match profile {
        Profile::Bad(value) => {
            values.insert(value);
            true
        }
        Profile::None | Profile::Good => false,
    };
    let pod_is_bad = bad(of_pod);
    let bad_ones = bad_containers(pod, |container| bad(profile(container.context())));
    if let Some(who) = setters(pod_is_bad, &bad_ones) {
        return Some(must_not_set(&who, &values));
    }
    let silent = bad_containers(pod, |container| {
        of_pod != Profile::Good && profile(container.context()) == Profile::None
    });
    (!silent.is_empty()).then(|| Violation {
        reason: REASON,
        detail: format!(
            "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
            containers(&silent)
        ),
    })
}

/// Validation refuses the field on Windows.
fn except_on_windows(pod: &Pod<'_>) -> Verdict {
    if pod.is_windows() { None } else { everywhere(pod) }
}
