//! One round for one DaemonSet that is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::Object;
use ironclad_client::typed::CacheExt;
use ironclad_control::{EventRecord, EventType, Plan, View, Write};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::{Node, Pod};

use super::back_off::BackOff;
use super::making::{self, Version};
use super::nodes::{self, Wish};
use super::placement::{Facts, Moves, is_bound, is_deleting};
use super::revisions::{self, Revisions};
use super::{API_VERSION, KIND, selector};
use crate::amounts::count;
use crate::ownership::{self, Claim, claim, controller_reference, event_reference, key_of};
use crate::pods;
use crate::resources::{DAEMON_SETS, NODES, PODS};
use crate::selectors::Selector;

/// Pods made or deleted in one go.
const BURST: usize = 250;

pub(super) fn reconcile(
    back_off: &BackOff,
    view: &View<'_>,
    object: &Object,
    set: &DaemonSet,
    now: Timestamp,
) -> Plan {
    let selector = selector(set);
    if set.spec.as_ref().is_some_and(|spec| spec.selector == Default::default()) {
        let note = "This daemon set is selecting all pods. A non-empty selector is required.";
        let mut plan = Plan::done();
        plan.event(event(set, EventType::Warning, "SelectingAll", note.to_owned()));
        return plan;
    }
    let (owned, claims) = claim_pods(view, set, &selector);
    if !claims.is_empty() {
        // What was adopted counts in the next round.
        return Plan { stages: vec![claims], ..Plan::default() };
    }
    let (hash, write, old) = match revisions::revisions(view.cache, object, set, &selector, &owned) {
        Revisions::Known { hash, write, old } => (hash, write, old),
        Revisions::Unsettled(writes) => return Plan { stages: vec![writes], ..Plan::default() },
    };
    let facts = gather(view, set, Version::new(set, hash), &owned, now);
    let mut plan = Plan::done();
    stage(&mut plan, write);
    // The status tells of what is there, whether the moves succeed or not.
    stage(&mut plan, write_status(object, &facts).into_iter().collect());
    let placed = facts.place(back_off);
    let rolled = if placed.is_nothing() { facts.roll() } else { Moves::default() };
    for moves in [placed, rolled] {
        carry_out(set, &facts.version, moves, &mut plan);
    }
    stage(&mut plan, revisions::surplus(set, &old, &owned));
    look_again(&facts, &mut plan);
    plan
}

fn stage(plan: &mut Plan, writes: Vec<Write>) {
    if !writes.is_empty() {
        plan.stages.push(writes);
    }
}

/// The pods that the set owns, and the adoptions and releases that are due.
fn claim_pods(view: &View<'_>, set: &DaemonSet, selector: &Selector) -> (Vec<Arc<Pod>>, Vec<Write>) {
    let reference = controller_reference(API_VERSION, KIND, &set.metadata);
    let (mut owned, mut writes) = (Vec::new(), Vec::new());
    for pod in ownership::claimable::<Pod>(view.cache, PODS, &set.metadata, selector) {
        match claim(&set.metadata, &pod.metadata, selector.matches(pod.metadata.labels.as_ref())) {
            Claim::Owned => owned.push(pod),
            Claim::Adopt => writes.push(ownership::adopt(PODS, &pod.metadata, &reference)),
            Claim::Release => writes.push(ownership::release(PODS, &pod.metadata, &set.metadata)),
            Claim::Foreign => {}
        }
    }
    (owned, writes)
}

fn gather<'a>(
    view: &View<'_>,
    set: &'a DaemonSet,
    version: Version,
    owned: &[Arc<Pod>],
    now: Timestamp,
) -> Facts<'a> {
    let spec = nodes::spec_of_pods(set);
    let all = view.cache.list_as::<Node>(&NODES.group_resource(), None);
    let wish = |node: &Arc<Node>| Some((node.metadata.name.clone()?, nodes::wish(&spec, node)));
    let mut by_node = BTreeMap::<String, Vec<Arc<Pod>>>::new();
    // A pod that has ended and is going needs nothing more.
    for pod in owned.iter().filter(|pod| !(pods::is_finished(pod) && is_deleting(pod))) {
        if let Some(node) = making::node_of(pod) {
            by_node.entry(node.to_owned()).or_default().push(pod.clone());
        }
    }
    for pods in by_node.values_mut() {
        pods.sort_by_key(|pod| {
            let made = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
            (!is_bound(pod), made, pod.metadata.name.clone())
        });
    }
    let strategy = set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref());
    let surges =
        strategy.is_some() && super::rollout::Limits::of(set, 1).is_some_and(|limits| limits.surge > 0);
    Facts { set, version, nodes: all.iter().filter_map(wish).collect(), pods: by_node, surges, now }
}

fn carry_out(set: &DaemonSet, version: &Version, moves: Moves, plan: &mut Plan) {
    for (event_type, reason, note) in moves.events {
        plan.event(event(set, event_type, reason, note));
    }
    let creates = moves.create.iter().take(BURST).filter_map(|node| making::create(set, version, node));
    let creates: Vec<Write> = creates.collect();
    let deletes = moves.delete.iter().take(BURST).map(|pod| making::delete(set, pod)).collect();
    stage(plan, deletes);
    stage(plan, creates);
    if let Some(wait) = moves.wait {
        plan.requeue_in(positive(wait));
    }
    if moves.create.len() > BURST || moves.delete.len() > BURST {
        plan.requeue_in(Duration::ZERO);
    }
}

fn event(set: &DaemonSet, event_type: EventType, reason: &str, note: String) -> EventRecord {
    let regarding = event_reference(API_VERSION, KIND, &set.metadata);
    EventRecord { regarding, event_type, reason: reason.to_owned(), note }
}

/// Pods that are ready become available by waiting alone.
fn look_again(facts: &Facts<'_>, plan: &mut Plan) {
    let waits = facts
        .pods
        .values()
        .flatten()
        .filter_map(|pod| pods::availability(pod, facts.min_ready_seconds(), facts.now).err().flatten());
    if let Some(wait) = waits.min() {
        plan.requeue_in(positive(wait));
    }
}

fn positive(wait: SignedDuration) -> Duration {
    Duration::try_from(wait).unwrap_or_default()
}

// === status ===

fn write_status(object: &Object, facts: &Facts<'_>) -> Option<Write> {
    let before = facts.set.status.clone().unwrap_or_default();
    let status = status(facts, &before);
    if facts.set.status.as_ref() == Some(&status) {
        return None;
    }
    let mut object = object.clone();
    object.0.insert("status".into(), serde_json::to_value(&status).unwrap_or_default());
    Some(Write::Update { target: DAEMON_SETS.status(&key_of(&facts.set.metadata)), object })
}

fn status(facts: &Facts<'_>, before: &DaemonSetStatus) -> DaemonSetStatus {
    let (mut current, mut misplaced, mut ready, mut available, mut updated) = (0, 0, 0, 0, 0);
    for (node, wish) in &facts.nodes {
        let Some(pod) = facts.pods_on(node).first() else { continue };
        if *wish != Wish::Run {
            misplaced += 1;
            continue;
        }
        current += 1;
        ready += usize::from(pods::is_ready(pod));
        available += usize::from(facts.is_available(pod));
        updated += usize::from(facts.version.is_of(pod));
    }
    let wanted = facts.wanted();
    let some = |number: usize| (number > 0).then(|| count(number));
    DaemonSetStatus {
        desired_number_scheduled: count(wanted),
        current_number_scheduled: count(current),
        number_misscheduled: count(misplaced),
        number_ready: count(ready),
        updated_number_scheduled: some(updated),
        number_available: some(available),
        number_unavailable: some(wanted.saturating_sub(available)),
        observed_generation: facts.set.metadata.generation,
        collision_count: before.collision_count,
        conditions: before.conditions.clone(),
    }
}
