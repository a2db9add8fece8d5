//! In which order pods go.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ironclad_api::quantity::Quantity;

use super::Candidate;
use super::signal::{Resource, Signal};
use crate::resources::{self, Side};
use crate::spec;

/// What a pod uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Working set, bytes.
    pub memory_bytes: u64,
    /// Writable layers, logs and local volumes, bytes.
    pub disk_bytes: u64,
    pub inodes: u64,
    pub processes: u64,
    /// By container: working set and disk, bytes.
    pub containers: BTreeMap<String, ContainerUsage>,
    /// By volume: bytes.
    pub volumes: BTreeMap<String, u64>,
}

/// What a container uses, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerUsage {
    pub memory_bytes: u64,
    /// Its writable layer and its logs.
    pub disk_bytes: u64,
}

/// First those that use more than they asked for, then the lower priority, then the larger use beyond the
/// request. Of process ids, which cannot be asked for, only priority and use count.
pub fn in_order<'a>(mut pods: Vec<Candidate<'a>>, signal: Signal) -> Vec<Candidate<'a>> {
    pods.sort_by_key(|candidate| {
        let priority = spec::of(candidate.pod).priority.unwrap_or(0);
        let Some(usage) = candidate.usage else {
            return (false, Reverse(true), priority, Reverse(i128::MAX));
        };
        let used = i128::from(used(usage, signal));
        let asked = asked(candidate, signal);
        match signal.resource() {
            Resource::Pid => (true, Reverse(false), priority, Reverse(used)),
            _ => (true, Reverse(used > asked), priority, Reverse(used - asked)),
        }
    });
    pods
}

fn used(usage: &Usage, signal: Signal) -> u64 {
    match signal {
        Signal::MemoryAvailable => usage.memory_bytes,
        Signal::NodeFsAvailable | Signal::ImageFsAvailable => usage.disk_bytes,
        Signal::NodeFsInodesFree | Signal::ImageFsInodesFree => usage.inodes,
        Signal::PidAvailable => usage.processes,
    }
}

fn asked(candidate: &Candidate<'_>, signal: Signal) -> i128 {
    let requests = resources::of_pod(&spec::of(candidate.pod), Side::Requests);
    i128::from(resources::whole(&requests, signal.starved()))
}

/// Names the containers that use more than they asked for.
pub(super) fn offenders(candidate: &Candidate<'_>, signal: Signal) -> String {
    let Some(usage) = candidate.usage else { return String::new() };
    let resource = signal.starved();
    let pod_spec = spec::of(candidate.pod);
    let mut text = String::new();
    for container in pod_spec.containers.iter().chain(spec::init_containers(&pod_spec)) {
        let Some(own) = usage.containers.get(&container.name) else { continue };
        let used = match signal {
            Signal::MemoryAvailable => own.memory_bytes,
            Signal::NodeFsAvailable | Signal::ImageFsAvailable => own.disk_bytes,
            _ => continue,
        };
        let used = Quantity::from_bytes(i64::try_from(used).unwrap_or(i64::MAX));
        let asked = resources::of(container.resources.as_ref(), Side::Requests).remove(resource);
        let asked = asked.unwrap_or_default();
        if used > asked {
            text += &format!(
                "Container {} was using {used}, request is {asked}, has larger consumption of {resource}. ",
                container.name
            );
        }
    }
    text
}
