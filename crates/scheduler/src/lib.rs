//! The scheduler: which node each pod runs on.
//!
//! A pure core ([`core::Core`]: changes and outcomes in, decisions out) and a thin shell
//! ([`Scheduler`]) that reads the cache and writes bindings.
//!
//! - [`snapshot`] keeps nodes and pods summed up, change by change; [`counts`] keeps the numbers
//!   that spreading and affinity ask for. So a pod costs what changed, not pods × nodes.
//! - [`plugins`] judge nodes: upstream's names, weights and texts, one file each and a list.
//! - [`decide`] runs them; [`preemption`] looks for pods to evict where no node will do.
//! - [`queue`] holds the pods that wait, and wakes them when something happens that could help.
//!
//! Source: <https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/>.

pub mod affinity;
pub mod amounts;
pub mod core;
pub mod counts;
pub mod decide;
mod directory;
mod driver;
pub mod event;
#[cfg(test)]
mod fixture;
mod inbox;
pub mod message;
pub mod node_info;
pub mod node_selector;
pub mod plugin;
pub mod plugins;
pub mod pod_info;
pub mod ports;
pub mod preemption;
pub mod queue;
mod selectors;
pub mod snapshot;
pub mod taints;
pub mod world;
mod writes;

pub use driver::{Running, Scheduler};
