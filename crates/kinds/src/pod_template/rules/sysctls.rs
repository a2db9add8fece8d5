//! Kernel parameters of a pod's namespaces.

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Path};
use k8s_openapi::api::core::v1 as core;

use super::{Errors, items};

const MAX_NAME: usize = 253;
const PATTERN: &str = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
const IPC: [&str; 8] = [
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
];

pub(super) fn sysctls(context: &core::PodSecurityContext, spec: &core::PodSpec, path: &Path) -> Errors {
    let mut errors = Errors::new();
    let mut seen = BTreeSet::new();
    for (index, sysctl) in items(&context.sysctls).iter().enumerate() {
        let path = path.index(index).child("name");
        let name = sysctl.name.as_str();
        if name.is_empty() {
            errors.push(FieldError::required(&path, ""));
        } else if !is_name(name) {
            let detail = format!("must have at most {MAX_NAME} characters and match regex {PATTERN}");
            errors.push(FieldError::invalid(&path, name, detail));
        } else if seen.contains(name) {
            errors.push(FieldError::duplicate(&path, name));
        }
        errors.extend(of_host(name, spec, &path));
        seen.insert(name);
    }
    errors
}

/// A parameter of a namespace that is the host's would change the host.
fn of_host(name: &str, spec: &core::PodSpec, path: &Path) -> Option<FieldError> {
    let name_with_dots = dotted(name);
    let shared = if name_with_dots.starts_with("net.") && spec.host_network == Some(true) {
        "hostNetwork"
    } else if spec.host_ipc == Some(true)
        && (IPC.contains(&name_with_dots.as_str()) || name_with_dots.starts_with("fs.mqueue."))
    {
        "hostIPC"
    } else {
        return None;
    };
    Some(FieldError::invalid(path, name, format!("may not be specified when '{shared}' is true")))
}

/// `net/ipv4/conf/eno2.100/rp_filter` is `net.ipv4.conf.eno2/100.rp_filter`.
fn dotted(name: &str) -> String {
    if !name.find(['.', '/']).is_some_and(|at| name[at..].starts_with('/')) {
        return name.to_owned();
    }
    let swap = |c: char| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    name.chars().map(swap).collect()
}

fn is_name(name: &str) -> bool {
    let edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_segment = |segment: &str| {
        let bytes = segment.as_bytes();
        let ends = bytes.first().is_some_and(|b| edge(*b)) && bytes.last().is_some_and(|b| edge(*b));
        ends && bytes.iter().all(|b| edge(*b) || b"-_".contains(b))
    };
    name.len() <= MAX_NAME && name.split(['.', '/']).all(is_segment)
}
