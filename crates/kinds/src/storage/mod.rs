//! `storage.k8s.io/v1`: classes of volumes, and what CSI drivers, nodes and the attacher tell each other.
//!
//! Source: <https://kubernetes.io/docs/concepts/storage/>.

mod attachment;
mod attributes_class;
mod capacity;
mod class;
mod driver;
mod node;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ironclad_api::{FieldError, Path, validation};

pub use self::attachment::VolumeAttachment;
pub use self::attributes_class::VolumeAttributesClass;
pub use self::capacity::CsiStorageCapacity;
pub use self::class::StorageClass;
pub use self::driver::CsiDriver;
pub use self::node::CsiNode;

const GROUP: &str = "storage.k8s.io";
/// How many parameters a class may have, and how many bytes all of them together.
const MAX_PARAMETERS: usize = 512;
const MAX_PARAMETER_BYTES: usize = 256 << 10;

/// The name of a driver: a qualified name but for its case.
fn provisioner(name: &str, path: &Path) -> Vec<FieldError> {
    match name.to_lowercase().as_str() {
        "" => vec![FieldError::required(path, "")],
        name => validation::invalid_each(path, name, validation::qualified_name(name)),
    }
}

fn parameters(parameters: &BTreeMap<String, String>, path: &Path) -> Vec<FieldError> {
    if parameters.len() > MAX_PARAMETERS {
        return vec![FieldError::too_long(path, MAX_PARAMETERS)];
    }
    let mut errors = Vec::new();
    if parameters.contains_key("") {
        errors.push(FieldError::invalid(path, "", "field can not be empty."));
    }
    if validation::label::annotations_size(parameters) > MAX_PARAMETER_BYTES {
        errors.push(FieldError::too_long(path, MAX_PARAMETER_BYTES));
    }
    errors
}
