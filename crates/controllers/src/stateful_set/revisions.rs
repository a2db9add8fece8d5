//! The templates of a StatefulSet: that of today, and the one that pods had before it.

use std::collections::BTreeSet;
use std::sync::Arc;

use ironclad_api::Object;
use ironclad_client::Cache;
use ironclad_control::Write;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};

use super::reference;
use crate::history::{self, HASH, History, Owner, STATEFUL_HASH};
use crate::selectors::Selector;

/// A template under the name of its revision.
pub(super) struct Revision {
    pub name: String,
    pub template: PodTemplateSpec,
}

pub(super) struct Revisions {
    /// What pods below the partition are made of, until an update is complete.
    pub current: Revision,
    /// What the set says now.
    pub update: Revision,
    pub collisions: i32,
    /// Makes the newest revision, or gives an older one that is said again a new number.
    pub writes: Vec<Write>,
    all: Vec<Arc<ControllerRevision>>,
}

/// The revision of a pod.
pub(super) fn of_pod(pod: &Pod) -> &str {
    let label = pod.metadata.labels.as_ref().and_then(|labels| labels.get(HASH));
    label.map(String::as_str).unwrap_or_default()
}

impl Revisions {
    /// `Err` holds the adoptions that come first.
    pub fn of(
        cache: &dyn Cache,
        object: &Object,
        set: &StatefulSet,
        selector: &Selector,
    ) -> Result<Self, Vec<Write>> {
        let owner = Owner {
            object,
            metadata: &set.metadata,
            reference: reference(set),
            selector,
            label: STATEFUL_HASH,
        };
        let History { equal, others, claims } = owner.history(cache);
        if !claims.is_empty() {
            return Err(claims);
        }
        let mut all: Vec<_> = equal.iter().chain(&others).cloned().collect();
        all.sort_by_key(|revision| history::order(revision));
        let mut collisions = set.status.as_ref().and_then(|status| status.collision_count).unwrap_or(0);
        let number = history::next_number(&all);
        let (update, write) = match equal.last() {
            Some(same) if others.iter().all(|other| other.revision < same.revision) => {
                (ControllerRevision::clone(same), None)
            }
            Some(same) => {
                let renumbered = ControllerRevision { revision: number, ..ControllerRevision::clone(same) };
                let write = history::update(&renumbered);
                (renumbered, write)
            }
            None => new_revision(&owner, cache, number, &mut collisions),
        };
        let before = set.status.as_ref().and_then(|status| status.current_revision.as_deref());
        let current = all.iter().find(|revision| Some(history::name(revision)) == before);
        Ok(Self {
            current: revision(current.map_or(&update, |current| current)),
            update: revision(&update),
            collisions,
            writes: write.into_iter().collect(),
            all,
        })
    }

    /// The oldest revisions beyond the limit that nothing is of.
    pub fn surplus<'a>(&self, set: &StatefulSet, pods: impl Iterator<Item = &'a Arc<Pod>>) -> Vec<Write> {
        let limit = set.spec.as_ref().and_then(|spec| spec.revision_history_limit).unwrap_or(10);
        let Ok(limit) = usize::try_from(limit) else { return Vec::new() };
        let mut live: BTreeSet<&str> = pods.map(|pod| of_pod(pod)).collect();
        live.extend([self.current.name.as_str(), self.update.name.as_str()]);
        let dead = self.all.iter().filter(|revision| !live.contains(history::name(revision)));
        let dead: Vec<_> = dead.collect();
        let count = dead.len().saturating_sub(limit);
        dead.into_iter().take(count).map(|revision| history::delete(revision)).collect()
    }
}

/// A new revision under a name that no other state has. Each try counts as a collision.
fn new_revision(
    owner: &Owner<'_>,
    cache: &dyn Cache,
    number: i64,
    collisions: &mut i32,
) -> (ControllerRevision, Option<Write>) {
    loop {
        let revision = owner.revision(number, Some(*collisions));
        match history::standing(cache, &revision) {
            None => {
                let write = history::create(&revision);
                return (revision, write);
            }
            Some(standing) if history::data(&standing) == history::data(&revision) => {
                return (ControllerRevision::clone(&standing), None);
            }
            // There are fewer revisions than there are hashes: one is free.
            Some(_) => *collisions = collisions.wrapping_add(1),
        }
    }
}

fn revision(revision: &ControllerRevision) -> Revision {
    let template = history::data(revision).and_then(|data| data.pointer("/spec/template")).cloned();
    let template = template.and_then(|template| serde_json::from_value(template).ok());
    Revision { name: history::name(revision).to_owned(), template: template.unwrap_or_default() }
}
