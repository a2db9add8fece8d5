//! No capabilities beyond those that runtimes give anyway. Baseline.

use std::collections::BTreeSet;

use super::{Check, Revision};
use crate::pod_security::pod::{Container, Pod, text};
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, containers, quoted};

pub(super) const ID: &str = "capabilities_baseline";
pub(super) const CHECK: Check = Check { id: ID, revisions: &[Revision::since(0, added)] };

const ALLOWED: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn added(pod: &Pod<'_>) -> Verdict {
    let (bad, added) = adding_other_than(pod, &ALLOWED);
    (!bad.is_empty())
        .then(|| Violation { reason: "non-default capabilities", detail: must_not_include(&bad, &added) })
}

/// The containers that add a capability which is not `allowed`, and those capabilities.
pub(super) fn adding_other_than<'a>(pod: &Pod<'a>, allowed: &[&str]) -> (Vec<&'a str>, BTreeSet<&'a str>) {
    let others = |container: &Container<'a>| {
        let added = container.context()["capabilities"]["add"].as_array().into_iter().flatten();
        added.map(text).filter(|capability| !allowed.contains(capability)).collect::<Vec<_>>()
    };
    let mut found = BTreeSet::new();
    let bad = bad_containers(pod, |container| {
        let others = others(container);
        found.extend(&others);
        !others.is_empty()
    });
    (bad, found)
}

pub(super) fn must_not_include(bad: &[&str], added: &BTreeSet<&str>) -> String {
    format!("{} must not include {} in securityContext.capabilities.add", containers(bad), quoted(added))
}
