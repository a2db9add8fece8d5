//! Garbage collection by owner references: background, foreground, orphan.
//!
//! # Keys
//! The key is an object's uid. Reconciling one looks at it in both its roles: as a
//! dependent (are its owners alive?) and as an owner (what becomes of its dependents?).
//!
//! # Guarantees
//! - A dependent is deleted only when every owner that it names is gone; while one lives,
//!   references to the others are removed.
//! - An owner whose kind nobody serves is neither alive nor gone: its dependents are left alone. So
//!   are cluster-scoped objects that name an owner in a namespace, which cannot be.
//! - Objects that own each other in a circle do not hold each other back.
//!
//! Source: <https://kubernetes.io/docs/concepts/architecture/garbage-collection/>.

mod graph;

use std::sync::Arc;
use std::time::Duration;

use ironclad_api::ObjectKey;
use ironclad_api::params::{DeleteOptions, Preconditions, PropagationPolicy};
use ironclad_client::{Cache, PatchKind, Target};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use serde_json::{Value, json};

use graph::{Fate, Graph, Node};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";
/// An owner whose kind is not served is looked for again after this: the kind may come back.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

#[derive(Default)]
pub struct GarbageCollector {
    graph: Arc<Graph>,
}

impl Controller for GarbageCollector {
    fn name(&self) -> &'static str {
        "generic-garbage-collector"
    }

    fn watches(&self) -> Vec<Watch> {
        let graph = self.graph.clone();
        vec![Watch::all(move |change, _| graph.apply(change))]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        match self.graph.node(view.cache, &key.name) {
            Some(node) => {
                self.as_dependent(view.cache, &node, &mut plan);
                self.as_owner(view.cache, &node, &mut plan);
            }
            None => {
                for dependent in self.graph.dependents(view.cache, &key.name) {
                    self.as_dependent(view.cache, &dependent, &mut plan);
                }
            }
        }
        plan
    }
}

impl GarbageCollector {
    /// Deletes the object once all its owners are gone, or mends its references.
    fn as_dependent(&self, cache: &dyn Cache, node: &Node, plan: &mut Plan) {
        if node.owners.is_empty() || node.deleting {
            return;
        }
        let fate = |owner: &graph::Owner| self.graph.fate(cache, node, owner);
        let (mut alive, mut gone, mut waiting, mut unknown) = (0, Vec::new(), Vec::new(), 0);
        for owner in &node.owners {
            match fate(owner) {
                Fate::Alive => alive += 1,
                Fate::Gone => gone.push(owner.uid.clone()),
                Fate::WaitingForDependents => waiting.push(owner.uid.clone()),
                Fate::Unknown => unknown += 1,
            }
        }
        match (alive, gone.len(), waiting.len()) {
            _ if unknown > 0 => plan.requeue_in(LOOK_AGAIN),
            (0, _, 0) => plan.and(delete(node, None)),
            (0, _, _) => plan.and(self.make_way(cache, node)),
            (_, 0, 0) => {}
            _ => {
                gone.append(&mut waiting);
                plan.and(drop_owners(node, &gone));
            }
        }
    }

    /// The last owners wait for the object, and what depends on the object goes before it. If that
    /// waits for its own dependents too, it may be waiting for the owners: then the object stops
    /// blocking them first.
    fn make_way(&self, cache: &dyn Cache, node: &Node) -> Write {
        let dependents = self.graph.dependents(cache, &node.uid);
        let circle = dependents.iter().any(Node::waits_for_dependents);
        match dependents.is_empty() {
            true => delete(node, None),
            false if circle && node.owners.iter().any(|owner| owner.blocks) => stop_blocking(node),
            false => delete(node, Some(PropagationPolicy::Foreground)),
        }
    }

    /// Carries out what the finalizers of an object that is being deleted ask for.
    fn as_owner(&self, cache: &dyn Cache, node: &Node, plan: &mut Plan) {
        if !node.deleting {
            return;
        }
        let dependents = self.graph.dependents(cache, &node.uid);
        if node.finalizers.iter().any(|finalizer| finalizer == ORPHAN) {
            for dependent in &dependents {
                plan.and(drop_owners(dependent, std::slice::from_ref(&node.uid)));
            }
            plan.then(drop_finalizer(node, ORPHAN));
        } else if node.finalizers.iter().any(|finalizer| finalizer == FOREGROUND) {
            let blocks = |dependent: &Node| dependent.owners.iter().any(|o| o.uid == node.uid && o.blocks);
            match dependents.iter().any(blocks) {
                false => plan.then(drop_finalizer(node, FOREGROUND)),
                true => dependents.iter().for_each(|dependent| self.as_dependent(cache, dependent, plan)),
            }
        }
    }
}

fn target(node: &Node) -> Target {
    Target::object(node.resource.clone(), &node.key)
}

fn delete(node: &Node, propagation: Option<PropagationPolicy>) -> Write {
    // With our finalizers on it the object has said itself how it wants to go.
    let own = [(ORPHAN, PropagationPolicy::Orphan), (FOREGROUND, PropagationPolicy::Foreground)];
    let own =
        own.into_iter().find(|(name, _)| node.finalizers.iter().any(|f| f == name)).map(|(_, policy)| policy);
    let options = DeleteOptions {
        propagation_policy: own.or(propagation).or(Some(PropagationPolicy::Background)),
        preconditions: Preconditions {
            uid: Some(node.uid.clone()),
            resource_version: Some(node.revision.to_string()),
        },
        ..DeleteOptions::default()
    };
    Write::Delete { target: target(node), options, tell: None }
}

fn drop_owners(node: &Node, uids: &[String]) -> Write {
    let kept: Vec<&Value> =
        node.references.iter().filter(|r| !uids.iter().any(|uid| r["uid"] == **uid)).collect();
    merge(node, json!({ "ownerReferences": kept }))
}

fn stop_blocking(node: &Node) -> Write {
    let mut references = node.references.clone();
    for reference in references.iter_mut().filter_map(Value::as_object_mut) {
        reference.insert("blockOwnerDeletion".into(), false.into());
    }
    merge(node, json!({ "ownerReferences": references }))
}

fn drop_finalizer(node: &Node, finalizer: &str) -> Write {
    let kept: Vec<&String> = node.finalizers.iter().filter(|f| *f != finalizer).collect();
    merge(node, json!({ "finalizers": kept }))
}

/// A merge patch of the metadata, if the object is still at the version that was seen.
fn merge(node: &Node, mut metadata: Value) -> Write {
    metadata["uid"] = node.uid.clone().into();
    metadata["resourceVersion"] = node.revision.to_string().into();
    Write::Patch { target: target(node), kind: PatchKind::Merge, patch: json!({ "metadata": metadata }) }
}
