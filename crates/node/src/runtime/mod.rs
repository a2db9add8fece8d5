//! The container runtime: brought up, watched, and asked what it has.

mod bring_up;
mod exits;
mod inspect;
mod termination;

pub(crate) use bring_up::{Runtime, RuntimeUp, RuntimeUpError, bring_up, own_containerd};
pub(crate) use exits::watch_exits;
pub(crate) use inspect::{Inspector, PodOnNode};
