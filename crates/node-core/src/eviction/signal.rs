//! What is watched, and how little of it is too little.

use std::time::Duration;

use ironclad_api::quantity::Quantity;

/// A figure of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Memory that is free or can be reclaimed.
    MemoryAvailable,
    /// Space on the disk of volumes and logs.
    NodeFsAvailable,
    NodeFsInodesFree,
    /// Space on the disk of images and writable layers.
    ImageFsAvailable,
    ImageFsInodesFree,
    /// Process ids.
    PidAvailable,
}

/// What pods are evicted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    Memory,
    Disk,
    Pid,
}

/// How much there is, in bytes or in number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    pub available: u64,
    pub capacity: u64,
}

/// An amount, or a part of what there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    Absolute(u64),
    /// 0 to 1.
    Part(f64),
}

/// The least that must be available.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    pub signal: Signal,
    pub least: Amount,
    /// How long it may be less; zero is a hard threshold.
    pub grace: Duration,
    /// How much more than `least` must be available before it counts as enough again.
    pub min_reclaim: Option<Amount>,
    /// With a grace: the longest grace period a pod gets, seconds.
    pub max_pod_grace_s: i64,
}

impl Amount {
    fn of(self, capacity: u64) -> u64 {
        match self {
            Amount::Absolute(amount) => amount,
            Amount::Part(part) => (capacity as f64 * part) as u64,
        }
    }
}

impl Signal {
    pub fn resource(self) -> Resource {
        match self {
            Signal::MemoryAvailable => Resource::Memory,
            Signal::PidAvailable => Resource::Pid,
            _ => Resource::Disk,
        }
    }

    /// As messages name what is short.
    pub(super) fn starved(self) -> &'static str {
        match self {
            Signal::MemoryAvailable => "memory",
            Signal::NodeFsAvailable | Signal::ImageFsAvailable => "ephemeral-storage",
            Signal::NodeFsInodesFree | Signal::ImageFsInodesFree => "inodes",
            Signal::PidAvailable => "pids",
        }
    }

    fn is_bytes(self) -> bool {
        matches!(self, Signal::MemoryAvailable | Signal::NodeFsAvailable | Signal::ImageFsAvailable)
    }

    fn print(self, amount: u64) -> String {
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        if self.is_bytes() { Quantity::from_bytes(amount).to_string() } else { amount.to_string() }
    }
}

impl Threshold {
    /// A threshold that acts at once.
    pub fn hard(signal: Signal, least: Amount) -> Self {
        Self { signal, least, grace: Duration::ZERO, min_reclaim: None, max_pod_grace_s: 0 }
    }

    pub(super) fn is_crossed(&self, observation: &Observation, was: bool) -> bool {
        let reclaim = self.min_reclaim.filter(|_| was).map_or(0, |amount| amount.of(observation.capacity));
        observation.available < self.least.of(observation.capacity).saturating_add(reclaim)
    }

    /// The threshold and what is available, for messages.
    pub(super) fn printed(&self, observation: &Observation) -> (String, String) {
        let least = self.signal.print(self.least.of(observation.capacity));
        (least, self.signal.print(observation.available))
    }
}

/// Upstream's: memory.available<100Mi, nodefs.available<10%, nodefs.inodesFree<5%, imagefs.available<15%,
/// imagefs.inodesFree<5%.
pub fn defaults() -> Vec<Threshold> {
    vec![
        Threshold::hard(Signal::MemoryAvailable, Amount::Absolute(100 << 20)),
        Threshold::hard(Signal::NodeFsAvailable, Amount::Part(0.10)),
        Threshold::hard(Signal::NodeFsInodesFree, Amount::Part(0.05)),
        Threshold::hard(Signal::ImageFsAvailable, Amount::Part(0.15)),
        Threshold::hard(Signal::ImageFsInodesFree, Amount::Part(0.05)),
    ]
}
