//! What the set says of itself.

use ironclad_api::Object;
use ironclad_control::Write;
use k8s_openapi::api::apps::v1::StatefulSetStatus;

use super::facts::{Facts, is_deleting, is_running_and_ready};
use super::revisions::{Revisions, of_pod};
use crate::amounts::count;
use crate::ownership::key_of;
use crate::resources::STATEFUL_SETS;

/// `updated`: whether a pod of the current revision goes in this round.
pub(super) fn write(
    object: &Object,
    facts: &Facts<'_>,
    revisions: &Revisions,
    updated: bool,
) -> Option<Write> {
    let status = status(facts, revisions, updated);
    if facts.set.status.as_ref() == Some(&status) {
        return None;
    }
    let mut object = object.clone();
    object.0.insert("status".into(), serde_json::to_value(&status).unwrap_or_default());
    Some(Write::Update { target: STATEFUL_SETS.status(&key_of(&facts.set.metadata)), object })
}

fn status(facts: &Facts<'_>, revisions: &Revisions, updated: bool) -> StatefulSetStatus {
    let ready: Vec<_> = facts.pods().filter(|pod| is_running_and_ready(pod)).collect();
    let available = ready.iter().filter(|pod| facts.is_available(pod)).count();
    let ready = ready.len();
    let of = |revision: &str| facts.pods().filter(|pod| !is_deleting(pod) && of_pod(pod) == revision).count();
    let replicas = facts.pods().count();
    let up_to_date = of(&revisions.update.name);
    let mut current = of(&revisions.current.name).saturating_sub(usize::from(updated));
    let mut current_revision = &revisions.current.name;
    let wanted = facts.wanted().len();
    // An update is over when nothing is left of what was before.
    if facts.is_rolling() && [up_to_date, ready, replicas].iter().all(|count| *count == wanted) {
        current = up_to_date;
        current_revision = &revisions.update.name;
    }
    let some = |number: usize| (number > 0).then(|| count(number));
    let before = facts.set.status.as_ref();
    StatefulSetStatus {
        replicas: count(replicas),
        ready_replicas: some(ready),
        available_replicas: Some(count(available)),
        current_replicas: some(current),
        updated_replicas: some(up_to_date),
        current_revision: Some(current_revision.clone()),
        update_revision: Some(revisions.update.name.clone()),
        collision_count: Some(revisions.collisions),
        observed_generation: facts.set.metadata.generation,
        conditions: before.and_then(|status| status.conditions.clone()),
    }
}
