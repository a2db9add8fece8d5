//! `VolumeAttributesClass` (KEP-3751).

use ironclad_api::object::string_map;
use ironclad_api::{FieldError, Object, Path};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};

use super::GROUP;
use crate::columns::{age, name, text};
use crate::spec::{names, spec};

pub struct VolumeAttributesClass {
    spec: KindSpec,
}

impl VolumeAttributesClass {
    pub fn new() -> Self {
        let driver = text("DriverName", |class| class.str_at(&["driverName"]).to_owned());
        Self {
            spec: KindSpec {
                short_names: names(["vac"]),
                columns: vec![name(), driver, age()],
                ..spec(GROUP, "v1", "VolumeAttributesClass", "volumeattributesclasses", Scope::Cluster)
            },
        }
    }
}

impl Default for VolumeAttributesClass {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for VolumeAttributesClass {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for field in ["driverName", "parameters"] {
            if old.is_some_and(|old| old.0.get(field) != new.0.get(field)) {
                let detail = format!("updates to {field} are forbidden.");
                errors.push(FieldError::forbidden(&Path::new(field), detail));
            }
        }
        errors.extend(super::provisioner(new.str_at(&["driverName"]), &Path::new("driverName")));
        let parameters = string_map(new.0.get("parameters"));
        let path = Path::new("parameters");
        errors.extend(super::parameters(&parameters, &path));
        if parameters.is_empty() {
            errors.push(FieldError::required(&path, "must contain at least one key/value pair"));
        }
        errors
    }
}
