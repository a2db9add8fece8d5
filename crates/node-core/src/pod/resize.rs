//! What containers were granted.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodCondition, PodSpec, PodStatus};

use super::PodMachine;
use crate::effect::{Answer, Failure};
use crate::facts::PodFacts;
use crate::now::Now;
use crate::spec;
use crate::status::GrantedResources;

/// A resize in place (KEP-1287).
#[derive(Clone, Debug, Default)]
pub(super) struct Resize {}

impl Resize {
    pub(super) fn conditions(&self) -> Vec<PodCondition> {
        Vec::new()
    }
}

/// What each container has, after a restart of the agent.
pub(super) fn adopt(
    spec: &PodSpec,
    facts: &PodFacts,
    previous: &PodStatus,
) -> BTreeMap<String, GrantedResources> {
    let _ = (facts, previous);
    let granted = |c: &spec::ContainerSpec<'_>| {
        let own = c.container.resources.clone().unwrap_or_default();
        GrantedResources { allocated: own.clone(), actual: own }
    };
    spec::containers(spec).map(|c| (c.name().to_owned(), granted(&c))).collect()
}

impl PodMachine {
    pub(super) fn advance_resize(&mut self, _now: Now) {}

    pub(super) fn grant_resources(&mut self, _name: &str) {}

    pub(super) fn resize_answered(&mut self, _now: Now, _name: &str, _result: Result<Answer, Failure>) {}

    pub(super) fn cgroup_resized(&mut self) {}

    pub(super) fn resize_failed(&mut self, _now: Now, _why: &str) {}
}
