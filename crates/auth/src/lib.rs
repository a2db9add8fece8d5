//! Who is it, and may they: pure decisions over cached state.
//!
//! - [`authenticate`]: client certificates and bearer tokens to users.
//! - [`rbac`], [`node`]: the authorizers; [`union`] asks them in order.
//! - [`bootstrap`]: the roles and bindings that every cluster starts with.

pub mod authenticate;
pub mod bootstrap;
pub mod node;
pub mod rbac;
pub mod union;

pub use authenticate::{Authenticators, Credentials};
pub use node::NodeAuthorizer;
pub use rbac::Rbac;
pub use union::{AllRules, Union};
