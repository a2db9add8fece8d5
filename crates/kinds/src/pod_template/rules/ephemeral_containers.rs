//! Ephemeral containers: for looking into a pod, not for serving in it.

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Path};
use k8s_openapi::api::core::v1 as core;

use super::scene::{Scene, regular};
use super::{Errors, containers, is_empty, items, text};

const FORBIDDEN: &str = "cannot be set for an Ephemeral Container";

pub(super) fn ephemeral_containers(scene: &Scene<'_>, path: &Path) -> Errors {
    let others: BTreeSet<&str> = [scene.spec.containers.as_slice(), scene.init_containers()]
        .iter()
        .flat_map(|list| list.iter().map(|container| container.name.as_str()))
        .collect();
    let all = items(&scene.spec.ephemeral_containers);
    let mut errors = Errors::new();
    let mut names = BTreeSet::new();
    for (index, ephemeral) in all.iter().enumerate() {
        let path = path.index(index);
        let container = regular(ephemeral);
        errors.extend(containers::common(&container, scene, &path));
        errors.extend(containers::padded_image(text(&container.image), &path));
        if !names.insert(&ephemeral.name) || others.contains(ephemeral.name.as_str()) {
            errors.push(FieldError::duplicate(&path.child("name"), &ephemeral.name));
        }
        let target = text(&ephemeral.target_container_name);
        if !target.is_empty() && !others.contains(target) {
            errors.push(FieldError::not_found(&path.child("targetContainerName"), target));
        }
        errors.extend(forbidden_fields(&container, &path));
        errors.extend(sub_paths(&container, &path.child("volumeMounts")));
    }
    errors
}

fn forbidden_fields(container: &core::Container, path: &Path) -> Errors {
    let resources = container.resources.as_ref().is_some_and(|resources| *resources != Default::default());
    let set = [
        ("ports", !is_empty(&container.ports)),
        ("resources", resources),
        ("resizePolicy", !is_empty(&container.resize_policy)),
        ("restartPolicy", container.restart_policy.is_some()),
        ("restartPolicyRules", !is_empty(&container.restart_policy_rules)),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
        ("lifecycle", container.lifecycle.is_some()),
    ];
    let set = set.into_iter().filter(|(_, set)| *set);
    set.map(|(field, _)| FieldError::forbidden(&path.child(field), FORBIDDEN)).collect()
}

/// Their bind mounts would outlive the container.
fn sub_paths(container: &core::Container, path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (index, mount) in items(&container.volume_mounts).iter().enumerate() {
        for (field, value) in [("subPath", &mount.sub_path), ("subPathExpr", &mount.sub_path_expr)] {
            if !text(value).is_empty() {
                errors.push(FieldError::forbidden(&path.index(index).child(field), FORBIDDEN));
            }
        }
    }
    errors
}
