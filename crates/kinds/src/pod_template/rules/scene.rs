//! What the rules for a part of a spec must know of the rest of it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{items, text};

const MIRROR: &str = "kubernetes.io/config.mirror";

/// Whose spec it is.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    /// A pod; its name may be empty where it is to be generated.
    Pod { name: &'a str, mirror: bool },
    /// A template, whose pods have no names yet.
    Template,
}

impl<'a> Owner<'a> {
    pub fn of_pod(metadata: &'a ObjectMeta) -> Self {
        let mirror = metadata.annotations.as_ref().is_some_and(|all| all.contains_key(MIRROR));
        Self::Pod { name: metadata.name.as_deref().unwrap_or_default(), mirror }
    }

    pub fn is_pod(self) -> bool {
        matches!(self, Self::Pod { .. })
    }

    pub fn is_mirror(self) -> bool {
        matches!(self, Self::Pod { mirror: true, .. })
    }

    /// The pod's name, if it has one.
    pub fn pod_name(self) -> Option<&'a str> {
        match self {
            Self::Pod { name, .. } => Some(name).filter(|name| !name.is_empty()),
            Self::Template => None,
        }
    }
}

pub(super) struct Scene<'a> {
    pub spec: &'a core::PodSpec,
    /// The volumes that are valid, by name: only those can be mounted.
    pub volumes: BTreeMap<&'a str, &'a core::Volume>,
    /// The names of the pod's resource claims.
    pub claims: BTreeSet<&'a str>,
    pub owner: Owner<'a>,
}

impl<'a> Scene<'a> {
    pub fn new(
        spec: &'a core::PodSpec,
        volumes: BTreeMap<&'a str, &'a core::Volume>,
        owner: Owner<'a>,
    ) -> Self {
        let claims = items(&spec.resource_claims).iter().map(|claim| claim.name.as_str());
        Self { spec, volumes, claims: claims.filter(|name| !name.is_empty()).collect(), owner }
    }

    pub fn init_containers(&self) -> &'a [core::Container] {
        items(&self.spec.init_containers)
    }

    pub fn grace_seconds(&self) -> Option<i64> {
        self.spec.termination_grace_period_seconds
    }

    pub fn restart_policy(&self) -> &'a str {
        text(&self.spec.restart_policy)
    }

    pub fn os(&self) -> Option<&'a str> {
        self.spec.os.as_ref().map(|os| os.name.as_str())
    }

    /// Whether the pod shares the host's users, which is the default.
    pub fn shares_users(&self) -> bool {
        self.spec.host_users.unwrap_or(true)
    }
}

/// Every container of a spec with its path, in upstream's order: init, regular, ephemeral.
/// Ephemeral ones are seen in the form of the others.
pub(crate) fn visit(
    spec: &core::PodSpec,
    path: &ironclad_api::Path,
    mut visitor: impl FnMut(&core::Container, ironclad_api::Path),
) {
    let lists = [("initContainers", items(&spec.init_containers)), ("containers", &spec.containers)];
    for (field, containers) in lists {
        for (index, container) in containers.iter().enumerate() {
            visitor(container, path.child(field).index(index));
        }
    }
    for (index, container) in items(&spec.ephemeral_containers).iter().enumerate() {
        visitor(&regular(container), path.child("ephemeralContainers").index(index));
    }
}

/// An ephemeral container as a regular one.
pub(super) fn regular(container: &core::EphemeralContainer) -> core::Container {
    let ephemeral = container.clone();
    core::Container {
        args: ephemeral.args,
        command: ephemeral.command,
        env: ephemeral.env,
        env_from: ephemeral.env_from,
        image: ephemeral.image,
        image_pull_policy: ephemeral.image_pull_policy,
        lifecycle: ephemeral.lifecycle,
        liveness_probe: ephemeral.liveness_probe,
        name: ephemeral.name,
        ports: ephemeral.ports,
        readiness_probe: ephemeral.readiness_probe,
        resize_policy: ephemeral.resize_policy,
        resources: ephemeral.resources,
        restart_policy: ephemeral.restart_policy,
        restart_policy_rules: ephemeral.restart_policy_rules,
        security_context: ephemeral.security_context,
        startup_probe: ephemeral.startup_probe,
        stdin: ephemeral.stdin,
        stdin_once: ephemeral.stdin_once,
        termination_message_path: ephemeral.termination_message_path,
        termination_message_policy: ephemeral.termination_message_policy,
        tty: ephemeral.tty,
        volume_devices: ephemeral.volume_devices,
        volume_mounts: ephemeral.volume_mounts,
        working_dir: ephemeral.working_dir,
    }
}
