//! This node's object in the API: registered, its status kept true, its lease renewed.

mod facts;
mod health;
mod lease;
mod register;
mod report;

pub(crate) use facts::NodeFacts;
pub(crate) use health::Health;
pub(crate) use lease::keep_lease;
pub(crate) use register::register;
pub(crate) use report::{Reporter, machine_capacity};

/// What the agent calls itself.
pub(crate) const VERSION: &str = ironclad_api::version::GIT_VERSION;
