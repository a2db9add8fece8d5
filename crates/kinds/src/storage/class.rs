//! `StorageClass`.

use std::collections::{BTreeMap, BTreeSet};

use ironclad_api::object::string_map;
use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::core::v1::{TopologySelectorLabelRequirement, TopologySelectorTerm};
use k8s_openapi::api::storage::v1 as api;
use serde_json::Value;

use super::GROUP;
use crate::columns::{age, column, name_of_default, text};
use crate::fields::{immutable, items, one_of};
use crate::node_labels;
use crate::spec::{default_to, names, spec, typed};

const DELETE: &str = "Delete";
const IMMEDIATE: &str = "Immediate";
const BINDING_MODES: [&str; 2] = [IMMEDIATE, "WaitForFirstConsumer"];
/// A dynamically provisioned volume cannot be recycled.
const RECLAIM_POLICIES: [&str; 2] = [DELETE, "Retain"];
const DEFAULT_ANNOTATIONS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

pub struct StorageClass {
    spec: KindSpec,
}

impl StorageClass {
    pub fn new() -> Self {
        let field = |name, field: &'static str| text(name, move |class| class.str_at(&[field]).to_owned());
        let expands = column("AllowVolumeExpansion", "string", 0, |class, _| {
            class.at(&["allowVolumeExpansion"]).cloned().unwrap_or(Value::Bool(false))
        });
        Self {
            spec: KindSpec {
                short_names: names(["sc"]),
                columns: vec![
                    name_of_default(is_default),
                    field("Provisioner", "provisioner"),
                    field("ReclaimPolicy", "reclaimPolicy"),
                    field("VolumeBindingMode", "volumeBindingMode"),
                    expands,
                    age(),
                ],
                ..spec(GROUP, "v1", "StorageClass", "storageclasses", Scope::Cluster)
            },
        }
    }
}

impl Default for StorageClass {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for StorageClass {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn default(&self, class: &mut Object) {
        default_to(&mut class.0, "reclaimPolicy", DELETE);
        default_to(&mut class.0, "volumeBindingMode", IMMEDIATE);
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let mut errors = validate(&typed(new), &string_map(new.0.get("parameters")));
        for field in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
            errors.extend(old.into_iter().flat_map(|old| immutable(&Path::new(field), &[field], new, old)));
        }
        errors
    }

    fn warnings(&self, new: &Object, _: Option<&Object>) -> Vec<String> {
        let class: api::StorageClass = typed(new);
        let mut warnings = Vec::new();
        for (index, term) in items(&class.allowed_topologies).iter().enumerate() {
            let path = Path::new("allowedTopologies").index(index).child("matchLabelExpressions");
            for (index, expression) in items(&term.match_label_expressions).iter().enumerate() {
                let path = path.index(index).child("key");
                warnings
                    .extend(node_labels::deprecated(&expression.key).map(|text| format!("{path}: {text}")));
            }
        }
        warnings
    }
}

fn is_default(class: &Object) -> bool {
    DEFAULT_ANNOTATIONS.iter().any(|annotation| class.annotation(annotation) == Some("true"))
}

fn validate(class: &api::StorageClass, parameters: &BTreeMap<String, String>) -> Vec<FieldError> {
    let mut errors = super::provisioner(&class.provisioner, &Path::new("provisioner"));
    errors.extend(super::parameters(parameters, &Path::new("parameters")));
    let policy = class.reclaim_policy.as_deref().filter(|policy| !policy.is_empty());
    errors.extend(policy.and_then(|policy| one_of(&Path::new("reclaimPolicy"), policy, &RECLAIM_POLICIES)));
    let path = Path::new("volumeBindingMode");
    errors.extend(match class.volume_binding_mode.as_deref() {
        None => Some(FieldError::required(&path, "")),
        Some(mode) => one_of(&path, mode, &BINDING_MODES),
    });
    errors.extend(topologies(items(&class.allowed_topologies), &Path::new("allowedTopologies")));
    errors
}

/// What a term asks for: the values of each label.
type Labels<'a> = BTreeMap<&'a str, BTreeSet<&'a String>>;

fn topologies(terms: &[TopologySelectorTerm], path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut seen: Vec<Labels<'_>> = Vec::new();
    for (index, term) in terms.iter().enumerate() {
        let path = path.index(index).child("matchLabelExpressions");
        let mut labels = Labels::new();
        for (index, expression) in items(&term.match_label_expressions).iter().enumerate() {
            let path = path.index(index);
            errors.extend(requirement(expression, &path));
            let values = expression.values.iter().collect();
            if labels.insert(&expression.key, values).is_some() {
                errors.push(FieldError::duplicate(&path.child("key"), &expression.key));
            }
        }
        // Upstream holds a term without labels against those that it has not read yet, too.
        let unread = if labels.is_empty() { terms.len() - seen.len() } else { 0 };
        let repeats = seen.iter().filter(|earlier| **earlier == labels).count() + unread;
        errors.extend((0..repeats).map(|_| FieldError::duplicate(&path, "")));
        seen.push(labels);
    }
    errors
}

fn requirement(expression: &TopologySelectorLabelRequirement, path: &Path) -> Vec<FieldError> {
    let at = path.child("values");
    let mut errors = Vec::new();
    if expression.values.is_empty() {
        errors.push(FieldError::required(&at, ""));
    }
    let mut seen = BTreeSet::new();
    for (index, value) in expression.values.iter().enumerate() {
        if !seen.insert(value) {
            errors.push(FieldError::duplicate(&at.index(index), value));
        }
    }
    errors.extend(validation::label::label_key(&path.child("key"), &expression.key));
    errors
}
