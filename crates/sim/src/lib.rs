//! The whole control plane and its nodes in one thread, on a fake clock, a fake disk and a
//! fake container runtime: the production engine, kinds, controllers, scheduler and node
//! machines, with faults injected. A seed reproduces a run.
//!
//! - [`cluster`]: the control plane; it can be killed and started again over the same store.
//! - [`node`]: an agent over a fake runtime; it can be killed while its containers run on.
//! - [`faults`]: a store that fails.
//! - [`invariants`]: what must hold at every moment, as named functions.

pub mod cluster;
pub mod faults;
pub mod invariants;
pub mod node;
pub mod runtime;

pub use cluster::Cluster;
