//! Init containers, and sidecars among them (KEP-753).

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Path};
use k8s_openapi::api::core::v1 as core;

use super::scene::Scene;
use super::{Errors, containers, handlers, items, ports, restart, text};

pub(super) fn init_containers(scene: &Scene<'_>, path: &Path) -> Errors {
    let mut names: BTreeSet<&str> =
        scene.spec.containers.iter().map(|container| container.name.as_str()).collect();
    let mut errors = Errors::new();
    for (index, container) in scene.init_containers().iter().enumerate() {
        let at = path.index(index);
        errors.extend(containers::common(container, scene, &at));
        errors.extend(restart::init_policy(container, &at));
        // Empty names are told of already.
        if !container.name.is_empty() && !names.insert(&container.name) {
            errors.push(FieldError::duplicate(&at.child("name"), &container.name));
        }
        // They run one by one, so that ports conflict only within each; upstream counts from 0.
        errors.extend(ports::host_conflicts(std::slice::from_ref(container), path));
        errors.extend(match text(&container.restart_policy) == "Always" {
            true => sidecar(container, scene, &at),
            false => runs_once(container, &at),
        });
    }
    errors
}

fn sidecar(container: &core::Container, scene: &Scene<'_>, path: &Path) -> Errors {
    let lifecycle = container.lifecycle.as_ref();
    let mut errors: Errors =
        lifecycle.into_iter().flat_map(|l| handlers::lifecycle(l, scene, &path.child("lifecycle"))).collect();
    errors.extend(handlers::probes(container, scene, path));
    errors
}

/// What an init container that ends cannot have.
fn runs_once(container: &core::Container, path: &Path) -> Errors {
    let set = [
        ("lifecycle", container.lifecycle.is_some()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
    ];
    let detail = "may not be set for init containers without restartPolicy=Always";
    let set = set.into_iter().filter(|(_, set)| *set);
    let mut errors: Errors =
        set.map(|(field, _)| FieldError::forbidden(&path.child(field), detail)).collect();
    for (index, policy) in items(&container.resize_policy).iter().enumerate() {
        if policy.restart_policy == "RestartContainer" {
            let path = path.child("resizePolicy").index(index).child("restartPolicy");
            let detail = "must not be set to 'RestartContainer' for non-sidecar initContainers";
            errors.push(FieldError::invalid(&path, &policy.restart_policy, detail));
        }
    }
    errors
}
