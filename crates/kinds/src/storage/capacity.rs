//! `CSIStorageCapacity` (KEP-1472).

use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::storage::v1 as api;

use super::GROUP;
use crate::fields::{immutable, items};
use crate::label_selectors::selector;
use crate::node_labels;
use crate::spec::{spec, typed};

/// Shown with upstream's default columns.
pub struct CsiStorageCapacity {
    spec: KindSpec,
}

impl CsiStorageCapacity {
    pub fn new() -> Self {
        Self { spec: spec(GROUP, "v1", "CSIStorageCapacity", "csistoragecapacities", Scope::Namespaced) }
    }
}

impl Default for CsiStorageCapacity {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for CsiStorageCapacity {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let old_typed: Option<api::CSIStorageCapacity> = old.map(typed);
        let mut errors = validate(&typed(new), old_typed.as_ref());
        for field in ["nodeTopology", "storageClassName"] {
            errors.extend(old.into_iter().flat_map(|old| immutable(&Path::new(field), &[field], new, old)));
        }
        errors
    }

    fn warnings(&self, new: &Object, _: Option<&Object>) -> Vec<String> {
        let capacity: api::CSIStorageCapacity = typed(new);
        let Some(topology) = capacity.node_topology else { return Vec::new() };
        let path = Path::new("nodeTopology");
        let mut warnings = Vec::new();
        for (index, expression) in items(&topology.match_expressions).iter().enumerate() {
            let path = path.child("matchExpressions").index(index).child("key");
            let text = node_labels::deprecated(&expression.key);
            warnings.extend(text.map(|text| format!("{path}: {} is {text}", expression.key)));
        }
        for label in topology.match_labels.iter().flatten().map(|(label, _)| label) {
            let path = path.child("matchLabels").child(label);
            warnings.extend(node_labels::deprecated(label).map(|text| format!("{path}: {text}")));
        }
        warnings
    }
}

fn validate(capacity: &api::CSIStorageCapacity, old: Option<&api::CSIStorageCapacity>) -> Vec<FieldError> {
    let path = Path::new("nodeTopology");
    let stored = old.and_then(|old| old.node_topology.as_ref()).map(selector);
    let lenient = stored.is_some_and(|stored| !stored.validate(&path).is_empty());
    let mut errors = match capacity.node_topology.as_ref().map(selector) {
        None => Vec::new(),
        Some(topology) if lenient => topology.validate_allowing_invalid_values(&path),
        Some(topology) => topology.validate(&path),
    };
    let class = &capacity.storage_class_name;
    let faults = validation::dns1123_subdomain(class);
    errors.extend(validation::invalid_each(&Path::new("storageClassName"), class, faults));
    let amount = capacity.capacity.as_ref().and_then(|text| Quantity::parse(&text.0).ok());
    if let Some(amount) = amount {
        errors.extend(validation::number::quantity_not_negative(&Path::new("capacity"), &amount));
    }
    errors
}
