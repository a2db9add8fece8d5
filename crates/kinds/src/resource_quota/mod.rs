//! `v1 ResourceQuota`.
//!
//! Source: <https://kubernetes.io/docs/concepts/policy/resource-quotas/>.

mod rules;
#[cfg(test)]
mod tests;

use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Object, Status};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use serde_json::{Value, json};

use crate::columns::{age, name, text};
use crate::pod_template::container_resources::amounts_of;
use crate::resource_lists;
use crate::spec::{names, object_at, spec};

/// Resources whose requests are at most their limits.
const BOUNDED: [&str; 4] = ["cpu", "memory", "storage", "ephemeral-storage"];

pub struct ResourceQuota {
    spec: KindSpec,
}

impl ResourceQuota {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["quota"]),
                columns: vec![
                    name(),
                    text("Request", |quota| usage(quota, false)),
                    text("Limit", |quota| usage(quota, true)),
                    age(),
                ],
                subresources: vec![Subresource::status()],
                ..spec("", "v1", "ResourceQuota", "resourcequotas", Scope::Namespaced)
            },
        }
    }
}

impl Default for ResourceQuota {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for ResourceQuota {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn default(&self, quota: &mut Object) {
        for (part, field) in [("spec", "hard"), ("status", "hard"), ("status", "used")] {
            if let Some(part) = object_at(&mut quota.0, part) {
                resource_lists::round(part, field);
            }
        }
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, _: &Preparation<'_>) -> Result<(), Status> {
        if old.is_none() {
            new.0.insert("status".into(), json!({}));
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match preparation.part {
            Part::Main | Part::Named(_) => rules::quota(new, old),
            Part::Status => rules::status(new),
        }
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        if old.is_some() {
            return Vec::new();
        }
        let hard = amounts_of(new.at(&["spec", "hard"]));
        let told = BOUNDED.iter().filter_map(|resource| {
            let (request, limit) = (format!("requests.{resource}"), format!("limits.{resource}"));
            let bare = (*resource).to_owned();
            let plain = matches!(*resource, "cpu" | "memory") && !hard.contains_key(&request);
            let request = if plain { bare } else { request };
            let (asked, most) = (hard.get(&request)?, hard.get(&limit)?);
            (asked > most)
                .then(|| format!("ResourceQuota {request} ({asked}) should be less than {limit} ({most})"))
        });
        told.collect()
    }
}

/// `cpu: 1/2, pods: 0/10`, of limits or of everything else.
fn usage(quota: &Object, of_limits: bool) -> String {
    let hard = quota.at(&["status", "hard"]).and_then(Value::as_object);
    let amount =
        |value: Option<&Value>| value.and_then(|value| Quantity::from_json(value).ok()).unwrap_or_default();
    let mut resources: Vec<(&String, &Value)> = hard.into_iter().flatten().collect();
    resources.sort_by_key(|(resource, _)| *resource);
    let shown = resources.into_iter().filter(|(resource, _)| resource.starts_with("limits.") == of_limits);
    let shown = shown.map(|(resource, hard)| {
        let used = amount(quota.at(&["status", "used", resource]));
        format!("{resource}: {used}/{}", amount(Some(hard)))
    });
    shown.collect::<Vec<_>>().join(", ")
}
