//! Ports of containers.

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use super::{Errors, each_fault, items, required_one_of, text};

pub(super) fn ports(ports: &[core::ContainerPort], path: &Path) -> Errors {
    let mut errors = Errors::new();
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let (name, at) = (text(&port.name), path.child("name"));
        let faults = if name.is_empty() { Vec::new() } else { validation::word::port_name(name) };
        let valid = faults.is_empty();
        errors.extend(validation::invalid_each(&at, name, faults));
        if !name.is_empty() && valid && !names.insert(name) {
            errors.push(FieldError::duplicate(&at, name));
        }
        match i64::from(port.container_port) {
            0 => errors.push(FieldError::required(&path.child("containerPort"), "")),
            number => errors.extend(number_faults(number, &path.child("containerPort"))),
        }
        match i64::from(port.host_port.unwrap_or(0)) {
            0 => {}
            number => errors.extend(number_faults(number, &path.child("hostPort"))),
        }
        errors.extend(required_one_of(
            &path.child("protocol"),
            text(&port.protocol),
            &["SCTP", "TCP", "UDP"],
        ));
    }
    errors
}

fn number_faults(number: i64, path: &Path) -> Errors {
    each_fault(path, number, validation::number::port_number(number)).collect()
}

/// Two containers cannot hold the same port of the host.
pub(super) fn host_conflicts(containers: &[core::Container], path: &Path) -> Errors {
    let mut taken = BTreeSet::new();
    let mut errors = Errors::new();
    for (at, container) in containers.iter().enumerate() {
        for (index, port) in items(&container.ports).iter().enumerate() {
            let number = port.host_port.unwrap_or(0);
            if number == 0 {
                continue;
            }
            let socket = format!("{}/{}/{number}", text(&port.protocol), text(&port.host_ip));
            let path = path.index(at).child("ports").index(index).child("hostPort");
            if taken.contains(&socket) {
                errors.push(FieldError::duplicate(&path, socket));
            } else {
                taken.insert(socket);
            }
        }
    }
    errors
}
