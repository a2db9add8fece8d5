//! ControllerRevisions: the states that a DaemonSet or StatefulSet has had, kept to go back to.
//!
//! A revision holds the template as a patch. Which one is the present one is found by comparing, so
//! that going back to an older state takes up its revision again.

use std::sync::Arc;

use ironclad_api::{Entry, Object, ObjectKey, names};
use ironclad_client::Cache;
use ironclad_client::typed::CacheExt;
use ironclad_control::{Watch, Write};
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde_json::{Value, json};

use crate::ownership::{self, Claim, claim, key_of};
use crate::resources::CONTROLLER_REVISIONS;
use crate::selectors::Selector;

/// The label of a DaemonSet's revisions, and of all pods, that says which revision it is.
pub const HASH: &str = "controller-revision-hash";
/// The label of a StatefulSet's revisions; its pods are labelled with their revision's name.
pub const STATEFUL_HASH: &str = "controller.kubernetes.io/hash";
/// What is left of an owner's name, so that the whole fits.
const MAX_PREFIX: usize = 223;

/// Who has a history.
pub struct Owner<'a> {
    /// As it is stored: a revision keeps every field of the template.
    pub object: &'a Object,
    pub metadata: &'a ObjectMeta,
    pub reference: OwnerReference,
    pub selector: &'a Selector,
    /// [`HASH`] or [`STATEFUL_HASH`].
    pub label: &'static str,
}

/// An owner's revisions, by number, then by age and name.
pub struct History {
    /// Those that say what the owner says now.
    pub equal: Vec<Arc<ControllerRevision>>,
    pub others: Vec<Arc<ControllerRevision>>,
    /// Adoptions and releases that are due.
    pub claims: Vec<Write>,
}

impl Owner<'_> {
    fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// The state that a revision keeps: a patch that brings the template back.
    pub fn state(&self) -> Value {
        let mut template = self.object.at(&["spec", "template"]).cloned().unwrap_or_else(|| json!({}));
        template["$patch"] = json!("replace");
        json!({ "spec": { "template": template } })
    }

    pub fn history(&self, cache: &dyn Cache) -> History {
        let state = self.state();
        let mut history = History { equal: Vec::new(), others: Vec::new(), claims: Vec::new() };
        let revisions = ownership::claimable::<ControllerRevision>(
            cache,
            CONTROLLER_REVISIONS,
            self.metadata,
            self.selector,
        );
        for revision in revisions {
            let meta = &revision.metadata;
            match claim(self.metadata, meta, self.selector.matches(meta.labels.as_ref())) {
                Claim::Owned if data(&revision) == Some(&state) => history.equal.push(revision),
                Claim::Owned => history.others.push(revision),
                Claim::Adopt => {
                    history.claims.push(ownership::adopt(CONTROLLER_REVISIONS, meta, &self.reference));
                }
                Claim::Release => {
                    history.claims.push(ownership::release(CONTROLLER_REVISIONS, meta, self.metadata));
                }
                Claim::Foreign => {}
            }
        }
        history.equal.sort_by_key(|revision| order(revision));
        history.others.sort_by_key(|revision| order(revision));
        history
    }

    /// A new revision of the present state.
    pub fn revision(&self, number: i64, collisions: Option<i32>) -> ControllerRevision {
        let state = self.state();
        let hash = names::template_hash(&state, collisions);
        let labels = self.object.at(&["spec", "template", "metadata", "labels"]);
        let mut labels = ironclad_api::object::string_map(labels);
        labels.insert(self.label.into(), hash.clone());
        let prefix: String = self.name().chars().take(MAX_PREFIX).collect();
        ControllerRevision {
            metadata: ObjectMeta {
                name: Some(format!("{prefix}-{hash}")),
                namespace: self.metadata.namespace.clone(),
                labels: Some(labels),
                annotations: self.metadata.annotations.clone(),
                owner_references: Some(vec![self.reference.clone()]),
                ..ObjectMeta::default()
            },
            data: Some(RawExtension(state)),
            revision: number,
        }
    }
}

/// Revisions sort by number, then by age and name.
pub fn order(revision: &ControllerRevision) -> (i64, Option<jiff::Timestamp>, Option<String>) {
    let made = revision.metadata.creation_timestamp.as_ref().map(|time| time.0);
    (revision.revision, made, revision.metadata.name.clone())
}

pub fn data(revision: &ControllerRevision) -> Option<&Value> {
    revision.data.as_ref().map(|data| &data.0)
}

/// What the pods of a DaemonSet's revision are labelled with.
pub fn hash(revision: &ControllerRevision) -> &str {
    let label = revision.metadata.labels.as_ref().and_then(|labels| labels.get(HASH));
    label.map(String::as_str).unwrap_or_default()
}

pub fn name(revision: &ControllerRevision) -> &str {
    revision.metadata.name.as_deref().unwrap_or_default()
}

/// The number that a new revision gets.
pub fn next_number(revisions: &[Arc<ControllerRevision>]) -> i64 {
    revisions.iter().map(|revision| revision.revision).max().unwrap_or(0) + 1
}

pub fn create(revision: &ControllerRevision) -> Option<Write> {
    let namespace = revision.metadata.namespace.as_deref().unwrap_or_default();
    Some(Write::create(CONTROLLER_REVISIONS.collection(namespace), Object::from_typed(revision).ok()?))
}

pub fn update(revision: &ControllerRevision) -> Option<Write> {
    let target = CONTROLLER_REVISIONS.object(&key_of(&revision.metadata));
    Some(Write::Update { target, object: Object::from_typed(revision).ok()? })
}

pub fn delete(revision: &ControllerRevision) -> Write {
    let target = CONTROLLER_REVISIONS.object(&key_of(&revision.metadata));
    Write::delete(target, revision.metadata.uid.clone().unwrap_or_default())
}

/// Whoever has the name of a revision that is to be made.
pub fn standing(cache: &dyn Cache, revision: &ControllerRevision) -> Option<Arc<ControllerRevision>> {
    cache.get_as(&CONTROLLER_REVISIONS.group_resource(), &key_of(&revision.metadata))
}

/// Changes of revisions wake their owner; that a revision was made for it does not: whoever made it
/// knows.
pub fn watch(
    kind: &'static str,
    candidates: impl Fn(&Entry, &dyn Cache) -> Vec<ObjectKey> + Send + Sync + 'static,
) -> Watch {
    let watch = ownership::watch_owned_or_matching(CONTROLLER_REVISIONS, kind, candidates);
    Watch::new(CONTROLLER_REVISIONS.group_resource(), move |change, cache| {
        let made = change.old.is_none() && change.entry().ties().controller.is_some();
        if made { Vec::new() } else { (watch.keys)(change, cache) }
    })
}
