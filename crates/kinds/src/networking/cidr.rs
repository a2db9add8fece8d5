//! `ServiceCIDR`: a network that cluster IPs are taken from (KEP-1880).

use ironclad_api::apply::FieldSet;
use ironclad_api::field::BadValue;
use ironclad_api::{FieldError, Object, Path, Status, goprint, validation};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use serde_json::{Value, json};

use super::GROUP;
use crate::columns::{age, name, text};
use crate::spec::spec;
use crate::status_metadata;

pub struct ServiceCidr {
    spec: KindSpec,
}

impl ServiceCidr {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                columns: vec![name(), text("CIDRs", |cidr| cidrs(cidr).join(",")), age()],
                subresources: vec![Subresource::status()],
                ..spec(GROUP, "v1", "ServiceCIDR", "servicecidrs", Scope::Cluster)
            },
        }
    }
}

impl Default for ServiceCidr {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for ServiceCidr {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        match (old, preparation.part) {
            (None, _) => drop(new.0.insert("status".into(), json!({}))),
            (Some(old), Part::Status) => status_metadata::keep(new, old),
            (Some(_), Part::Main | Part::Named(_)) => {}
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match old {
            _ if preparation.part != Part::Main => Vec::new(),
            None => validate(&cidrs(new)),
            Some(old) => validate_update(&cidrs(new), &cidrs(old)),
        }
    }

    fn reset_fields(&self, part: Part) -> FieldSet {
        match part {
            Part::Main => FieldSet::of_fields(&[&["status"]]),
            Part::Status => FieldSet::of_fields(&[&["metadata"], &["spec"]]),
            Part::Named(_) => FieldSet::new(),
        }
    }
}

fn cidrs(object: &Object) -> Vec<&str> {
    let list = object.at(&["spec", "cidrs"]).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn path() -> Path {
    Path::new("spec").child("cidrs")
}

/// One network of each family at most.
fn validate(cidrs: &[&str]) -> Vec<FieldError> {
    let path = path();
    match cidrs.len() {
        0 => return vec![FieldError::required(&path, "at least one CIDR required")],
        1 | 2 => {}
        _ => {
            // As Go prints the spec around them.
            let shown = BadValue::Printed(format!("{{\"CIDRs\":{}}}", goprint::json(&json!(cidrs))));
            return vec![FieldError::invalid(&path, shown, "may only hold up to 2 values")];
        }
    }
    let each = cidrs.iter().enumerate();
    let mut errors: Vec<FieldError> =
        each.flat_map(|(index, cidr)| validation::ip::cidr(&path.index(index), cidr)).collect();
    let families: Vec<bool> = cidrs
        .iter()
        .filter_map(|cidr| validation::ip::parse_cidr(cidr))
        .map(|(ip, _)| ip.is_ipv4())
        .collect();
    if let [first, second] = families.as_slice()
        && first == second
    {
        let detail =
            "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
        errors.push(FieldError::invalid(&path, json!(cidrs), detail));
    }
    errors
}

/// A second family may be added, and nothing else changed.
fn validate_update(new: &[&str], old: &[&str]) -> Vec<FieldError> {
    let path = path();
    let immutable = |path: &Path, shown: Value| FieldError::invalid(path, shown, validation::meta::IMMUTABLE);
    let changed = || {
        let pairs = new.iter().zip(old).enumerate().filter(|(_, (new, old))| new != old);
        pairs.map(|(index, (new, _))| immutable(&path.index(index), json!(new))).collect::<Vec<_>>()
    };
    match (old.len(), new.len()) {
        (before, after) if before == after => changed(),
        (1, 2) => [changed(), validate(new)].concat(),
        _ => vec![immutable(&path, json!(new))],
    }
}
