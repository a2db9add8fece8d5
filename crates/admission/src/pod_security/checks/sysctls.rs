//! Kernel parameters that are the pod's own, and harmless. Baseline.

use super::{Check, Revision};
use crate::pod_security::pod::{Pod, text};
use crate::pod_security::verdict::{Verdict, Violation};

pub(super) const CHECK: Check = Check {
    id: "sysctls",
    revisions: &[
        Revision::since(0, |pod| sysctls(pod, 0)),
        Revision::since(27, |pod| sysctls(pod, 27)),
        Revision::since(29, |pod| sysctls(pod, 29)),
        Revision::since(32, |pod| sysctls(pod, 32)),
    ],
};

/// What is safe, and since which minor version it counts so.
const SAFE: [(&str, u32); 12] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
];

fn sysctls(pod: &Pod<'_>, minor: u32) -> Verdict {
    let all = pod.context()["sysctls"].as_array().into_iter().flatten();
    let is_safe = |name: &str| SAFE.iter().any(|(safe, since)| *safe == name && *since <= minor);
    let bad: Vec<&str> = all.map(|sysctl| text(&sysctl["name"])).filter(|name| !is_safe(name)).collect();
    (!bad.is_empty()).then(|| Violation { reason: "forbidden sysctls", detail: bad.join(", ") })
}
