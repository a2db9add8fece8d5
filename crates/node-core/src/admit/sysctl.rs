//! Which sysctls a pod may set.

use ironclad_api::goprint;
use k8s_openapi::api::core::v1::PodSpec;

use super::Rejection;

/// Namespaced and without influence on other pods. All are namespaced from Linux 4.15 on.
const SAFE: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

/// A name with dots, whichever of `/` and `.` it was written with: the separator is what comes first.
pub fn normalized(name: &str) -> String {
    match name.find(['.', '/']) {
        Some(at) if name.get(at..).is_some_and(|rest| rest.starts_with('/')) => name
            .chars()
            .map(|c| match c {
                '/' => '.',
                '.' => '/',
                c => c,
            })
            .collect(),
        _ => name.to_owned(),
    }
}

/// Refuses a sysctl that is neither safe nor allowed on this node, or whose namespace the pod shares with
/// the node. `allowed` are names, or prefixes that end in `*`.
pub fn check(spec: &PodSpec, allowed: &[String]) -> Result<(), Rejection> {
    let context = spec.security_context.as_ref();
    for sysctl in context.and_then(|c| c.sysctls.as_deref()).unwrap_or_default() {
        check_one(spec, &normalized(&sysctl.name), allowed).map_err(|why| Rejection {
            reason: "SysctlForbidden".to_owned(),
            message: format!("forbidden sysctl: {why}"),
        })?;
    }
    Ok(())
}

fn check_one(spec: &PodSpec, name: &str, allowed: &[String]) -> Result<(), String> {
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    };
    let quoted = goprint::quote(name);
    if !SAFE.contains(&name) && !allowed.iter().any(|pattern| matches(&normalized(pattern))) {
        return Err(format!("{quoted} not allowlisted"));
    }
    let shared = match namespace(name) {
        "ipc" => spec.host_ipc == Some(true),
        "net" => spec.host_network == Some(true),
        _ => false,
    };
    if shared { Err(format!("{quoted} not allowed with host {} enabled", namespace(name))) } else { Ok(()) }
}

/// The namespace that a sysctl belongs to.
fn namespace(name: &str) -> &'static str {
    if name.starts_with("net.") {
        "net"
    } else if name.starts_with("kernel.shm")
        || name.starts_with("kernel.msg")
        || name.starts_with("fs.mqueue.")
        || name == "kernel.sem"
    {
        "ipc"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn only_safe_and_allowed_sysctls_pass() {
        let check = |name: &str, spec: Value, allowed: &[&str], expected: Option<&str>| {
            let mut spec = spec;
            spec["containers"] = json!([]);
            spec["securityContext"] = json!({"sysctls": [{"name": name, "value": "1"}]});
            let spec: PodSpec = serde_json::from_value(spec).unwrap();
            let allowed: Vec<String> = allowed.iter().map(|s| (*s).to_owned()).collect();
            let found = super::check(&spec, &allowed).err().map(|r| r.message);
            assert_eq!(found.as_deref(), expected, "{name}");
        };
        check("kernel.shm_rmid_forced", json!({}), &[], None);
        check("net/ipv4/tcp_syncookies", json!({}), &[], None);
        check("kernel.msgmax", json!({}), &[], Some("forbidden sysctl: \"kernel.msgmax\" not allowlisted"));
        check("kernel.msgmax", json!({}), &["kernel.msg*"], None);
        check(
            "vm.swappiness",
            json!({}),
            &["kernel.*"],
            Some("forbidden sysctl: \"vm.swappiness\" not allowlisted"),
        );
        check(
            "kernel.shm_rmid_forced",
            json!({"hostIPC": true}),
            &[],
            Some("forbidden sysctl: \"kernel.shm_rmid_forced\" not allowed with host ipc enabled"),
        );
        check(
            "net.ipv4.tcp_syncookies",
            json!({"hostNetwork": true}),
            &[],
            Some("forbidden sysctl: \"net.ipv4.tcp_syncookies\" not allowed with host net enabled"),
        );
    }

    #[test]
    fn the_first_separator_decides() {
        assert_eq!(normalized("net/ipv4/conf/eth0.1/x"), "net.ipv4.conf.eth0/1.x");
        assert_eq!(normalized("net.ipv4.conf.eth0/1.x"), "net.ipv4.conf.eth0/1.x");
    }
}
