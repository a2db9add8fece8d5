//! `apps/v1 StatefulSet`.

mod rules;

use ironclad_api::object::object_in;
use ironclad_api::quantity::Quantity;
use ironclad_api::validation::name::{self as name_rules, NameRule};
use ironclad_api::{FieldError, Object, Path, Status};
use ironclad_engine::Column;
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use serde_json::{Value, json};

use crate::columns::{age, name, text};
use crate::pod_template::columns::containers_images;
use crate::pod_template::{volume_defaults, workload};
use crate::spec::{default_to, names, object_at, objects_at, spec};

const ROLLING_UPDATE: &str = "RollingUpdate";
const HISTORY: i64 = 10;

pub struct StatefulSet {
    spec: KindSpec,
}

impl StatefulSet {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["sts"]),
                categories: names(["all"]),
                columns: columns(),
                subresources: vec![Subresource::scale(workload::scale_paths()), Subresource::status()],
                generation: true,
                ..spec("apps", "v1", "StatefulSet", "statefulsets", Scope::Namespaced)
            },
        }
    }
}

impl Default for StatefulSet {
    fn default() -> Self {
        Self::new()
    }
}

fn columns() -> Vec<Column> {
    let number = |set: &Object, section: &str, field: &str| {
        set.at(&[section, field]).and_then(Value::as_i64).unwrap_or(0)
    };
    let ready = move |set: &Object| {
        format!("{}/{}", number(set, "status", "readyReplicas"), number(set, "spec", "replicas"))
    };
    let mut columns = vec![name(), text("Ready", ready), age()];
    columns.extend(containers_images());
    columns
}

impl Strategy for StatefulSet {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    /// Pods have the set's name and their number as their name and host name.
    fn name_rule(&self) -> NameRule {
        name_rules::label
    }

    fn default(&self, set: &mut Object) {
        default_spec(set);
        workload::default_template(set);
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        if old.is_some() && preparation.part == Part::Status {
            return Ok(());
        }
        if old.is_none() {
            new.0.insert("status".into(), json!({"replicas": 0, "availableReplicas": 0}));
        }
        drop_max_unavailable(new, old);
        workload::prepare_template(new, old);
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match (old, preparation.part) {
            (None, _) => rules::created(new),
            (Some(old), Part::Status) => rules::status(new, old),
            (Some(old), _) => rules::updated(new, old),
        }
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        let mut all = match old {
            Some(old) if old.generation() == new.generation() => Vec::new(),
            _ => workload::template_warnings(new),
        };
        all.extend(claim_warnings(new, old.is_some()));
        if new.at(&["spec", "revisionHistoryLimit"]).and_then(Value::as_i64).is_some_and(|limit| limit < 0) {
            all.push(
                "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
                    .to_owned(),
            );
        }
        all
    }
}

fn default_spec(set: &mut Object) {
    let spec = set.section_mut("spec");
    default_to(spec, "podManagementPolicy", "OrderedReady");
    let strategy = object_in(spec, "updateStrategy");
    if strategy.get("type").and_then(Value::as_str).unwrap_or_default().is_empty() {
        strategy.insert("type".into(), ROLLING_UPDATE.into());
        object_in(strategy, "rollingUpdate");
    }
    if strategy.get("type").and_then(Value::as_str) == Some(ROLLING_UPDATE)
        && let Some(rolling) = object_at(strategy, "rollingUpdate")
    {
        default_to(rolling, "partition", 0);
    }
    let retention = object_in(spec, "persistentVolumeClaimRetentionPolicy");
    default_to(retention, "whenDeleted", "Retain");
    default_to(retention, "whenScaled", "Retain");
    default_to(spec, "replicas", 1);
    default_to(spec, "revisionHistoryLimit", HISTORY);
    for claim in objects_at(spec, "volumeClaimTemplates") {
        claim.insert("apiVersion".into(), "v1".into());
        claim.insert("kind".into(), "PersistentVolumeClaim".into());
        volume_defaults::claim_spec(object_in(claim, "spec"));
        default_to(object_in(claim, "status"), "phase", "Pending");
    }
}

/// The field of a feature that is off (KEP-961); who has it keeps it.
fn drop_max_unavailable(new: &mut Object, old: Option<&Object>) {
    let path = ["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"];
    if old.is_some_and(|old| old.at(&path).is_some_and(|value| !value.is_null())) {
        return;
    }
    let strategy = object_at(new.section_mut("spec"), "updateStrategy");
    if let Some(rolling) = strategy.and_then(|strategy| object_at(strategy, "rollingUpdate")) {
        rolling.remove("maxUnavailable");
    }
}

/// Sizes that are no whole number of bytes. The paths are upstream's, which are not those of the fields.
fn claim_warnings(set: &Object, updated: bool) -> Vec<String> {
    let templates = set.at(&["spec", "volumeClaimTemplates"]).and_then(Value::as_array);
    let mut warnings = Vec::new();
    for (index, claim) in templates.into_iter().flatten().enumerate() {
        let path = Path::new("spec").child("volumeClaimTemplates").index(index);
        let path = if updated { path.child("Spec") } else { path };
        for list in ["requests", "limits"] {
            let amount = claim.pointer(&format!("/spec/resources/{list}/storage"));
            let Some(amount) = amount.and_then(|amount| Quantity::from_json(amount).ok()) else { continue };
            if amount.milli_value() % 1000 != 0 {
                let field = path.child("resources").child(list).key("storage");
                warnings.push(format!(
                    "{field}: fractional byte value \"{amount}\" is invalid, must be an integer"
                ));
            }
        }
    }
    warnings
}

#[cfg(test)]
mod tests;
