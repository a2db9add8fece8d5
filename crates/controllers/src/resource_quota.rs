//! Resource quotas: counts anew what a namespace uses. Admission charges what is created; this
//! gives back what ended or changed, takes over new limits, and mends charges for writes that
//! failed in the end.
//!
//! Source: <https://kubernetes.io/docs/concepts/policy/resource-quotas/>.

use std::time::Duration;

use ironclad_api::{Entry, GroupResource, ObjectKey};
use ironclad_client::{Cache, Change};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use ironclad_quota::{Evaluator, Item, Quota, recount};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ResourceQuota;
use serde_json::Value;

use crate::resources::RESOURCE_QUOTAS;

/// Everything is counted anew this often, for what no change tells of.
const PERIOD: Duration = Duration::from_secs(300);
/// And this soon after the count changed: a write that was charged meanwhile may not have been there yet.
const SOON: Duration = Duration::from_secs(10);

pub struct ResourceQuotas;

impl Controller for ResourceQuotas {
    fn name(&self) -> &'static str {
        "resourcequota-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::new(RESOURCE_QUOTAS.group_resource(), |change, _| {
                let wanting = change.new.as_ref().filter(|entry| change.old.is_none() || lacks_count(entry));
                wanting.map(|entry| entry.key.clone()).into_iter().collect()
            }),
            Watch::all(concerned),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let entry = view.cache.get(&RESOURCE_QUOTAS.group_resource(), key);
        let Some((entry, quota)) = entry.and_then(|entry| Some((entry.clone(), read(&entry)?))) else {
            return Plan::done();
        };
        let namespaced = view.cache.resources().into_iter().filter(|held| held.namespaced);
        let resources: Vec<_> = namespaced.map(|held| held.resource.group_resource()).collect();
        let items = |resource: &GroupResource| {
            let entries = view.cache.list(resource, Some(&key.namespace));
            entries.iter().filter_map(|entry| Item::of(resource, entry)).collect()
        };
        let used = recount(&quota, &resources, items, now);
        let mut plan = Plan::done();
        if quota.hard != quota.asked || quota.used != used || entry.object().at(&["status", "used"]).is_none()
        {
            let mut object = entry.object();
            let hard =
                object.at(&["spec", "hard"]).cloned().unwrap_or_else(|| Value::Object(Default::default()));
            let status = object.section_mut("status");
            status.insert("hard".into(), hard);
            status.insert("used".into(), used.to_value());
            plan.then(Write::Update { target: RESOURCE_QUOTAS.status(key), object });
        }
        plan.requeue_in(if plan.stages.is_empty() { PERIOD } else { SOON });
        plan
    }
}

fn read(entry: &Entry) -> Option<Quota> {
    Some(Quota::read(&*entry.typed::<ResourceQuota>()?))
}

/// Its limits are not in force yet, or something that they limit was never counted. A change of
/// the count alone is admission's: the object that it was made for may not be committed yet.
fn lacks_count(entry: &Entry) -> bool {
    read(entry).is_some_and(|quota| {
        quota.hard != quota.asked || quota.hard.names().any(|name| quota.used.get(name).is_none())
    })
}

/// The quotas whose use a change of an object may have altered without admission.
fn concerned(change: &Change, cache: &dyn Cache) -> Vec<ObjectKey> {
    let Some(old) = &change.old else { return Vec::new() };
    let quotas = cache.list(&RESOURCE_QUOTAS.group_resource(), Some(&old.key.namespace));
    if quotas.is_empty() || old.key.namespace.is_empty() {
        return Vec::new();
    }
    let Some(evaluator) = Evaluator::of(&change.resource) else { return Vec::new() };
    let item = |entry: &Entry| Item::of(&change.resource, entry);
    let Some(before) = item(old) else { return Vec::new() };
    if !evaluator.calls_for_recount(&before, change.new.as_ref().and_then(|new| item(new)).as_ref()) {
        return Vec::new();
    }
    let limits = |quota: &Quota| quota.asked.names().any(|name| evaluator.charges(name));
    quotas
        .iter()
        .filter(|entry| read(entry).is_some_and(|quota| limits(&quota)))
        .map(|e| e.key.clone())
        .collect()
}
