//! Who owns whom, kept up to date from the cache's changes.

use std::collections::{BTreeSet, HashMap};

use ironclad_api::{Entry, GroupResource, GroupVersion, GroupVersionResource, ObjectKey};
use ironclad_client::{Cache, Change};
use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::Value;

/// Resources whose objects come and go by themselves.
const IGNORED: [(&str, &str); 2] = [("", "events"), ("events.k8s.io", "events")];

/// All objects that own, are owned, or are being deleted, by uid.
#[derive(Default)]
pub(super) struct Graph(RwLock<State>);

#[derive(Default)]
struct State {
    nodes: HashMap<String, Node>,
    /// The uids of what names an owner, by the owner's uid, whether that exists or not.
    dependents: HashMap<String, BTreeSet<String>>,
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
    /// Takes in a change; the uids that are to be looked at.
    pub(super) fn apply(&self, change: &Change) -> Vec<ObjectKey> {
        let resource = &change.resource;
        if IGNORED.contains(&(&*resource.group, &*resource.resource)) {
            return Vec::new();
        }
        let mut touched = BTreeSet::new();
        let mut state = self.0.write();
        if let Some(old) = &change.old {
            touched.extend(state.remove(&old.uid));
        }
        match &change.new {
            Some(entry) => {
                if let Some(node) = read(entry, resource) {
                    touched.extend(state.insert(node));
                }
            }
            None => drop(touched.insert(change.entry().uid.clone())),
        }
        touched.into_iter().map(ObjectKey::cluster).collect()
    }

    pub(super) fn node(&self, uid: &str) -> Option<Node> {
        self.0.read().nodes.get(uid).cloned()
    }

    pub(super) fn dependents(&self, uid: &str) -> Vec<Node> {
        let state = self.0.read();
        let uids = state.dependents.get(uid).into_iter().flatten();
        uids.filter_map(|uid| state.nodes.get(uid).cloned()).collect()
    }

    /// Whether `owner`, as `dependent` names it, lives. An owner must be in the dependent's own
    /// namespace or cluster-scoped, and be what the reference says it is.
    pub(super) fn fate(&self, cache: &dyn Cache, dependent: &Node, owner: &Owner) -> Fate {
        let Some(group) = GroupVersion::parse(&owner.api_version).map(|gv| gv.group) else {
            return Fate::Unknown;
        };
        let served = cache
            .resources()
            .into_iter()
            .find(|held| held.kind.group == group && held.kind.kind == owner.kind);
        let Some(held) = served else { return Fate::Unknown };
        let namespace = if held.namespaced { dependent.key.namespace.as_str() } else { "" };
        if held.namespaced && namespace.is_empty() {
            return Fate::Unknown;
        }
        let key = ObjectKey::new(namespace, owner.name.clone());
        let entry = cache.get(&held.resource.group_resource(), &key).filter(|entry| entry.uid == owner.uid);
        match (entry, self.node(&owner.uid)) {
            (None, _) => Fate::Gone,
            (Some(_), Some(node)) if node.waits_for_dependents() => Fate::WaitingForDependents,
            (Some(_), _) => Fate::Alive,
        }
    }
}

impl State {
    /// The dependents of the old owners need no look: they are looked at as themselves.
    fn remove(&mut self, uid: &str) -> Vec<String> {
        let Some(node) = self.nodes.remove(uid) else { return Vec::new() };
        for owner in &node.owners {
            if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
        }
        // An owner that waits for its dependents waits for one less.
        node.owners.into_iter().map(|owner| owner.uid).filter(|owner| self.waits(owner)).collect()
    }

    fn insert(&mut self, node: Node) -> Vec<String> {
        let uid = node.uid.clone();
        for owner in &node.owners {
            self.dependents.entry(owner.uid.clone()).or_default().insert(uid.clone());
        }
        let concerns = !node.owners.is_empty() || node.deleting;
        self.nodes.insert(uid.clone(), node);
        if concerns { vec![uid] } else { Vec::new() }
    }

    fn waits(&self, uid: &str) -> bool {
        self.nodes.get(uid).is_some_and(Node::waits_for_dependents)
    }
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

/// `None` for objects that do not concern the collector: they own nothing that says so, have no
/// owners and are not being deleted.
fn read(entry: &Entry, resource: &GroupResource) -> Option<Node> {
    let ties = entry.ties();
    if !ties.owned && !ties.deleting {
        return None;
    }
    let head: Head = serde_json::from_slice(&entry.json).ok()?;
    let version = GroupVersion::parse(&head.api_version)?.version;
    let owners: Vec<Owner> =
        head.metadata.owner_references.iter().filter_map(|owner| Owner::deserialize(owner).ok()).collect();
    let deleting = ties.deleting;
    Some(Node {
        uid: entry.uid.clone(),
        key: entry.key.clone(),
        resource: GroupVersionResource {
            group: resource.group.clone(),
            version,
            resource: resource.resource.clone(),
        },
        revision: entry.revision,
        deleting,
        finalizers: head.metadata.finalizers,
        owners,
        references: head.metadata.owner_references,
    })
}
