//! `autoscaling HorizontalPodAutoscaler`: stored as v2, served as v1 too.

mod columns;
mod defaults;
mod metrics;
mod rules;
mod v1;

use ironclad_api::{FieldError, GroupVersion, Object, Path, Status};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource, VersionSpec};
use ironclad_env::BoxFuture;
use serde_json::json;

use crate::pod_template::workload;
use crate::spec::{names, schema, spec};

const GROUP: &str = "autoscaling";
const KIND: &str = "HorizontalPodAutoscaler";

pub struct HorizontalPodAutoscaler {
    spec: KindSpec,
}

impl HorizontalPodAutoscaler {
    pub fn new() -> Self {
        let stored = VersionSpec::stored("v2", schema(GROUP, "v2", KIND));
        let older = VersionSpec::converted("v1", schema(GROUP, "v1", KIND));
        Self {
            spec: KindSpec {
                short_names: names(["hpa"]),
                categories: names(["all"]),
                versions: vec![stored, older],
                columns: columns::columns(),
                subresources: vec![Subresource::status()],
                ..spec(GROUP, "v2", KIND, "horizontalpodautoscalers", Scope::Namespaced)
            },
        }
    }
}

impl Default for HorizontalPodAutoscaler {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for HorizontalPodAutoscaler {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, autoscaler: &mut Object) {
        v1::drop_annotations(autoscaler);
        defaults::default(autoscaler.section_mut("spec"));
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, _: &Preparation<'_>) -> Result<(), Status> {
        if old.is_none() {
            new.0.insert("status".into(), json!({"desiredReplicas": 0, "currentMetrics": null}));
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match (old, preparation.part) {
            (Some(_), Part::Status) => {
                workload::not_negative(new, "status", &["currentReplicas", "desiredReplicas"])
            }
            _ => rules::validate(new, old, &Path::new("spec")),
        }
    }

    fn convert<'a>(
        &'a self,
        mut objects: Vec<Object>,
        to: &'a GroupVersion,
    ) -> BoxFuture<'a, Result<Vec<Object>, Status>> {
        for object in &mut objects {
            match (object.api_version(), &*to.version) {
                ("autoscaling/v2", "v1") => v1::from_v2(object),
                ("autoscaling/v1", "v2") => v1::to_v2(object),
                _ => {}
            }
            object.0.insert("apiVersion".into(), to.to_string().into());
        }
        Box::pin(std::future::ready(Ok(objects)))
    }
}

#[cfg(test)]
mod tests;
