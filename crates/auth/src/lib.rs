//! Who is it, and may they: pure decisions over cached state.
//!
//! - [`authenticate`]: client certificates and bearer tokens to users.
//! - [`rbac`], [`node`]: the authorizers; [`union`] asks them in order; [`authorize`] has the order from a file, and
//!   authorizers elsewhere.
//! - [`bootstrap`]: the roles and bindings that every cluster starts with.

pub mod authenticate;
pub mod authorize;
pub mod bootstrap;
pub mod node;
pub mod rbac;
mod recent;
mod reviews;
pub mod union;

pub use authenticate::{Anonymous, Authenticators, Credentials};
pub use node::NodeAuthorizer;
pub use rbac::Rbac;
pub use reviews::ReviewVersion;
pub use union::{AllRules, Union};
