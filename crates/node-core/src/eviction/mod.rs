//! Node pressure: when the node runs out of memory, disk or process ids, which pods have to go.
//!
//! [`Evictions::observe`] is a step: observations in, a decision out. One pod goes at a time; the next one only
//! after another look. Pods that outgrow their own storage limits go at once ([`limits`]).

pub mod limits;
pub mod rank;
pub mod signal;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};

use crate::admit::{Pressure, is_critical};
use crate::effect;
use crate::spec;
use crate::status::seconds;
use rank::Usage;
use signal::{Observation, Resource, Signal, Threshold};

/// A condition stays for this long after the last sign of it, so that it does not flap.
const TRANSITION: Duration = Duration::from_secs(300);

/// A pod of the node with what it uses.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    pub pod: &'a Pod,
    /// `None`: not known, which makes it go first.
    pub usage: Option<&'a Usage>,
}

/// What is to be done about pressure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// What the node's conditions and admission say.
    pub pressure: Pressure,
    /// Remove dead containers and unused images first, then look again; evict only if that was not enough.
    pub reclaim_disk: bool,
    /// The pod to end, by uid.
    pub evict: Option<(String, effect::Eviction)>,
}

/// What is remembered between looks; moments are on the monotonic clock.
#[derive(Clone, Debug)]
pub struct Evictions {
    thresholds: Vec<Threshold>,
    /// Since when each threshold has been crossed.
    crossed: BTreeMap<Signal, Duration>,
    /// When each resource was last short.
    short: BTreeMap<Resource, Duration>,
    /// Whether disk was reclaimed since it got short.
    reclaimed: bool,
}

impl Evictions {
    pub fn new(thresholds: Vec<Threshold>) -> Self {
        Self { thresholds, crossed: BTreeMap::new(), short: BTreeMap::new(), reclaimed: false }
    }

    /// Looks at the node.
    pub fn observe(
        &mut self,
        now: Duration,
        wall: Timestamp,
        observations: &BTreeMap<Signal, Observation>,
        pods: &[Candidate<'_>],
    ) -> Decision {
        let crossed = self.crossed_now(now, observations);
        for threshold in &crossed {
            self.short.insert(threshold.signal.resource(), now);
        }
        let mut decision = Decision { pressure: self.pressure(now), ..Default::default() };
        // Memory first: the kernel's own choice would be worse.
        let mut due: Vec<&Threshold> = crossed.iter().filter(|t| self.is_due(now, t)).collect();
        due.sort_by_key(|t| (t.signal.resource() != Resource::Memory, t.signal));
        let Some(threshold) = due.first() else {
            self.reclaimed = false;
            return decision;
        };
        if threshold.signal.resource() == Resource::Disk && !self.reclaimed {
            self.reclaimed = true;
            decision.reclaim_disk = true;
            return decision;
        }
        decision.evict = evict(threshold, observations, pods, wall);
        decision
    }

    /// The thresholds that are crossed; one that was stays so until its minimum reclaim is reached.
    fn crossed_now(&mut self, now: Duration, observations: &BTreeMap<Signal, Observation>) -> Vec<Threshold> {
        let mut crossed = Vec::new();
        for threshold in &self.thresholds {
            let Some(observation) = observations.get(&threshold.signal) else { continue };
            let was = self.crossed.contains_key(&threshold.signal);
            if threshold.is_crossed(observation, was) {
                self.crossed.entry(threshold.signal).or_insert(now);
                crossed.push(threshold.clone());
            } else {
                self.crossed.remove(&threshold.signal);
            }
        }
        crossed
    }

    /// Soft thresholds have to be crossed for a while.
    fn is_due(&self, now: Duration, threshold: &Threshold) -> bool {
        let since = self.crossed.get(&threshold.signal).copied().unwrap_or(now);
        now.saturating_sub(since) >= threshold.grace
    }

    fn pressure(&self, now: Duration) -> Pressure {
        let holds =
            |resource| self.short.get(&resource).is_some_and(|last| now.saturating_sub(*last) < TRANSITION);
        Pressure { memory: holds(Resource::Memory), disk: holds(Resource::Disk), pid: holds(Resource::Pid) }
    }
}

fn evict(
    threshold: &Threshold,
    observations: &BTreeMap<Signal, Observation>,
    pods: &[Candidate<'_>],
    wall: Timestamp,
) -> Option<(String, effect::Eviction)> {
    let evictable = pods.iter().copied().filter(|c| !is_critical(&spec::of(c.pod)));
    let first = rank::in_order(evictable.collect(), threshold.signal).into_iter().next()?;
    let mut message = format!("The node was low on resource: {}. ", threshold.signal.starved());
    if let Some(observation) = observations.get(&threshold.signal) {
        let (quantity, available) = threshold.printed(observation);
        message += &format!("Threshold quantity: {quantity}, available: {available}. ");
    }
    message += &rank::offenders(&first, threshold.signal);
    let condition = disruption(&message, first.pod, wall);
    // A hard threshold leaves no time.
    let grace_s = if threshold.grace.is_zero() { 1 } else { threshold.max_pod_grace_s };
    let eviction = effect::Eviction {
        reason: "Evicted".to_owned(),
        message,
        grace_s: Some(grace_s),
        condition: Some(condition),
    };
    Some((spec::uid(first.pod).to_owned(), eviction))
}

/// `DisruptionTarget`: says to controllers that the pod did not fail by itself.
pub fn disruption(message: &str, pod: &Pod, wall: Timestamp) -> PodCondition {
    PodCondition {
        type_: "DisruptionTarget".to_owned(),
        status: "True".to_owned(),
        reason: Some("TerminationByKubelet".to_owned()),
        message: Some(message.to_owned()),
        observed_generation: pod.metadata.generation,
        last_transition_time: Some(seconds(wall)),
        last_probe_time: None,
    }
}

#[cfg(test)]
mod tests;
