//! `v1 Namespace`.

use ironclad_api::validation::name::{self, NameRule};
use ironclad_api::{FieldError, Object, Path, Status, validation};
use ironclad_engine::strategy::{
    FirstDelete, KindSpec, Part, Preparation, Scope, SelectableField, Strategy, Subresource,
};
use serde_json::{Value, json};

use crate::columns::{age, text};
use crate::spec::{names, spec};

/// Ours in `spec.finalizers`; the namespace controller removes it once the namespace is empty.
const FINALIZER: &str = "kubernetes";
const NAME_LABEL: &str = "kubernetes.io/metadata.name";
const FINALIZE: Part = Part::Named("finalize");
const ACTIVE: &str = "Active";
const TERMINATING: &str = "Terminating";

pub struct Namespace {
    spec: KindSpec,
}

impl Namespace {
    pub fn new() -> Self {
        let phase = text("Status", |namespace| namespace.str_at(&["status", "phase"]).to_owned());
        let finalize = Subresource { verbs: &["update"], ..Subresource::part("finalize", FINALIZE) };
        Self {
            spec: KindSpec {
                short_names: names(["ns"]),
                verbs: &["create", "delete", "get", "list", "patch", "update", "watch"],
                columns: vec![crate::columns::name(), phase, age()],
                selectable: vec![SelectableField::at("status.phase")],
                subresources: vec![Subresource::status(), finalize],
                ..spec("", "v1", "Namespace", "namespaces", Scope::Cluster)
            },
        }
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for Namespace {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn name_rule(&self) -> NameRule {
        name::label
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn default(&self, namespace: &mut Object) {
        label_with_name(namespace);
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        match (old, preparation.part) {
            (None, _) => {
                new.0.insert("status".into(), json!({ "phase": ACTIVE }));
                add_finalizer(new);
            }
            // Finalizers change only through `finalize`, and nothing else does there.
            (Some(old), Part::Main | Part::Status) => copy(old, new, "spec"),
            (Some(old), Part::Named(_)) => copy(old, new, "status"),
        }
        Ok(())
    }

    fn validate(&self, new: &Object, _: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match preparation.part {
            Part::Status => validate_phase(new),
            Part::Main | Part::Named(_) => validate_finalizers(new),
        }
    }

    /// A generated name is known only now.
    fn canonicalize(&self, namespace: &mut Object) {
        label_with_name(namespace);
    }

    fn deleting(&self, namespace: &mut Object) {
        namespace.section_mut("status").insert("phase".into(), TERMINATING.into());
    }

    fn first_delete(&self) -> FirstDelete {
        FirstDelete::TimeAndFinalizers
    }

    fn held_back(&self, namespace: &Object) -> bool {
        finalizers(namespace).next().is_some()
    }
}

fn finalizers(namespace: &Object) -> impl Iterator<Item = &Value> {
    namespace.at(&["spec", "finalizers"]).and_then(Value::as_array).into_iter().flatten()
}

fn label_with_name(namespace: &mut Object) {
    let name = namespace.name().to_owned();
    if !name.is_empty() {
        ironclad_api::object::object_in(namespace.metadata_mut(), "labels")
            .insert(NAME_LABEL.into(), name.into());
    }
}

fn add_finalizer(namespace: &mut Object) {
    if finalizers(namespace).any(|finalizer| finalizer == FINALIZER) {
        return;
    }
    let mut all: Vec<Value> = finalizers(namespace).cloned().collect();
    all.push(FINALIZER.into());
    namespace.section_mut("spec").insert("finalizers".into(), all.into());
}

fn copy(from: &Object, to: &mut Object, field: &str) {
    match from.0.get(field) {
        Some(value) => drop(to.0.insert(field.to_owned(), value.clone())),
        None => drop(to.0.remove(field)),
    }
}

fn validate_finalizers(namespace: &Object) -> Vec<FieldError> {
    let path = Path::new("spec").child("finalizers");
    let names = finalizers(namespace).filter_map(Value::as_str);
    names.flat_map(|name| validate_finalizer(name, &path)).collect()
}

fn validate_finalizer(name: &str, path: &Path) -> Vec<FieldError> {
    let mut errors = validation::meta::finalizer_name(name, path);
    if !name.contains('/') && name != FINALIZER {
        let detail = "name is neither a standard finalizer name nor is it fully qualified";
        errors.push(FieldError::invalid(path, name, detail));
    }
    errors
}

fn validate_phase(namespace: &Object) -> Vec<FieldError> {
    let phase = namespace.str_at(&["status", "phase"]);
    let (allowed, when) = match namespace.deletion_timestamp() {
        None => (ACTIVE, "empty"),
        Some(_) => (TERMINATING, "not empty"),
    };
    if phase == allowed {
        return Vec::new();
    }
    let detail = format!("may only be '{allowed}' if `deletionTimestamp` is {when}");
    vec![FieldError::invalid(&Path::new("status").child("Phase"), phase, detail)]
}
