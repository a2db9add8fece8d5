//! What the node has, and what of it pods may use.

use ironclad_api::quantity::{Notation, Quantity};
use k8s_openapi::api::core::v1::NodeStatus;

use crate::resources::{self, Resources, TextResources};

/// What the machine has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    pub cpu_cores: u32,
    pub memory_bytes: i64,
    /// The file system of volumes and logs, bytes.
    pub ephemeral_storage_bytes: i64,
    /// By page size (`2Mi`), bytes set aside by the kernel.
    pub hugepages: Vec<(String, i64)>,
    pub max_pods: u32,
    /// Kept from pods for the system and the agent, and to stay clear of eviction.
    pub reserved: Resources,
}

impl Machine {
    /// Capacity and allocatable. Resources that others have put into the status (extended ones) are kept.
    pub(super) fn resources(&self, previous: &NodeStatus) -> (TextResources, TextResources) {
        let own = self.own();
        let mut capacity = previous.capacity.clone().unwrap_or_default();
        let mut allocatable = previous.allocatable.clone().unwrap_or_default();
        allocatable.retain(|name, _| capacity.contains_key(name) || own.contains_key(name));
        capacity.extend(resources::print(&own));
        let known = resources::parse(Some(&capacity));
        let left = known.iter().map(|(name, amount)| (name.clone(), self.left(name, amount)));
        let mut left: Resources = left.collect();
        self.set_hugepages_aside(&mut left);
        allocatable.extend(resources::print(&left));
        (capacity, allocatable)
    }

    /// What pods may use, for machines that need it as numbers.
    pub fn allocatable(&self) -> Resources {
        let own = self.own();
        let mut left: Resources =
            own.iter().map(|(name, amount)| (name.clone(), self.left(name, amount))).collect();
        self.set_hugepages_aside(&mut left);
        left
    }

    fn own(&self) -> Resources {
        let count = |n: u32| Quantity::new(i64::from(n), Notation::DecimalSi);
        let kibi = |bytes: i64| Quantity::from_bytes(bytes);
        let mut own: Resources = [
            ("cpu".to_owned(), count(self.cpu_cores)),
            ("memory".to_owned(), kibi(self.memory_bytes)),
            ("ephemeral-storage".to_owned(), kibi(self.ephemeral_storage_bytes)),
            ("pods".to_owned(), count(self.max_pods)),
        ]
        .into();
        own.extend(self.hugepages.iter().map(|(size, bytes)| (format!("hugepages-{size}"), kibi(*bytes))));
        own
    }

    fn left(&self, name: &str, amount: &Quantity) -> Quantity {
        let left = match self.reserved.get(name) {
            Some(reserved) => amount.clone() - reserved,
            None => amount.clone(),
        };
        if left.sign() < 0 { Quantity::default() } else { left }
    }

    /// Huge pages are memory that nothing else can use.
    fn set_hugepages_aside(&self, left: &mut Resources) {
        let set_aside: i64 = self.hugepages.iter().map(|(_, bytes)| *bytes).sum();
        if let Some(memory) = left.get_mut("memory") {
            *memory -= &Quantity::from_bytes(set_aside);
            if memory.sign() < 0 {
                *memory = Quantity::default();
            }
        }
    }
}
