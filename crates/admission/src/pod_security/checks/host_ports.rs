//! No ports of the node. Baseline.

use std::collections::BTreeSet;

use super::{Check, Revision};
use crate::pod_security::pod::Pod;
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, containers, plural};

pub(super) const CHECK: Check = Check { id: "hostPorts", revisions: &[Revision::since(0, ports)] };

fn ports(pod: &Pod<'_>) -> Verdict {
    // As texts: upstream sorts them so.
    let mut found = BTreeSet::new();
    let bad = bad_containers(pod, |container| {
        let ports = container.0["ports"].as_array().into_iter().flatten();
        let taken: Vec<i64> =
            ports.filter_map(|port| port["hostPort"].as_i64()).filter(|port| *port != 0).collect();
        found.extend(taken.iter().map(i64::to_string));
        !taken.is_empty()
    });
    (!bad.is_empty()).then(|| Violation {
        reason: "hostPort",
        detail: format!(
            "{} {} {} {}",
            containers(&bad),
            plural("uses", "use", bad.len()),
            plural("hostPort", "hostPorts", found.len()),
            found.into_iter().collect::<Vec<_>>().join(", ")
        ),
    })
}
