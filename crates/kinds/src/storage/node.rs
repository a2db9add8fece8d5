//! `CSINode`: the drivers that run on a node.

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::storage::v1 as api;

use super::GROUP;
use crate::columns::{age, count, name, number};
use crate::csi;
use crate::fields::{items, required};
use crate::go_form;
use crate::spec::{spec, typed};

const MAX_NODE_ID: usize = 256;

pub struct CsiNode {
    spec: KindSpec,
}

impl CsiNode {
    pub fn new() -> Self {
        let drivers = number("Drivers", |node| count(node.at(&["spec", "drivers"])));
        Self {
            spec: KindSpec {
                columns: vec![name(), drivers, age()],
                ..spec(GROUP, "v1", "CSINode", "csinodes", Scope::Cluster)
            },
        }
    }
}

impl Default for CsiNode {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for CsiNode {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let node: api::CSINode = typed(new);
        let path = Path::new("spec").child("drivers");
        let mut seen = BTreeSet::new();
        let each = node.spec.drivers.iter().enumerate();
        let mut errors: Vec<FieldError> =
            each.flat_map(|(index, driver)| validate(driver, &mut seen, &path.index(index))).collect();
        let stored: api::CSINode = old.map(typed).unwrap_or_default();
        for old in &stored.spec.drivers {
            let same = node.spec.drivers.iter().filter(|new| new.name == old.name);
            errors.extend(same.filter(|new| is_changed(new, old)).map(|new| {
                FieldError::invalid(
                    &path,
                    go_form::compact("CSINodeDriver", new),
                    validation::meta::IMMUTABLE,
                )
            }));
        }
        errors
    }
}

fn validate<'a>(
    driver: &'a api::CSINodeDriver,
    seen: &mut BTreeSet<&'a str>,
    path: &Path,
) -> Vec<FieldError> {
    let mut errors = csi::driver_name(&driver.name, &path.child("name"));
    let at = path.child("nodeID");
    errors.extend(required(&at, &driver.node_id));
    if driver.node_id.len() > MAX_NODE_ID {
        let detail = format!("must be {MAX_NODE_ID} characters or less");
        errors.push(FieldError::invalid(&at, &driver.node_id, detail));
    }
    if let Some(count) = driver.allocatable.as_ref().and_then(|allocatable| allocatable.count) {
        let path = path.child("allocatable").child("count");
        errors.extend(validation::number::not_negative(&path, count.into()));
    }
    if !seen.insert(&driver.name) {
        errors.push(FieldError::duplicate(&path.child("name"), &driver.name));
    }
    let mut keys = BTreeSet::new();
    for key in items(&driver.topology_keys) {
        errors.extend(required(path, key));
        if !keys.insert(key) {
            errors.push(FieldError::duplicate(path, key));
        }
        errors.extend(validation::label::label_key(path, key));
    }
    errors
}

/// What a driver can attach may change (KEP-4876), and nothing else.
fn is_changed(new: &api::CSINodeDriver, old: &api::CSINodeDriver) -> bool {
    let fixed = |driver: &api::CSINodeDriver| (driver.node_id.clone(), items(&driver.topology_keys).to_vec());
    fixed(new) != fixed(old)
}
