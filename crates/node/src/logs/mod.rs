//! Containers' logs: the runtime writes `/var/log/pods/NS_NAME_UID/CONTAINER/N.log`; links for log shippers, rotation,
//! removal and reading are the agent's.

mod files;
mod follow;
mod links;
mod rotate;

pub(crate) use files::{remove, rotated_names};
pub(crate) use follow::{LogRequest, stream};
pub(crate) use links::{link, prune as prune_links, unlink};
pub(crate) use rotate::rotate;
