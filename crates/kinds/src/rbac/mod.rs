//! `rbac.authorization.k8s.io/v1`: the two roles and the two bindings.

mod binding;
mod role;

pub use binding::{ClusterRoleBinding, RoleBinding};
pub use role::{ClusterRole, Role};

const GROUP: &str = "rbac.authorization.k8s.io";
