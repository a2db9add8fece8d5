//! A pod's status, rendered from facts the way kubelet 1.36 writes it.
//!
//! * [`containers`]: one status per container. * [`phase`]: the pod's phase. * [`conditions`]: its conditions.
//! * [`readiness`]: which containers are started and ready. * [`termination`]: termination messages.
//! * [`fn@patch`]: the request that writes a status without touching what others own.

pub mod conditions;
pub mod containers;
pub mod patch;
pub mod phase;
pub mod readiness;
pub mod termination;

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use k8s_openapi::api::core::v1::{
    HostIP, Pod, PodCondition, PodIP, PodSpec, PodStatus, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::facts::{ContainerState, PodFacts};
use crate::probe::Readout;
use crate::qos;
use crate::resources::{self, Side};
use crate::settings::NodeSettings;
use crate::spec;

pub use patch::patch;

/// Why a container has not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// `ErrImagePull`, `CrashLoopBackOff`, `CreateContainerConfigError`...
    pub reason: String,
    pub message: String,
}

/// Why a pod was ended by its node or its deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub reason: String,
    pub message: String,
}

/// What a container was granted and what it runs with (KEP-1287).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GrantedResources {
    /// What the node has set aside.
    pub allocated: ResourceRequirements,
    /// What the running container was last given.
    pub actual: ResourceRequirements,
}

/// Everything a status is rendered from.
pub struct View<'a> {
    pub settings: &'a NodeSettings,
    /// The pod as the API has it.
    pub pod: &'a Pod,
    /// The newest generation that the status takes account of.
    pub generation: Option<i64>,
    /// The pod with the resources that it was granted.
    pub granted: &'a Pod,
    pub facts: &'a PodFacts,
    /// The status written last, or the API's after a restart.
    pub previous: &'a PodStatus,
    /// By container name.
    pub waiting: &'a BTreeMap<String, Waiting>,
    /// By container id.
    pub probes: &'a BTreeMap<String, Readout>,
    /// By container name.
    pub resources: &'a BTreeMap<String, GrantedResources>,
    /// Resize conditions and the `DisruptionTarget` that an eviction left.
    pub conditions: &'a [PodCondition],
    /// Whether every container has been stopped for good.
    pub stopped: bool,
    pub verdict: Option<&'a Verdict>,
}

/// The status to write.
pub fn render(view: &View<'_>, now: Timestamp) -> PodStatus {
    let spec = spec::of(view.pod);
    let mut status = PodStatus {
        qos_class: Some(qos::class(view.pod).as_str().to_owned()),
        observed_generation: view.generation,
        ..Default::default()
    };
    (status.init_container_statuses, status.container_statuses, status.ephemeral_container_statuses) =
        containers::all(view, &spec);
    set_phase(&mut status, view, &spec);
    status.conditions = Some(conditions::all(view, &spec, &status, now));
    set_addresses(&mut status, view, &spec);
    set_resources(&mut status, &spec::of(view.granted));
    let started = view.previous.start_time.clone();
    status.start_time = Some(started.unwrap_or_else(|| seconds(now)));
    keep_what_others_own(&mut status, view);
    status
}

/// The phase that containers make, unless the pod has already ended or was ended by its node.
fn set_phase(status: &mut PodStatus, view: &View<'_>, spec: &PodSpec) {
    let init = status.init_container_statuses.as_deref().unwrap_or_default();
    let main = status.container_statuses.as_deref().unwrap_or_default();
    let initialized = any_main_started_in_sandbox(view, spec);
    let mut phase = phase::of(spec, init, main, view.stopped, initialized);
    let api = view.pod.status.as_ref();
    let ended = [view.previous.phase.as_deref(), api.and_then(|s| s.phase.as_deref())];
    let ended = ended.into_iter().flatten().find(|phase| spec::is_terminal(Some(phase)));
    if let Some(ended) = ended {
        phase = if ended == "Succeeded" { "Succeeded" } else { "Failed" };
    }
    let kept = |of: fn(&PodStatus) -> &Option<String>| {
        let same = view.previous.phase.as_deref() == Some(phase);
        same.then(|| of(view.previous).clone().or_else(|| api.and_then(|s| of(s).clone()))).flatten()
    };
    (status.reason, status.message) = (kept(|s| &s.reason), kept(|s| &s.message));
    if let Some(verdict) = view.verdict
        && ended.is_none()
    {
        phase = "Failed";
        status.reason = Some(verdict.reason.clone());
        status.message = Some(verdict.message.clone());
    }
    status.phase = Some(phase.to_owned());
}

fn any_main_started_in_sandbox(view: &View<'_>, spec: &PodSpec) -> bool {
    let Some(sandbox) = view.facts.latest_sandbox() else { return false };
    spec.containers.iter().any(|c| view.facts.newest_in(&c.name, &sandbox.id).is_some())
}

fn set_addresses(status: &mut PodStatus, view: &View<'_>, spec: &PodSpec) {
    let hosts: Vec<String> = view.settings.host_ips.iter().map(IpAddr::to_string).collect();
    let mut pods = in_family_order(pod_ips(view), view.settings);
    if spec::host_network(spec) {
        pods = previous_ips(view);
        for host in &hosts {
            let same_family = |ip: &String| is_v6(ip) == is_v6(host);
            if !pods.iter().any(same_family) {
                pods.push(host.clone());
            }
        }
    }
    status.host_ip = hosts.first().cloned();
    status.host_ips = list(hosts.into_iter().map(|ip| HostIP { ip }).collect());
    status.pod_ip = pods.first().cloned();
    status.pod_ips = list(pods.into_iter().map(|ip| PodIP { ip }).collect());
}

/// The sandbox's addresses; those of before when nothing of the pod runs any more.
fn pod_ips(view: &View<'_>) -> Vec<String> {
    if let Some(sandbox) = view.facts.latest_sandbox().filter(|s| s.ready) {
        return sandbox.ips.clone();
    }
    let live = |state: &ContainerState| matches!(state, ContainerState::Running | ContainerState::Created);
    let any =
        view.facts.sandboxes.iter().any(|s| s.ready) || view.facts.containers.iter().any(|c| live(&c.state));
    if any { Vec::new() } else { previous_ips(view) }
}

fn previous_ips(view: &View<'_>) -> Vec<String> {
    view.previous.pod_ips.iter().flatten().map(|ip| ip.ip.clone()).collect()
}

/// The first address of the node's primary family, then the first of the other one.
fn in_family_order(ips: Vec<String>, settings: &NodeSettings) -> Vec<String> {
    let v6_first = settings.host_ips.first().is_some_and(IpAddr::is_ipv6);
    let parsed: Vec<IpAddr> = ips.iter().filter_map(|ip| ip.parse().ok()).collect();
    let first_of = |v6: bool| parsed.iter().find(|ip| ip.is_ipv6() == v6).map(IpAddr::to_string);
    [first_of(v6_first), first_of(!v6_first)].into_iter().flatten().collect()
}

fn is_v6(ip: &str) -> bool {
    ip.contains(':')
}

/// What the pod as a whole was granted.
fn set_resources(status: &mut PodStatus, spec: &PodSpec) {
    let requests = resources::of_pod(spec, Side::Requests);
    let limits = resources::of_pod(spec, Side::Limits);
    status.allocated_resources = (!requests.is_empty()).then(|| resources::print(&requests));
    status.resources = Some(ResourceRequirements {
        requests: status.allocated_resources.clone(),
        limits: (!limits.is_empty()).then(|| resources::print(&limits)),
        claims: spec.resources.as_ref().and_then(|r| r.claims.clone()),
    });
}

/// Fields that the scheduler and other controllers write.
fn keep_what_others_own(status: &mut PodStatus, view: &View<'_>) {
    let Some(api) = &view.pod.status else { return };
    status.nominated_node_name = api.nominated_node_name.clone();
    status.resource_claim_statuses = api.resource_claim_statuses.clone();
    status.extended_resource_claim_status = api.extended_resource_claim_status.clone();
    status.node_allocatable_resource_claim_statuses = api.node_allocatable_resource_claim_statuses.clone();
}

/// A time as the API prints it: whole seconds.
pub fn seconds(at: Timestamp) -> Time {
    Time(at.round(TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Trunc)).unwrap_or(at))
}

/// Absent rather than empty.
fn list<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

/// What a status says once a pod is over: containers of which nothing is known have failed, and the phase
/// is final (kubelet's `TerminatePod`).
pub fn finish(mut status: PodStatus, spec: &PodSpec) -> PodStatus {
    let init = status.init_container_statuses.as_deref().unwrap_or_default();
    let main = status.container_statuses.as_deref().unwrap_or_default();
    if containers::pod_has_initialized(spec, init, main) {
        for container in status.container_statuses.iter_mut().flatten() {
            containers::mark_lost(container);
        }
    }
    let begun = containers::begun(status.init_container_statuses.as_deref().unwrap_or_default());
    for container in status.init_container_statuses.iter_mut().flatten().take(begun) {
        containers::mark_lost(container);
    }
    if !spec::is_terminal(status.phase.as_deref()) {
        status.phase = Some("Failed".to_owned());
    }
    status
}

#[cfg(test)]
mod tests;
