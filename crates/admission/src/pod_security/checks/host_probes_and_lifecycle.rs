//! Probes and lifecycle handlers call the pod itself and nobody else in the node's name. Baseline.

use std::collections::BTreeSet;

use super::{Check, Revision};
use crate::pod_security::pod::{Container, Pod, text};
use crate::pod_security::verdict::{Verdict, Violation, containers, plural, quoted};

pub(super) const CHECK: Check =
    Check { id: "hostProbesAndHostLifecycle", revisions: &[Revision::since(34, hosts)] };

const HANDLERS: [(&str, &str); 5] = [
    ("", "livenessProbe"),
    ("", "readinessProbe"),
    ("", "startupProbe"),
    ("lifecycle", "postStart"),
    ("lifecycle", "preStop"),
];

fn hosts(pod: &Pod<'_>) -> Verdict {
    let (mut bad, mut found) = (BTreeSet::new(), BTreeSet::new());
    for container in pod.containers() {
        for host in hosts_of(container) {
            bad.insert(container.name());
            found.insert(host);
        }
    }
    let bad: Vec<&str> = bad.into_iter().collect();
    (!bad.is_empty()).then(|| Violation {
        reason: "probe or lifecycle host",
        detail: format!(
            "{} {} {} {}",
            containers(&bad),
            plural("uses", "use", bad.len()),
            plural("probe or lifecycle host", "probe or lifecycle hosts", found.len()),
            quoted(&found)
        ),
    })
}

fn hosts_of(container: Container<'_>) -> impl Iterator<Item = &str> {
    let handlers = HANDLERS.into_iter().map(move |(parent, field)| match parent {
        "" => &container.0[field],
        parent => &container.0[parent][field],
    });
    let hosts = handlers.flat_map(|handler| ["httpGet", "tcpSocket"].map(|way| text(&handler[way]["host"])));
    hosts.filter(|host| !host.is_empty())
}
