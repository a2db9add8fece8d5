//! This node's pods: one worker each, who drives the pod's machine; the work it asks for; and the manager who
//! makes workers out of what the API and the runtime have.

pub(crate) mod book;
mod events;
mod hands;
mod inbox;
mod manager;
mod relist;
mod statuses;
#[cfg(test)]
mod tests;
mod worker;

mod container;
mod image;
mod place;
mod sandbox;

pub(crate) use book::{Book, Page};
pub(crate) use events::Events;
pub(crate) use hands::{NodeHands, SharedHands};
pub(crate) use manager::Manager;
