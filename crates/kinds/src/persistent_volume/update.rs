//! What may change in a volume: neither its source nor its mode, and where it is only once.

use ironclad_api::{FieldError, Object, Path, validation};
use k8s_openapi::api::core::v1 as core;
use serde_json::{Map, Value};

use crate::fields::{immutable, items, value_at};
use crate::go_form;
use crate::line_diff;
use crate::spec::typed;

/// What of a volume's spec is not its source.
const NOT_SOURCES: [&str; 9] = [
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
];
/// Labels of nodes that were renamed.
const RENAMED: [(&str, &str); 5] = [
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
    ("beta.kubernetes.io/os", "kubernetes.io/os"),
    ("beta.kubernetes.io/arch", "kubernetes.io/arch"),
    ("beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type"),
];

pub(super) fn validate(new: &Object, old: &Object) -> Vec<FieldError> {
    let spec = Path::new("spec");
    let mut errors: Vec<FieldError> = changed_source(new, old).into_iter().collect();
    errors.extend(immutable(&Path::new("volumeMode"), &["spec", "volumeMode"], new, old));
    errors.extend(moved(&typed(new), &typed(old)));
    let class = |volume: &Object| value_at(volume, &["spec", "volumeAttributesClassName"]);
    if class(new).is_null() && !class(old).is_null() {
        let detail = "update from non-nil value to nil is forbidden";
        errors.push(FieldError::forbidden(&spec.child("volumeAttributesClassName"), detail));
    }
    errors
}

fn changed_source(new: &Object, old: &Object) -> Option<FieldError> {
    let (mut new, old) = (source(new), source(old));
    // How a volume is grown may be told once.
    let expand = "controllerExpandSecretRef";
    let told = old.get("csi").is_some_and(|csi| csi.get(expand).is_some());
    if !told && let Some(csi) = new.get_mut("csi").and_then(Value::as_object_mut) {
        csi.remove(expand);
    }
    let (new, old) = (Value::Object(new), Value::Object(old));
    (new != old).then(|| {
        let shown = |source: &Value| go_form::pretty("PersistentVolumeSource", source);
        let diff = line_diff::unified(&shown(&old), &shown(&new));
        let detail = format!("spec.persistentvolumesource is immutable after creation\n{diff}");
        FieldError::forbidden(&Path::new("spec").child("persistentvolumesource"), detail)
    })
}

fn source(volume: &Object) -> Map<String, Value> {
    let spec = volume.at(&["spec"]).and_then(Value::as_object).cloned().unwrap_or_default();
    spec.into_iter().filter(|(field, _)| !NOT_SOURCES.contains(&field.as_str())).collect()
}

/// Where a volume can be reached from is said once; only names that changed may follow.
fn moved(new: &core::PersistentVolume, old: &core::PersistentVolume) -> Option<FieldError> {
    let affinity = |volume: &core::PersistentVolume| volume.spec.as_ref()?.node_affinity.clone();
    let old = affinity(old)?;
    let new = affinity(new);
    let same = new.as_ref().is_some_and(|new| is_renamed(new, &old));
    let detail = format!("{}, except for updating from beta label to GA", validation::meta::IMMUTABLE);
    (!same).then(|| {
        FieldError::invalid(&Path::new("nodeAffinity"), go_form::compact("*VolumeNodeAffinity", &new), detail)
    })
}

fn terms(affinity: &core::VolumeNodeAffinity) -> Option<&[core::NodeSelectorTerm]> {
    affinity.required.as_ref().map(|required| required.node_selector_terms.as_slice())
}

fn is_renamed(new: &core::VolumeNodeAffinity, old: &core::VolumeNodeAffinity) -> bool {
    let (Some(new), Some(old)) = (terms(new), terms(old)) else { return terms(new) == terms(old) };
    let expressions = |term: &core::NodeSelectorTerm| {
        [items(&term.match_expressions), items(&term.match_fields)].map(<[_]>::to_vec)
    };
    let same_lists = |new: &[core::NodeSelectorRequirement], old: &[core::NodeSelectorRequirement]| {
        new.len() == old.len() && new.iter().zip(old).all(|(new, old)| is_same(new, old))
    };
    new.len() == old.len()
        && new.iter().zip(old).all(|(new, old)| {
            let ([new, new_fields], [old, old_fields]) = (expressions(new), expressions(old));
            same_lists(&new, &old) && same_lists(&new_fields, &old_fields)
        })
}

fn is_same(new: &core::NodeSelectorRequirement, old: &core::NodeSelectorRequirement) -> bool {
    let same_key = new.key == old.key || RENAMED.contains(&(old.key.as_str(), new.key.as_str()));
    same_key && new.operator == old.operator && items(&new.values) == items(&old.values)
}

/// Whether a stored volume asks for a label value that no label has.
pub(super) fn has_invalid_label_value(volume: &core::PersistentVolume) -> bool {
    let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
    let terms = affinity.and_then(terms).unwrap_or_default();
    let expressions = terms.iter().flat_map(|term| items(&term.match_expressions));
    let mut values = expressions.flat_map(|expression| items(&expression.values));
    values.any(|value| !validation::label_value(value).is_empty())
}
