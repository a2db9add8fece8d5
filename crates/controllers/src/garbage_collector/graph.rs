//! Who owns whom, kept up to date from the cache's changes.

use std::collections::{BTreeSet, HashMap};

use ironclad_api::{Entry, GroupKind, GroupResource, GroupVersion, GroupVersionResource, ObjectKey};
use ironclad_client::{Cache, Change};
use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::Value;

/// Resources whose objects come and go by themselves.
const IGNORED: [(&str, &str); 2] = [("", "events"), ("events.k8s.io", "events")];

/// All objects that name owners or are being deleted, by uid. Only where they are and who owns
/// them is kept: a cluster may have hundreds of thousands. The rest is read when it is asked for.
#[derive(Default)]
pub(super) struct Graph(RwLock<State>);

#[derive(Default)]
struct State {
    places: HashMap<Box<str>, Place>,
    /// The uids of what names an owner, by the owner's uid, whether that exists or not.
    dependents: HashMap<Box<str>, BTreeSet<Box<str>>>,
}

struct Place {
    resource: GroupResource,
    key: ObjectKey,
    owners: Box<[Box<str>]>,
}

/// An object as the collector sees it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) uid: String,
    pub(super) key: ObjectKey,
    pub(super) resource: GroupVersionResource,
    pub(super) revision: u64,
    pub(super) deleting: bool,
    pub(super) finalizers: Vec<String>,
    pub(super) owners: Vec<Owner>,
    /// The owner references as they stand in the object.
    pub(super) references: Vec<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Owner {
    pub(super) uid: String,
    name: String,
    kind: String,
    api_version: String,
    #[serde(default, rename = "blockOwnerDeletion")]
    pub(super) blocks: bool,
}

/// What has become of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Alive,
    /// Being deleted in the foreground: it waits for its dependents.
    WaitingForDependents,
    Gone,
    /// It cannot be told: nobody serves its kind, or it would be in a namespace and the dependent is not.
    Unknown,
}

impl Graph {
    /// Takes in a change; the uids that are to be looked at. Most changes are none of ours.
    pub(super) fn apply(&self, change: &Change) -> Vec<ObjectKey> {
        let resource = &change.resource;
        if IGNORED.contains(&(&*resource.group, &*resource.resource)) {
            return Vec::new();
        }
        if let (Some(old), Some(new)) = (&change.old, &change.new)
            && old.uid == new.uid
            && old.ties() == new.ties()
        {
            return Vec::new();
        }
        let mut touched = BTreeSet::new();
        let mut state = self.0.write();
        if let Some(old) = &change.old {
            touched.extend(state.remove(&old.uid));
            // Another object may stand in its place: what it owned is to be looked at.
            touched.insert(old.uid.as_str().into());
        }
        match &change.new {
            Some(entry) if concerns(entry) => {
                state.insert(entry, resource);
                touched.insert(entry.uid.as_str().into());
            }
            Some(_) | None => {}
        }
        touched.into_iter().map(|uid| ObjectKey::cluster(String::from(uid))).collect()
    }

    /// `None` if it does not concern the collector, or is gone.
    pub(super) fn node(&self, cache: &dyn Cache, uid: &str) -> Option<Node> {
        let (resource, key) = {
            let state = self.0.read();
            let place = state.places.get(uid)?;
            (place.resource.clone(), place.key.clone())
        };
        let entry = cache.get(&resource, &key).filter(|entry| entry.uid == uid)?;
        read(&entry, &resource)
    }

    pub(super) fn dependents(&self, cache: &dyn Cache, uid: &str) -> Vec<Node> {
        let uids: Vec<Box<str>> = self.0.read().dependents.get(uid).into_iter().flatten().cloned().collect();
        uids.iter().filter_map(|uid| self.node(cache, uid)).collect()
    }

    /// Whether `owner`, as `dependent` names it, lives. An owner must be in the dependent's own
    /// namespace or cluster-scoped, and be what the reference says it is.
    pub(super) fn fate(&self, cache: &dyn Cache, dependent: &Node, owner: &Owner) -> Fate {
        let group = GroupVersion::parse(&owner.api_version).map(|version| version.group);
        let kind = group.map(|group| GroupKind { group, kind: owner.kind.clone().into() });
        let Some(held) = kind.and_then(|kind| cache.resource_of(&kind)) else { return Fate::Unknown };
        let namespace = if held.namespaced { dependent.key.namespace.as_str() } else { "" };
        if held.namespaced && namespace.is_empty() {
            return Fate::Unknown;
        }
        let key = ObjectKey::new(namespace, owner.name.clone());
        let entry = cache.get(&held.resource.group_resource(), &key).filter(|entry| entry.uid == owner.uid);
        match entry {
            None => Fate::Gone,
            Some(entry) if waits_for_dependents(&entry) => Fate::WaitingForDependents,
            Some(_) => Fate::Alive,
        }
    }
}

impl State {
    /// Forgets an object; its owners may be waiting for it, and now wait for one less.
    fn remove(&mut self, uid: &str) -> Box<[Box<str>]> {
        let Some(place) = self.places.remove(uid) else { return Box::default() };
        for owner in &place.owners {
            if let Some(dependents) = self.dependents.get_mut(owner) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(owner);
                }
            }
        }
        // An owner that is not being deleted does not wait, and is not in the graph unless it is
        // owned itself: to look at one of those costs little.
        place.owners.into_iter().filter(|owner| self.places.contains_key(owner)).collect()
    }

    fn insert(&mut self, entry: &Entry, resource: &GroupResource) {
        let uid: Box<str> = entry.uid.as_str().into();
        let owners: Box<[Box<str>]> = match entry.ties().owned {
            true => head(entry)
                .map(|head| head.owners().map(|owner| owner.uid.into()).collect())
                .unwrap_or_default(),
            false => Box::default(),
        };
        for owner in &owners {
            self.dependents.entry(owner.clone()).or_default().insert(uid.clone());
        }
        self.places.insert(uid, Place { resource: resource.clone(), key: entry.key.clone(), owners });
    }
}

/// Objects that have no owners and are not being deleted do not concern the collector.
fn concerns(entry: &Entry) -> bool {
    entry.ties().owned || entry.ties().deleting
}

fn waits_for_dependents(entry: &Entry) -> bool {
    let ties = entry.ties();
    let waits = |head: Head| head.metadata.finalizers.iter().any(|finalizer| finalizer == super::FOREGROUND);
    ties.deleting && ties.held && head(entry).is_some_and(waits)
}

impl Node {
    pub(super) fn waits_for_dependents(&self) -> bool {
        self.deleting && self.finalizers.iter().any(|finalizer| finalizer == super::FOREGROUND)
    }
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "apiVersion")]
    api_version: String,
    metadata: HeadMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadMeta {
    #[serde(default)]
    finalizers: Vec<String>,
    #[serde(default)]
    owner_references: Vec<Value>,
}

impl Head {
    fn owners(&self) -> impl Iterator<Item = Owner> {
        self.metadata.owner_references.iter().filter_map(|owner| Owner::deserialize(owner).ok())
    }
}

fn head(entry: &Entry) -> Option<Head> {
    serde_json::from_slice(&entry.json).ok()
}

fn read(entry: &Entry, resource: &GroupResource) -> Option<Node> {
    let head = head(entry)?;
    let version = GroupVersion::parse(&head.api_version)?.version;
    Some(Node {
        uid: entry.uid.clone(),
        key: entry.key.clone(),
        resource: GroupVersionResource {
            group: resource.group.clone(),
            version,
            resource: resource.resource.clone(),
        },
        revision: entry.revision,
        deleting: entry.ties().deleting,
        owners: head.owners().collect(),
        finalizers: head.metadata.finalizers,
        references: head.metadata.owner_references,
    })
}
