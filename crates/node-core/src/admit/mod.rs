//! Whether the node takes a pod that the scheduler, or someone in its place, has put there.
//!
//! Kubelet's admission: what was decided elsewhere is checked against what is true here. The first check
//! that fails gives the reason.

mod affinity;
mod fit;
pub mod sysctl;
mod taint;

use k8s_openapi::api::core::v1::{Node, Pod, PodSpec};

use crate::qos::{self, Qos};
use crate::spec;

pub use fit::resize_fits;

/// Why a pod is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// `status.reason` and the event's reason.
    pub reason: String,
    pub message: String,
}

impl Rejection {
    fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into() }
    }

    /// A scheduler plugin's filter that fails here.
    fn predicate(plugin: &str, why: &str) -> Self {
        Self::new(plugin, format!("Predicate {plugin} failed: {why}"))
    }
}

/// What a pod is judged against.
pub struct AdmitInput<'a> {
    pub pod: &'a Pod,
    /// This node's object, with its allocatable resources.
    pub node: &'a Node,
    /// The pods this node has taken and that have not ended.
    pub others: &'a [&'a Pod],
    pub allowed_unsafe_sysctls: &'a [String],
    /// Node pressure, if there is any.
    pub pressure: Pressure,
}

/// What the node is short of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    pub memory: bool,
    pub disk: bool,
    pub pid: bool,
}

/// Takes or refuses a pod.
pub fn admit(input: &AdmitInput<'_>) -> Result<(), Rejection> {
    let spec = spec::of(input.pod);
    under_pressure(input, &spec)?;
    sysctl::check(&spec, input.allowed_unsafe_sysctls)?;
    operating_system(input.pod, &spec)?;
    groups_policy(&spec, input.node)?;
    fit::check(&spec, input.node, input.others)?;
    fit::check_ports(&spec, input.others)?;
    fit::check_name(&spec, input.node)?;
    affinity::check(&spec, input.node)?;
    taint::check(&spec, input.node)
}

/// Priority from which a pod is critical: it is taken and kept under pressure.
const SYSTEM_CRITICAL_PRIORITY: i32 = 2_000_000_000;

/// Whether a pod must not be evicted.
pub fn is_critical(spec: &PodSpec) -> bool {
    spec.priority.is_some_and(|priority| priority >= SYSTEM_CRITICAL_PRIORITY)
}

fn under_pressure(input: &AdmitInput<'_>, spec: &PodSpec) -> Result<(), Rejection> {
    let pressure = input.pressure;
    if pressure == Pressure::default() || is_critical(spec) {
        return Ok(());
    }
    let only_memory = pressure.memory && !pressure.disk && !pressure.pid;
    if only_memory {
        let tolerates = taint::tolerates(spec, "node.kubernetes.io/memory-pressure", "", "NoSchedule");
        if tolerates || qos::class(input.pod) != Qos::BestEffort {
            return Ok(());
        }
    }
    let conditions =
        [("MemoryPressure", pressure.memory), ("DiskPressure", pressure.disk), ("PIDPressure", pressure.pid)];
    let names: Vec<&str> = conditions.iter().filter(|(_, holds)| *holds).map(|(name, _)| *name).collect();
    Err(Rejection::new("Evicted", format!("The node had condition: [{}]. ", names.join(" "))))
}

fn operating_system(pod: &Pod, spec: &PodSpec) -> Result<(), Rejection> {
    let labelled = pod.metadata.labels.as_ref().and_then(|labels| labels.get("kubernetes.io/os"));
    if labelled.is_some_and(|os| os != "linux") {
        return Err(Rejection::new(
            "PodOSSelectorNodeLabelDoesNotMatch",
            "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
        ));
    }
    if spec.os.as_ref().is_some_and(|os| os.name != "linux") {
        return Err(Rejection::new(
            "PodOSNotSupported",
            "Failed to admit pod as the OS field doesn't match node OS",
        ));
    }
    Ok(())
}

fn groups_policy(spec: &PodSpec, node: &Node) -> Result<(), Rejection> {
    let policy = spec.security_context.as_ref().and_then(|c| c.supplemental_groups_policy.as_deref());
    let features = node.status.as_ref().and_then(|s| s.features.as_ref());
    let supported = features.and_then(|f| f.supplemental_groups_policy).unwrap_or(false);
    if policy != Some("Strict") || supported {
        return Ok(());
    }
    let message = "SupplementalGroupsPolicy=Strict is not supported in this node";
    Err(Rejection::new("SupplementalGroupsPolicyNotSupported", message))
}

#[cfg(test)]
mod tests;
