//! Regular containers, and what all containers have in common.

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use super::scene::Scene;
use super::{
    Errors, env, handlers, items, mounts, ports, required_one_of, resources, restart, security, text,
};

pub(super) fn containers(scene: &Scene<'_>, path: &Path) -> Errors {
    let containers = &scene.spec.containers;
    if containers.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let mut errors = Errors::new();
    let mut names = BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        let path = path.index(index);
        errors.extend(common(container, scene, &path));
        if !names.insert(&container.name) {
            errors.push(FieldError::duplicate(&path.child("name"), &container.name));
        }
        if let Some(lifecycle) = &container.lifecycle {
            errors.extend(handlers::lifecycle(lifecycle, scene, &path.child("lifecycle")));
        }
        errors.extend(handlers::probes(container, scene, &path));
        errors.extend(restart::policy(container, &path));
    }
    errors.extend(ports::host_conflicts(containers, path));
    errors
}

/// The rules for containers of every sort.
pub(super) fn common(container: &core::Container, scene: &Scene<'_>, path: &Path) -> Errors {
    let name = path.child("name");
    let mut errors = match container.name.as_str() {
        "" => vec![FieldError::required(&name, "")],
        given => validation::invalid_each(&name, given, validation::dns1123_label(given)),
    };
    errors.extend(super::required(path, "image", text(&container.image)));
    errors.extend(required_one_of(
        &path.child("terminationMessagePolicy"),
        text(&container.termination_message_policy),
        &["File", "FallbackToLogsOnError"],
    ));
    errors.extend(ports::ports(items(&container.ports), &path.child("ports")));
    errors.extend(env::variables(items(&container.env), &path.child("env")));
    errors.extend(env::sources(items(&container.env_from), &path.child("envFrom")));
    errors.extend(mounts::mounts(container, scene, &path.child("volumeMounts")));
    errors.extend(mounts::devices(container, scene, &path.child("volumeDevices")));
    errors.extend(pull_policy(text(&container.image_pull_policy), &path.child("imagePullPolicy")));
    if let Some(resources) = &container.resources {
        errors.extend(resources::of_container(resources, scene, &path.child("resources")));
    }
    errors.extend(restart::resize_policy(container, scene, &path.child("resizePolicy")));
    if let Some(context) = &container.security_context {
        errors.extend(security::of_container(context, scene, &path.child("securityContext")));
    }
    errors
}

pub(super) fn pull_policy(policy: &str, path: &Path) -> Option<FieldError> {
    required_one_of(path, policy, &["Always", "IfNotPresent", "Never"])
}

/// Of pods only: stored templates may have such images.
pub(super) fn padded_images(containers: &[core::Container], path: &Path) -> Errors {
    let each = containers.iter().enumerate();
    each.filter_map(|(index, container)| padded_image(text(&container.image), &path.index(index))).collect()
}

pub(super) fn padded_image(image: &str, path: &Path) -> Option<FieldError> {
    let detail = "must not have leading or trailing whitespace";
    (image.trim() != image).then(|| FieldError::invalid(&path.child("image"), image, detail))
}
