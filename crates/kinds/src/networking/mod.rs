//! `networking.k8s.io/v1`: ways in (ingresses), ways between (policies), and the addresses of services.
//!
//! Source: <https://kubernetes.io/docs/concepts/services-networking/>.

mod address;
mod cidr;
mod ingress;
mod ingress_class;
mod policy;
#[cfg(test)]
mod tests;

use ironclad_api::{FieldError, Path, validation};

pub use self::address::IpAddress;
pub use self::cidr::ServiceCidr;
pub use self::ingress::Ingress;
pub use self::ingress_class::IngressClass;
pub use self::policy::NetworkPolicy;

const GROUP: &str = "networking.k8s.io";

/// A required text that becomes part of a URL.
fn path_segment(value: &str, path: &Path) -> Vec<FieldError> {
    match value {
        "" => vec![FieldError::required(path, "")],
        value => validation::invalid_each(path, value, validation::path::path_segment_name(value)),
    }
}

/// A reference to an object of any kind: its group, kind and name.
fn reference(group: Option<&str>, kind: &str, name: &str, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(group) = group {
        let faults = validation::dns1123_subdomain(group);
        errors.extend(validation::invalid_each(&path.child("apiGroup"), group, faults));
    }
    errors.extend(path_segment(kind, &path.child("kind")));
    errors.extend(path_segment(name, &path.child("name")));
    errors
}
