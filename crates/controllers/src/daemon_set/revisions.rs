//! The revision of the present template, and which older ones are kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use ironclad_api::Object;
use ironclad_client::{Cache, PatchKind};
use ironclad_control::Write;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::{API_VERSION, KIND};
use crate::history::{self, HASH, History, Owner};
use crate::ownership::{controller_reference, key_of};
use crate::resources::{DAEMON_SETS, PODS};
use crate::selectors::Selector;

/// What the history says.
pub(super) enum Revisions {
    /// The present revision's hash; what makes it or numbers it anew (at most one); and the older ones.
    Known { hash: String, write: Vec<Write>, old: Vec<Arc<ControllerRevision>> },
    /// Things have to be put in order first; the set is looked at again after.
    Unsettled(Vec<Write>),
}

pub(super) fn revisions(
    cache: &dyn Cache,
    object: &Object,
    set: &DaemonSet,
    selector: &Selector,
    pods: &[Arc<Pod>],
) -> Revisions {
    let reference = controller_reference(API_VERSION, KIND, &set.metadata);
    let owner = Owner { object, metadata: &set.metadata, reference, selector, label: HASH };
    let History { equal, others, claims } = owner.history(cache);
    if !claims.is_empty() {
        return Revisions::Unsettled(claims);
    }
    let unlabelled = equal.iter().chain(&others).filter(|revision| history::hash(revision).is_empty());
    let labels: Vec<Write> = unlabelled.filter_map(|revision| labelled(revision)).collect();
    if !labels.is_empty() {
        return Revisions::Unsettled(labels);
    }
    let number = history::next_number(&others);
    match equal.split_last() {
        None => first_of(&owner, cache, set, number, others),
        Some((current, [])) => Revisions::Known {
            hash: history::hash(current).to_owned(),
            write: renumbered(current, number).into_iter().collect(),
            old: others,
        },
        Some((current, duplicates)) => Revisions::Unsettled(merged(current, duplicates, pods)),
    }
}

/// Makes the revision. Where its name is taken by another state, the hash is made differently.
fn first_of(
    owner: &Owner<'_>,
    cache: &dyn Cache,
    set: &DaemonSet,
    number: i64,
    old: Vec<Arc<ControllerRevision>>,
) -> Revisions {
    let collisions = set.status.as_ref().and_then(|status| status.collision_count);
    let revision = owner.revision(number, collisions);
    let hash = history::hash(&revision).to_owned();
    match history::standing(cache, &revision) {
        None => Revisions::Known { hash, write: history::create(&revision).into_iter().collect(), old },
        Some(standing) if history::data(&standing) == history::data(&revision) => {
            Revisions::Known { hash, write: Vec::new(), old }
        }
        Some(_) => Revisions::Unsettled(vec![collided(owner, collisions.unwrap_or(0).saturating_add(1))]),
    }
}

fn collided(owner: &Owner<'_>, count: i32) -> Write {
    let mut object = owner.object.clone();
    object.section_mut("status").insert("collisionCount".into(), count.into());
    Write::Update { target: DAEMON_SETS.status(&key_of(owner.metadata)), object }
}

fn labelled(revision: &ControllerRevision) -> Option<Write> {
    let mut revision = revision.clone();
    let name = history::name(&revision).to_owned();
    revision.metadata.labels.get_or_insert_default().insert(HASH.into(), name);
    history::update(&revision)
}

/// The present revision has the highest number.
fn renumbered(revision: &ControllerRevision, number: i64) -> Option<Write> {
    if revision.revision >= number {
        return None;
    }
    history::update(&ControllerRevision { revision: number, ..revision.clone() })
}

/// Several revisions of one state become the newest of them, and all pods are that one's.
fn merged(
    current: &ControllerRevision,
    duplicates: &[Arc<ControllerRevision>],
    pods: &[Arc<Pod>],
) -> Vec<Write> {
    let hash = history::hash(current);
    let label = |pod: &Pod| pod.metadata.labels.as_ref().and_then(|labels| labels.get(HASH).cloned());
    let others = pods.iter().filter(|pod| label(pod).as_deref() != Some(hash));
    let relabelled = others.map(|pod| Write::Patch {
        target: PODS.object(&key_of(&pod.metadata)),
        kind: PatchKind::Merge,
        patch: json!({"metadata": {"labels": {HASH: hash}}}),
    });
    relabelled.chain(duplicates.iter().map(|revision| history::delete(revision))).collect()
}

/// The oldest revisions beyond the limit that no pod is of.
pub(super) fn surplus(set: &DaemonSet, old: &[Arc<ControllerRevision>], pods: &[Arc<Pod>]) -> Vec<Write> {
    let limit = set.spec.as_ref().and_then(|spec| spec.revision_history_limit).unwrap_or(10);
    let count = old.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    let labels = pods.iter().filter_map(|pod| pod.metadata.labels.as_ref()?.get(HASH));
    let live: BTreeSet<&str> = labels.map(String::as_str).collect();
    let dead = old.iter().filter(|revision| !live.contains(history::hash(revision)));
    dead.take(count).map(|revision| history::delete(revision)).collect()
}
