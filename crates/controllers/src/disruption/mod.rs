//! Disruption: keeps the status of PodDisruptionBudgets, by which evictions are allowed.
//!
//! - [`expected`]: how many pods there should be.
//! - [`status`]: how many are well, and how many may go.
//! - [`stale`]: pods that were to go and did not.
//!
//! Source: <https://kubernetes.io/docs/concepts/workloads/pods/disruptions/>.

mod expected;
mod stale;
mod status;

use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{Object, ObjectKey};
use ironclad_client::typed::CacheExt;
use ironclad_client::{Cache, Change};
use ironclad_control::{Controller, EventRecord, EventType, Plan, View, Watch, Write};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::ownership::event_reference;
use crate::resources::{POD_DISRUPTION_BUDGETS, PODS};
use crate::selectors::Selector;
use expected::Expected;

pub use stale::StaleDisruptions;

const NAME: &str = "disruption-controller";

pub struct DisruptionController;

impl Controller for DisruptionController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::itself(POD_DISRUPTION_BUDGETS.group_resource()),
            Watch::new(PODS.group_resource(), budgets_of),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let Some(entry) = view.cache.get(&POD_DISRUPTION_BUDGETS.group_resource(), key) else {
            return Plan::done();
        };
        match entry.typed::<PodDisruptionBudget>() {
            Some(budget) => Round { view, key, budget: &budget, now }.plan(&entry.object()),
            None => Plan::done(),
        }
    }
}

fn selector(budget: &PodDisruptionBudget) -> Selector {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.map(Selector::new).unwrap_or_default()
}

/// The budgets that select a pod, before its change or after it.
fn budgets_of(change: &Change, cache: &dyn Cache) -> Vec<ObjectKey> {
    let namespace = &change.entry().key.namespace;
    let budgets =
        cache.list_as::<PodDisruptionBudget>(&POD_DISRUPTION_BUDGETS.group_resource(), Some(namespace));
    let versions: Vec<_> = [&change.old, &change.new].into_iter().flatten().collect();
    let selects = |budget: &&Arc<PodDisruptionBudget>| {
        let selector = selector(budget);
        versions.iter().any(|pod| selector.matches(Some(&pod.labels)))
    };
    budgets.iter().filter(selects).map(|budget| crate::ownership::key_of(&budget.metadata)).collect()
}

/// One round for one budget that is there.
struct Round<'a> {
    view: &'a View<'a>,
    key: &'a ObjectKey,
    budget: &'a PodDisruptionBudget,
    now: Timestamp,
}

impl Round<'_> {
    fn plan(&self, object: &Object) -> Plan {
        let mut plan = Plan::done();
        let pods = self.pods();
        if pods.is_empty() {
            self.tell(&mut plan, EventType::Normal, "NoPods", "No matching pods found".to_owned());
        }
        let before = self.budget.status.clone().unwrap_or_default();
        let after = match Expected::of(self.view.cache, self.budget, &pods) {
            Ok(expected) => {
                self.tell_unmanaged(&expected, &mut plan);
                let status::Standing { status, recheck, overdue } =
                    status::standing(self.budget, &pods, &expected, self.now);
                plan.events.extend(overdue);
                if let Some(wait) = recheck {
                    plan.requeue_in(Duration::try_from(wait).unwrap_or_default());
                }
                status
            }
            Err(why) => {
                let note = format!("Failed to calculate the number of expected pods: {why}");
                self.tell(&mut plan, EventType::Warning, "CalculateExpectedPodCountFailed", note);
                status::failed(&before, &why, self.now)
            }
        };
        if after != before {
            plan.then(self.write(object, &after));
        }
        plan
    }

    fn pods(&self) -> Vec<Arc<Pod>> {
        let selector = selector(self.budget);
        let pods = self.view.cache.list(&PODS.group_resource(), Some(&self.key.namespace));
        let selected = pods.iter().filter(|pod| selector.matches(Some(&pod.labels)));
        selected.filter_map(|pod| pod.typed()).collect()
    }

    fn tell(&self, plan: &mut Plan, event_type: EventType, reason: &str, note: String) {
        let regarding = event_reference("policy/v1", "PodDisruptionBudget", &self.budget.metadata);
        plan.event(EventRecord { regarding, event_type, reason: reason.to_owned(), note });
    }

    fn tell_unmanaged(&self, expected: &Expected, plan: &mut Plan) {
        if !expected.has_unmanaged {
            return;
        }
        let selector = self.budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        let note = format!(
            "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. As a result, the \
             status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for \
             these pods please set \".spec.minAvailable\" field of the PDB to an integer value.",
            selector.map_or_else(|| "nil".to_owned(), printed)
        );
        self.tell(plan, EventType::Warning, "UnmanagedPods", note);
    }

    /// The version that was looked at is the condition: an eviction may have changed the budget.
    fn write(&self, object: &Object, status: &PodDisruptionBudgetStatus) -> Write {
        let mut object = object.clone();
        object.0.insert("status".into(), serde_json::to_value(status).unwrap_or_default());
        Write::Update { target: POD_DISRUPTION_BUDGETS.status(self.key), object }
    }
}

/// A selector as Go prints the struct.
fn printed(selector: &LabelSelector) -> String {
    let labels = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}: {value},"));
    let expressions = selector.match_expressions.iter().flatten().map(|expression| {
        let values = expression.values.as_deref().unwrap_or_default().join(" ");
        format!(
            "LabelSelectorRequirement{{Key:{},Operator:{},Values:[{values}],}},",
            expression.key, expression.operator
        )
    });
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{}}},MatchExpressions:[]LabelSelectorRequirement{{{}}},}}",
        labels.collect::<String>(),
        expressions.collect::<String>()
    )
}

#[cfg(test)]
mod tests;
