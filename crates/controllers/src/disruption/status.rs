//! How many pods are well, and how many may go.

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_control::{EventRecord, EventType};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::expected::Expected;
use crate::ownership::event_reference;
use crate::pods;

/// How long an evicted pod is waited for before it is taken not to go after all.
const DELETION_TIMEOUT: SignedDuration = SignedDuration::from_mins(2);
const ALLOWED: &str = "DisruptionAllowed";

pub(super) struct Standing {
    pub status: PodDisruptionBudgetStatus,
    /// When an evicted pod is given up.
    pub recheck: Option<SignedDuration>,
    /// What is told of pods that were given up.
    pub overdue: Vec<EventRecord>,
}

pub(super) fn standing(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    expected: &Expected,
    now: Timestamp,
) -> Standing {
    let before = budget.status.clone().unwrap_or_default();
    let awaited = before.disrupted_pods.clone().unwrap_or_default();
    let mut disrupted = BTreeMap::<String, Time>::new();
    let (mut healthy, mut recheck, mut overdue) = (0_i64, None::<SignedDuration>, Vec::new());
    for pod in pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let left = awaited.get(&name).map(|since| DELETION_TIMEOUT - now.duration_since(since.0));
        match left {
            Some(left) if !left.is_negative() => {
                recheck = Some(recheck.map_or(left, |before| before.min(left)));
                disrupted.extend(awaited.get(&name).map(|since| (name.clone(), since.clone())));
                // To the second of its end it counts as going.
                if !left.is_zero() {
                    continue;
                }
            }
            Some(_) => overdue.push(not_deleted(budget, pod)),
            None => {}
        }
        healthy += i64::from(pods::is_ready(pod));
    }
    let spare = healthy.saturating_sub(expected.healthy);
    let allowed = if expected.pods <= 0 { 0 } else { spare.max(0) };
    let generation = budget.metadata.generation;
    let number = |number: i64| Some(i32::try_from(number).unwrap_or(i32::MAX));
    let mut conditions = before.conditions.unwrap_or_default();
    let word = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    set_condition(&mut conditions, word, "", generation, now);
    let status = PodDisruptionBudgetStatus {
        current_healthy: number(healthy),
        desired_healthy: number(expected.healthy),
        expected_pods: number(expected.pods),
        disruptions_allowed: number(allowed),
        disrupted_pods: (!disrupted.is_empty()).then_some(disrupted),
        observed_generation: generation,
        conditions: Some(conditions),
    };
    Standing { status, recheck, overdue }
}

/// The status where the numbers cannot be had: nothing may go.
pub(super) fn failed(
    before: &PodDisruptionBudgetStatus,
    why: &str,
    now: Timestamp,
) -> PodDisruptionBudgetStatus {
    let mut conditions = before.conditions.clone().unwrap_or_default();
    set_condition(&mut conditions, ("False", "SyncFailed"), why, before.observed_generation, now);
    PodDisruptionBudgetStatus { disruptions_allowed: Some(0), conditions: Some(conditions), ..before.clone() }
}

/// The time of the transition changes only with the status.
fn set_condition(
    conditions: &mut Vec<Condition>,
    (status, reason): (&str, &str),
    message: &str,
    generation: Option<i64>,
    now: Timestamp,
) {
    let standing = conditions.iter_mut().find(|condition| condition.type_ == ALLOWED);
    let since = standing.as_ref().filter(|condition| condition.status == status);
    let since =
        since.map_or_else(|| Time(whole_seconds(now)), |condition| condition.last_transition_time.clone());
    let condition = Condition {
        type_: ALLOWED.into(),
        status: status.into(),
        reason: reason.into(),
        message: message.into(),
        observed_generation: generation.filter(|generation| *generation != 0),
        last_transition_time: since,
    };
    match standing {
        Some(standing) => *standing = condition,
        None => conditions.push(condition),
    }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn not_deleted(budget: &PodDisruptionBudget, pod: &Pod) -> EventRecord {
    let namespace = budget.metadata.namespace.as_deref().unwrap_or_default();
    EventRecord {
        regarding: event_reference("v1", "Pod", &pod.metadata),
        event_type: EventType::Warning,
        reason: "NotDeleted".into(),
        // As upstream, which names the namespace twice.
        note: format!("Pod was expected by PDB {namespace}/{namespace} to be deleted but it wasn't"),
    }
}
