//! The built-in kinds: one file each, and the list of them.
//!
//! A kind is data (its [`KindSpec`](ironclad_engine::KindSpec)) and the few functions
//! in which it differs from every other; see `CONTRIBUTING.md` for how to add one.
//! Kinds do not import each other.

mod columns;
mod spec;

pub mod config_map;
pub mod lease;
pub mod namespace;
pub mod priority_class;
pub mod rbac;
pub mod secret;

use std::sync::Arc;

use ironclad_engine::Strategy;

/// All built-in kinds.
pub fn all() -> Vec<Arc<dyn Strategy>> {
    vec![
        Arc::new(config_map::ConfigMap::new()),
        Arc::new(lease::Lease::new()),
        Arc::new(namespace::Namespace::new()),
        Arc::new(priority_class::PriorityClass::new()),
        Arc::new(rbac::ClusterRole::new()),
        Arc::new(rbac::ClusterRoleBinding::new()),
        Arc::new(rbac::Role::new()),
        Arc::new(rbac::RoleBinding::new()),
        Arc::new(secret::Secret::new()),
    ]
}
