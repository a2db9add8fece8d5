//! `resource.k8s.io/v1`: devices that pods claim (dynamic resource allocation).
//! Source: <https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/>

mod admin_access;
mod allocation;
mod attribute;
mod binding;
mod bounded;
mod capacity;
mod claim;
mod claim_spec;
mod claim_status;
mod claim_template;
mod configuration;
mod device;
mod device_class;
mod names;
mod resource_slice;
mod selector;
mod taint;

#[cfg(test)]
mod tests;

pub use claim::ResourceClaim;
pub use claim_template::ResourceClaimTemplate;
pub use device_class::DeviceClass;
pub use resource_slice::ResourceSlice;

use ironclad_engine::strategy::{KindSpec, Scope};

use crate::spec::spec;

/// Devices in a claim, requests, and what refers to them.
const MOST_REQUESTS: usize = 32;
const MOST_CONFIGURATIONS: usize = 32;
/// Where nothing bounds the length but the size of the object.
const UNBOUNDED: usize = usize::MAX;

fn kind(kind: &'static str, resource: &'static str, scope: Scope) -> KindSpec {
    spec("resource.k8s.io", "v1", kind, resource, scope)
}

/// An absent list is an empty one.
fn slice<T>(list: &Option<Vec<T>>) -> &[T] {
    list.as_deref().unwrap_or_default()
}
