//! Namespace lifecycle: a namespace that is being deleted is emptied, its pods first, then let go.
//!
//! Pods go before what protects and serves them (network policies, secrets, the objects that their
//! finalizers' controllers need): KEP-5080.
//!
//! Its conditions say what it still waits for, in upstream's words
//! (`k8s.io/api/core/v1` `NamespaceConditionType`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{Entry, Object, ObjectKey, time};
use ironclad_client::cache::CachedResource;
use ironclad_client::{Cache, Target};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::resources::{NAMESPACES, PODS};

/// The finalizer in `spec.finalizers` that this controller removes.
const FINALIZER: &str = "kubernetes";
/// Deletes in one plan; the rest follow once these are done.
const BATCH: usize = 500;
/// A namespace that waits for others (finalizers, grace periods) is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

pub struct NamespaceLifecycle;

impl Controller for NamespaceLifecycle {
    fn name(&self) -> &'static str {
        "namespace-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::itself(NAMESPACES.group_resource())]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let Some(entry) = view.cache.get(&NAMESPACES.group_resource(), key) else { return Plan::done() };
        let namespace = entry.object();
        let waits_for_us = spec_finalizers(&namespace).any(|finalizer| finalizer == FINALIZER);
        if namespace.deletion_timestamp().is_none() || !waits_for_us {
            return Plan::done();
        }
        let remaining = contents(view.cache, &key.name);
        if remaining.is_empty() { finish(namespace) } else { empty(&namespace, &remaining, view, now) }
    }
}

fn spec_finalizers(namespace: &Object) -> impl Iterator<Item = &str> {
    let list = namespace.at(&["spec", "finalizers"]).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// What still lives in the namespace, by resource.
fn contents(cache: &dyn Cache, namespace: &str) -> Vec<(CachedResource, Vec<Arc<Entry>>)> {
    let namespaced = cache.resources().into_iter().filter(|held| held.namespaced);
    let listed = namespaced.map(|held| {
        let entries = cache.list(&held.resource.group_resource(), Some(namespace));
        (held, entries)
    });
    listed.filter(|(_, entries)| !entries.is_empty()).collect()
}

/// Takes our finalizer off; the namespace goes away with its last one.
fn finish(mut namespace: Object) -> Plan {
    let kept: Vec<Value> = spec_finalizers(&namespace).filter(|f| *f != FINALIZER).map(Value::from).collect();
    let target = NAMESPACES.object(&namespace.key()).subresource("finalize");
    namespace.section_mut("spec").insert("finalizers".into(), kept.into());
    let mut plan = Plan::done();
    plan.then(Write::Update { target, object: namespace });
    plan
}

fn empty(
    namespace: &Object,
    remaining: &[(CachedResource, Vec<Arc<Entry>>)],
    view: &View<'_>,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan::done();
    if let Some(write) = report(namespace, remaining, view, now) {
        plan.then(write);
    }
    let pods_first = remaining.iter().any(|(held, _)| is_pods(held));
    let now = remaining.iter().filter(|(held, _)| is_pods(held) || !pods_first);
    let deletes = now.flat_map(|(held, entries)| entries.iter().map(move |entry| (held, entry)));
    let mut pending = deletes.filter(|(_, entry)| !entry.ties().deleting);
    let stage = pending.by_ref().take(BATCH).map(|(held, entry)| {
        Write::delete(Target::object(held.resource.clone(), &entry.key), entry.uid.clone())
    });
    plan.stages.push(stage.collect());
    plan.requeue_in(if pending.next().is_some() { Duration::ZERO } else { LOOK_AGAIN });
    plan
}

fn is_pods(held: &CachedResource) -> bool {
    held.resource.group_resource() == PODS.group_resource()
}

/// The namespace's conditions, if they changed.
fn report(
    namespace: &Object,
    remaining: &[(CachedResource, Vec<Arc<Entry>>)],
    view: &View<'_>,
    now: Timestamp,
) -> Option<Write> {
    let mut status = namespace.0.get("status").cloned().unwrap_or_else(|| json!({}));
    let before = status.clone();
    let held = finalizers_of(remaining);
    let failure = view
        .last_failure
        .map(|failure| format!("Failed to delete all resource types, 1 remaining: {failure}"));
    let conditions = [
        (
            "NamespaceDeletionDiscoveryFailure",
            None,
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            None,
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            failure.map(|message| ("ContentDeletionFailed", message)),
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        (
            "NamespaceContentRemaining",
            Some(("SomeResourcesRemain", remaining_message(remaining))),
            "ContentRemoved",
            "All content successfully removed",
        ),
        (
            "NamespaceFinalizersRemaining",
            (!held.is_empty()).then(|| ("SomeFinalizersRemain", finalizers_message(&held))),
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        ),
    ];
    for (condition, trouble, good_reason, good_message) in conditions {
        let (value, reason, message) = match trouble {
            Some((reason, message)) => ("True", reason, message),
            None => ("False", good_reason, good_message.to_owned()),
        };
        set_condition(&mut status, condition, value, reason, &message, now);
    }
    if status == before {
        return None;
    }
    let mut object = namespace.clone();
    object.0.insert("status".into(), status);
    Some(Write::Update { target: NAMESPACES.status(&namespace.key()), object })
}

fn set_condition(
    status: &mut Value,
    condition: &str,
    value: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let Some(status) = status.as_object_mut() else { return };
    let Some(list) = status.entry("conditions").or_insert_with(|| json!([])).as_array_mut() else { return };
    let existing = list.iter().position(|item| item["type"] == condition);
    let same =
        |item: &Value| item["status"] == value && item["reason"] == reason && item["message"] == message;
    if existing.is_some_and(|index| list.get(index).is_some_and(same)) {
        return;
    }
    let new = json!({
        "type": condition,
        "status": value,
        "reason": reason,
        "message": message,
        "lastTransitionTime": time::format(now),
    });
    match existing.and_then(|index| list.get_mut(index)) {
        Some(slot) => *slot = new,
        None => list.push(new),
    }
}

/// `Some resources are remaining: pods. has 2 resource instances, ...`
fn remaining_message(remaining: &[(CachedResource, Vec<Arc<Entry>>)]) -> String {
    let mut parts: Vec<_> = remaining
        .iter()
        .map(|(held, entries)| {
            let resource = &held.resource;
            format!("{}.{} has {} resource instances", resource.resource, resource.group, entries.len())
        })
        .collect();
    parts.sort();
    format!("Some resources are remaining: {}", parts.join(", "))
}

fn finalizers_of(remaining: &[(CachedResource, Vec<Arc<Entry>>)]) -> BTreeMap<String, usize> {
    let mut held = BTreeMap::new();
    let entries = remaining.iter().flat_map(|(_, entries)| entries);
    for entry in entries.filter(|entry| entry.ties().held) {
        for finalizer in entry.object().finalizers() {
            *held.entry(finalizer.to_owned()).or_default() += 1;
        }
    }
    held
}

fn finalizers_message(held: &BTreeMap<String, usize>) -> String {
    let parts: Vec<_> =
        held.iter().map(|(name, count)| format!("{name} in {count} resource instances")).collect();
    format!("Some content in the namespace has finalizers remaining: {}", parts.join(", "))
}

/// Whether the namespace exists and is not being deleted.
pub fn is_active(cache: &dyn Cache, name: &str) -> bool {
    let entry = cache.get(&NAMESPACES.group_resource(), &ObjectKey::cluster(name));
    entry.is_some_and(|entry| !entry.ties().deleting)
}
