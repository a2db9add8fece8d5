//! `v1 LimitRange`.
//!
//! Source: <https://kubernetes.io/docs/concepts/policy/limit-range/>.

mod rules;
#[cfg(test)]
mod tests;

use ironclad_api::object::object_in;
use ironclad_api::{FieldError, Object, Status};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use ironclad_env::EnvironmentExt;
use serde_json::{Map, Value};

use crate::resource_lists;
use crate::spec::{names, objects_at, spec, typed};

const LISTS: [&str; 5] = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];

/// Shown with upstream's default columns.
pub struct LimitRange {
    spec: KindSpec,
}

impl LimitRange {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["limits"]),
                ..spec("", "v1", "LimitRange", "limitranges", Scope::Namespaced)
            },
        }
    }
}

impl Default for LimitRange {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for LimitRange {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn default(&self, range: &mut Object) {
        for item in objects_at(range.section_mut("spec"), "limits") {
            if item.get("type").is_some_and(|kind| kind == "Container") {
                inherit(item, "max", "default");
                inherit(item, "default", "defaultRequest");
                inherit(item, "min", "defaultRequest");
            }
            LISTS.iter().for_each(|list| resource_lists::round(item, list));
        }
    }

    /// One without a name gets one.
    fn prepare(
        &self,
        new: &mut Object,
        _: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        if new.name().is_empty() {
            new.set_meta("name", preparation.env.uuid());
        }
        Ok(())
    }

    fn validate(&self, new: &Object, _: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        rules::range(&typed(new))
    }
}

/// Copies into the list at `to` what it lacks of the list at `from`.
fn inherit(item: &mut Map<String, Value>, from: &str, to: &str) {
    let Some(given) = item.get(from).and_then(Value::as_object).filter(|given| !given.is_empty()).cloned()
    else {
        return;
    };
    let list = object_in(item, to);
    for (resource, amount) in given {
        list.entry(resource).or_insert(amount);
    }
}
