//! `v1 Pod`, its subresources, and the collection `bindings` of old schedulers.
//!
//! What pods share with the templates of other kinds is in `pod_template`.

mod app_armor;
mod binding;
mod columns;
mod conditions;
mod connect;
mod defaults;
mod disruption;
mod eviction;
mod prepare;
mod qos;
mod resize;
mod status;
mod update;

use std::sync::Arc;

use ironclad_api::apply::FieldSet;
use ironclad_api::{FieldError, GroupVersionKind, Object, Status, validation};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, SelectableField, Strategy, Subresource};

use self::binding::Bind;
pub use self::binding::Bindings;
use self::eviction::Evict;
use crate::pod_template::warnings;
use crate::spec::{names, spec};

const BINDING: Part = Part::Named("binding");
const EPHEMERAL_CONTAINERS: Part = Part::Named("ephemeralcontainers");
const RESIZE: Part = Part::Named("resize");

pub struct Pod {
    spec: KindSpec,
}

impl Pod {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["po"]),
                categories: names(["all"]),
                columns: columns::columns(),
                selectable: selectable(),
                subresources: subresources(),
                generation: true,
                ..spec("", "v1", "Pod", "pods", Scope::Namespaced)
            },
        }
    }
}

impl Default for Pod {
    fn default() -> Self {
        Self::new()
    }
}

fn selectable() -> Vec<SelectableField> {
    vec![
        SelectableField::at("spec.nodeName"),
        SelectableField::at("spec.restartPolicy"),
        SelectableField::at("spec.schedulerName"),
        SelectableField::at("spec.serviceAccountName"),
        SelectableField::at("spec.hostNetwork").or("false"),
        SelectableField::at("status.phase"),
        SelectableField::at("status.podIP"),
        SelectableField::from("status.podIPs", ["status.podIP"]),
        SelectableField::at("status.nominatedNodeName"),
    ]
}

fn subresources() -> Vec<Subresource> {
    let kind = |group: &'static str, kind: &'static str| GroupVersionKind::new(group, "v1", kind);
    let mut all = connect::subresources();
    all.extend([
        Subresource::action("binding", kind("", "Binding"), Arc::new(Bind)),
        Subresource::part("ephemeralcontainers", EPHEMERAL_CONTAINERS),
        Subresource::action("eviction", kind("policy", "Eviction"), Arc::new(Evict)),
        Subresource::part("resize", RESIZE),
        Subresource::status(),
    ]);
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

impl Strategy for Pod {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, pod: &mut Object) {
        defaults::pod(pod);
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        prepare::prepare(new, old, preparation)
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match (old, preparation.part) {
            (None, _) => update::created(new),
            (Some(old), Part::Main) => update::updated(new, old),
            (Some(old), Part::Status) => status::updated(new, old),
            (Some(old), EPHEMERAL_CONTAINERS) => update::ephemeral_containers(new, old),
            (Some(old), RESIZE) => resize::resized(new, old),
            // The binding's own checks have passed.
            (Some(_), Part::Named(_)) => Vec::new(),
        }
    }

    fn reset_fields(&self, part: Part) -> FieldSet {
        match part {
            Part::Main => FieldSet::of_fields(&[&["status"]]),
            Part::Status => FieldSet::of_fields(&[
                &["metadata", "deletionTimestamp"],
                &["metadata", "ownerReferences"],
                &["spec"],
            ]),
            // As upstream, whose strategies name the fields that these parts reset, but are not asked.
            Part::Named(_) => FieldSet::new(),
        }
    }

    /// A scheduler's binding is no new generation.
    fn counts_generation(&self, part: Part) -> bool {
        !matches!(part, Part::Status | BINDING)
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        match old {
            None => created_warnings(new),
            // People seldom write pods that exist, and programs do not read warnings.
            Some(_) => Vec::new(),
        }
    }

    /// As long as the pod asks for, or the request; a pod that runs nowhere has nothing to end.
    fn grace_period(&self, pod: &Object, requested: Option<i64>) -> Option<i64> {
        let own = pod.at(&["spec", "terminationGracePeriodSeconds"]).and_then(serde_json::Value::as_i64);
        let runs_nowhere = pod.str_at(&["spec", "nodeName"]).is_empty()
            || matches!(pod.str_at(&["status", "phase"]), "Succeeded" | "Failed");
        let period = if runs_nowhere { 0 } else { requested.or(own).unwrap_or(0) };
        Some(if period < 0 { 1 } else { period })
    }

    fn returns_deleted(&self) -> bool {
        true
    }
}

fn created_warnings(pod: &Object) -> Vec<String> {
    let faults = validation::dns1123_label(pod.name());
    let mut all = Vec::new();
    if !faults.is_empty() {
        all.push(format!(
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS \
             label is recommended: [{}]",
            faults.join(" ")
        ));
    }
    all.extend(app_armor::warnings(pod));
    all.extend(warnings::of_pod(pod));
    all
}

#[cfg(test)]
mod tests;
