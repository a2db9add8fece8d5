//! What pods and the kinds that make pods from a template share: defaults, rules, warnings
//! and columns of a pod's spec.

pub(crate) mod columns;
pub(crate) mod container_resources;
pub(crate) mod defaults;
pub(crate) mod gates;
mod image;
pub(crate) mod rules;
pub(crate) mod volume_defaults;
pub(crate) mod warnings;
pub(crate) mod workload;
