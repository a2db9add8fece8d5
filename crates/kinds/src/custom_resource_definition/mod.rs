//! `apiextensions.k8s.io/v1 CustomResourceDefinition`.
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/>

mod approval;
mod conversion;
mod lifted;
mod names;
mod schema;
mod spec;
mod versions;
mod warnings;

#[cfg(test)]
mod tests;

use ironclad_api::field::{FieldError, Path};
use ironclad_api::validation::invalid_each;
use ironclad_api::{Object, Status};
use ironclad_engine::strategy::{FirstDelete, KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use serde_json::{Value, json};

use crate::definition::{CLEANUP, Condition, Definition, TERMINATING};
use crate::spec::{default_to, names, object_at, spec};

/// What the status says of the approval of a definition in one of Kubernetes' own groups.
pub fn approval(object: &Object, group: &str) -> Option<Condition> {
    approval::condition(object, group)
}

pub struct CustomResourceDefinition {
    spec: KindSpec,
}

impl CustomResourceDefinition {
    pub fn new() -> Self {
        let (group, kind) = ("apiextensions.k8s.io", "CustomResourceDefinition");
        Self {
            spec: KindSpec {
                short_names: names(["crd", "crds"]),
                categories: names(["api-extensions"]),
                subresources: vec![Subresource::status()],
                generation: true,
                storage_prefix: Some("apiextensions.k8s.io/customresourcedefinitions".into()),
                ..spec(group, "v1", kind, "customresourcedefinitions", Scope::Cluster)
            },
        }
    }
}

impl Default for CustomResourceDefinition {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for CustomResourceDefinition {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    /// Its metadata is checked by the rules of all objects, custom ones included.
    fn knows_finalizers(&self) -> bool {
        false
    }

    fn first_delete(&self) -> FirstDelete {
        FirstDelete::Time
    }

    fn default(&self, object: &mut Object) {
        if let Some(spec) = object_at(&mut object.0, "spec") {
            default_names(spec);
            default_to(spec, "conversion", json!({ "strategy": "None" }));
            let webhook =
                object_at(spec, "conversion").and_then(|conversion| object_at(conversion, "webhook"));
            let client = webhook.and_then(|webhook| object_at(webhook, "clientConfig"));
            if let Some(service) = client.and_then(|client| object_at(client, "service")) {
                default_to(service, "port", 443);
            }
        }
        remember_storage_version(object, false);
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        if old.is_none() {
            let empty = json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": null});
            new.0.insert("status".into(), empty);
        }
        if preparation.part == Part::Main {
            remember_storage_version(new, true);
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        let definition = Definition::read(new);
        let accepted =
            || names::validate(&definition.status.accepted_names, &Path::new("status.acceptedNames"));
        if preparation.part == Part::Status {
            return accepted();
        }
        let before = old.map(Definition::read);
        let path = Path::new("spec");
        let mut errors = match &before {
            None => name(new, &definition),
            Some(_) => Vec::new(),
        };
        errors.extend(spec::validate(&definition.spec, &path));
        errors
            .extend(before.iter().flat_map(|before| spec::validate_update(&definition.spec, before, &path)));
        errors.extend(accepted());
        errors.extend(versions::validate_stored(&definition));
        errors.extend(approval::validate(new, old, &definition.spec.group));
        if definition.spec.preserve_unknown_fields {
            let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in \
                          spec.versions[*].schema instead";
            errors.push(FieldError::invalid(&path.child("preserveUnknownFields"), true, detail));
        }
        errors
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        warnings::warnings(new, old)
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    /// The first delete never removes it: its objects go first.
    fn held_back(&self, object: &Object) -> bool {
        object.deletion_timestamp().is_none()
    }

    fn deleting(&self, object: &mut Object) {
        let mut finalizers: Vec<String> = object.finalizers().map(str::to_owned).collect();
        if finalizers.iter().all(|finalizer| finalizer != CLEANUP) {
            finalizers.push(CLEANUP.to_owned());
        }
        object.set_meta("finalizers", finalizers);
        let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
        let condition = Condition::new(TERMINATING, true, "InstanceDeletionPending", message);
        let mut status = Definition::read(object).status;
        status.set_condition(condition, object.deletion_timestamp().unwrap_or_default());
        status.write(object);
    }
}

fn default_names(spec: &mut serde_json::Map<String, Value>) {
    let Some(names) = object_at(spec, "names") else { return };
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_empty = |names: &serde_json::Map<String, Value>, name: &str| {
        names.get(name).and_then(Value::as_str).unwrap_or_default().is_empty()
    };
    if kind.is_empty() {
        return;
    }
    if is_empty(names, "singular") {
        names.insert("singular".into(), kind.to_lowercase().into());
    }
    if is_empty(names, "listKind") {
        names.insert("listKind".into(), format!("{kind}List").into());
    }
}

/// The versions that objects may be stored in grow by the one that they are stored in now:
/// `always`, or only where none is known.
fn remember_storage_version(object: &mut Object, always: bool) {
    let versions = object.at(&["spec", "versions"]).and_then(Value::as_array).into_iter().flatten();
    let storage = |version: &&Value| version.get("storage") == Some(&Value::Bool(true));
    let name = versions.into_iter().find(storage).and_then(|version| version.get("name")).cloned();
    let Some(name) = name else { return };
    let stored = object.at(&["status", "storedVersions"]).and_then(Value::as_array);
    let mut stored = stored.cloned().unwrap_or_default();
    let known = if always { stored.contains(&name) } else { !stored.is_empty() };
    if !known {
        stored.push(name);
        object.section_mut("status").insert("storedVersions".into(), stored.into());
    }
}

fn name(object: &Object, definition: &Definition) -> Vec<FieldError> {
    let spec = &definition.spec;
    let right = object.name() == format!("{}.{}", spec.names.plural, spec.group);
    let fault = (!right).then(|| r#"must be spec.names.plural+"."+spec.group"#.to_owned());
    invalid_each(&Path::new("metadata").child("name"), object.name(), fault.into_iter().collect())
}
