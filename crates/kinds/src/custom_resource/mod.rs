//! A kind that a CustomResourceDefinition defines: a strategy like any other, made of data.
//! Source: <https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/custom-resources/>

mod build;
mod columns;
mod conversion;
mod finalizers;
mod scale;
mod version;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};

use ironclad_api::apply::FieldSet;
use ironclad_api::gvk::Name;
use ironclad_api::{FieldError, GroupVersion, Object, Status};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Strategy};
use ironclad_env::BoxFuture;
use serde_json::Value;

use version::VersionRules;

pub struct CustomResource {
    spec: KindSpec,
    list_kind: String,
    versions: Vec<VersionRules>,
    /// Its definition is being deleted: nothing new may come.
    terminating: AtomicBool,
    /// Converts objects between versions; without one only their version changes.
    webhook: Option<conversion::Webhook>,
}

impl CustomResource {
    /// Whether new objects are refused because the definition is being deleted.
    pub fn set_terminating(&self, terminating: bool) {
        self.terminating.store(terminating, Ordering::Relaxed);
    }

    /// The rules of a version by its name; those of the stored one where there is none of it.
    fn version(&self, name: &str) -> Option<&VersionRules> {
        let storage = || self.versions.iter().find(|version| version.storage);
        self.versions.iter().find(|version| version.name == name).or_else(storage)
    }

    /// Of those that are in another version than `to`.
    async fn convert_all(&self, mut objects: Vec<Object>, to: &GroupVersion) -> Result<Vec<Object>, Status> {
        let wanted = to.to_string();
        let places: Vec<usize> = objects
            .iter()
            .enumerate()
            .filter(|(_, object)| object.api_version() != wanted)
            .map(|(at, _)| at)
            .collect();
        for at in &places {
            self.check_version(&objects[*at], to)?;
        }
        match &self.webhook {
            Some(webhook) => {
                let foreign = places.iter().map(|at| std::mem::take(&mut objects[*at])).collect();
                let converted = webhook.convert(foreign, to).await?;
                places.iter().zip(converted).for_each(|(at, object)| objects[*at] = object);
            }
            None => places.iter().for_each(|at| {
                objects[*at].0.insert("apiVersion".into(), wanted.clone().into());
            }),
        }
        if let Some(version) = self.version(&to.version) {
            places.iter().for_each(|at| objects[*at] = version.pruned(std::mem::take(&mut objects[*at])));
        }
        Ok(objects)
    }

    fn check_version(&self, object: &Object, to: &GroupVersion) -> Result<(), Status> {
        let from = GroupVersion::parse(object.api_version());
        let known = |from: &GroupVersion| {
            from.group == to.group && self.versions.iter().any(|version| version.name == from.version)
        };
        match from {
            Some(from) if known(&from) => Ok(()),
            _ => {
                let from = object.api_version();
                let what = format!("request to convert CR from an invalid group/version: {from}");
                Err(Status::internal_error(what))
            }
        }
    }
}

impl Strategy for CustomResource {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn list_kind(&self) -> Name {
        self.list_kind.clone().into()
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        let has_status =
            self.version(&preparation.requested.version).is_some_and(|version| version.has_status);
        match (old, preparation.part) {
            (None, _) if self.terminating.load(Ordering::Relaxed) => {
                let why = "create not allowed while custom resource definition is terminating";
                return Err(Status::forbidden(&self.group_resource(), new.name(), why));
            }
            (None, _) if has_status => drop(new.0.remove("status")),
            (None, _) => {}
            (Some(old), Part::Status) => keep_metadata(new, old),
            // A status that is no subresource counts like everything else.
            (Some(old), _) if !has_status && new.0.get("status") != old.0.get("status") => {
                new.set_meta("generation", old.generation() + 1);
            }
            (Some(_), _) => {}
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        let Some(version) = self.version(&preparation.requested.version) else { return Vec::new() };
        let verdict = version.validate(new, old, preparation.part);
        verdict.ratcheted.iter().for_each(|error| preparation.context.warn(error.to_string()));
        verdict.errors
    }

    fn reset_fields(&self, part: Part) -> FieldSet {
        let has_status = self.versions.iter().any(|version| version.has_status);
        match part {
            Part::Main if has_status => FieldSet::of_fields(&[&["status"]]),
            Part::Status => FieldSet::of_fields(&[&["metadata"], &["spec"]]),
            Part::Main | Part::Named(_) => FieldSet::new(),
        }
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        finalizers::warnings(new, old)
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn convert<'a>(
        &'a self,
        objects: Vec<Object>,
        to: &'a GroupVersion,
    ) -> BoxFuture<'a, Result<Vec<Object>, Status>> {
        Box::pin(self.convert_all(objects, to))
    }

    fn upgrades_stored(&self) -> bool {
        true
    }

    fn field_label(&self, version: &GroupVersion, label: &str) -> Option<String> {
        let version = self.version(&version.version)?;
        version.selectable.iter().find(|field| *field == label).cloned()
    }

    fn converts_content(&self) -> bool {
        self.webhook.is_some()
    }
}

/// A write of the status changes nothing of the metadata but who manages which field.
fn keep_metadata(new: &mut Object, old: &Object) {
    let managed = new.remove_meta("managedFields");
    if let Some(metadata) = old.0.get("metadata") {
        new.0.insert("metadata".into(), metadata.clone());
    }
    match managed {
        Some(managed) => new.set_meta("managedFields", managed),
        None => drop(new.remove_meta("managedFields")),
    }
}

/// The object as a value, which schemas are held against.
fn tree(object: &Object) -> Value {
    Value::Object(object.0.clone())
}
