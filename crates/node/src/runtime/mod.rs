//! The container runtime: brought up, watched, and asked what it has.

mod bring_up;
mod inspect;
mod termination;

pub(crate) use bring_up::{Runtime, RuntimeUp, RuntimeUpError, bring_up, own_containerd};
pub(crate) use inspect::{Inspector, PodIdentity, PodOnNode};
