//! A disruption budget as far as evictions need it.

use ironclad_api::GroupVersionKind;
use ironclad_api::schema::Catalog;
use ironclad_engine::Strategy;
use ironclad_engine::strategy::{ALL_VERBS, KindSpec, SchemaRef, Scope, Subresource, VersionSpec};
use serde_json::{Value, json};

use crate::world::{World, binding, pod};

pub struct Budget(KindSpec);

impl Budget {
    pub fn new() -> Self {
        let kind = GroupVersionKind::new("policy", "v1", "PodDisruptionBudget");
        let schema = Catalog::builtin().schema(&kind).expect("a schema");
        Self(KindSpec {
            group: "policy".into(),
            kind: "PodDisruptionBudget".into(),
            resource: "poddisruptionbudgets".into(),
            singular: "poddisruptionbudget".into(),
            short_names: Vec::new(),
            categories: Vec::new(),
            scope: Scope::Namespaced,
            versions: vec![VersionSpec::stored("v1", SchemaRef::Builtin(schema))],
            subresources: vec![Subresource::status()],
            verbs: ALL_VERBS,
            columns: Vec::new(),
            selectable: Vec::new(),
            generation: true,
            storage_prefix: None,
        })
    }
}

impl Strategy for Budget {
    fn spec(&self) -> &KindSpec {
        &self.0
    }
}

fn eviction(name: &str) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}})
}

fn budget(name: &str, allowed: i64) -> [Value; 2] {
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}},
    });
    let status = json!({"status": {
        "observedGeneration": 1, "disruptionsAllowed": allowed,
        "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1,
    }});
    [budget, status]
}

/// A pod that runs, on a node.
fn running(world: &World, name: &str, ready: &str) {
    world.check("create", "v1/pods ns/", pod(name, json!({})), 201, json!({}));
    let path = format!("v1/pods ns/{name}");
    world.check("create", &format!("{path} binding"), binding(name, "n"), 201, json!({"status": "Success"}));
    let conditions = json!([{"type": "Ready", "status": ready}]);
    let status = json!({"status": {"phase": "Running", "conditions": conditions}});
    world.check("merge", &format!("{path} status"), status, 200, json!({}));
}

fn with_budget(world: &World, name: &str, allowed: i64) {
    let [budget, status] = budget(name, allowed);
    world.check("create", "policy/v1/poddisruptionbudgets ns/", budget, 201, json!({}));
    world.check("merge", &format!("policy/v1/poddisruptionbudgets ns/{name} status"), status, 200, json!({}));
}

#[test]
fn a_pod_without_a_budget_is_deleted_and_says_why() {
    let world = World::new();
    running(&world, "a", "True");
    let success = json!({"kind": "Status", "status": "Success", "code": 201});
    world.check("create", "v1/pods ns/a eviction", eviction("a"), 201, success);
    let conditions = json!([{"type": "Ready"}, {
        "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }]);
    let want = json!({
        "metadata": {"deletionGracePeriodSeconds": 30},
        "status": {"conditions": conditions},
    });
    world.check("get", "v1/pods ns/a", json!(null), 200, want);
}

#[test]
fn evictions_come_in_their_old_version_too() {
    let world = World::new();
    running(&world, "a", "True");
    let of = |version: &str, kind: &str| {
        let mut eviction = eviction("a");
        eviction["apiVersion"] = version.into();
        eviction["kind"] = kind.into();
        eviction
    };
    let wrong = "the API version in the data (policy/v2) does not match the expected API version (policy/v1)";
    world.check_error("create", "v1/pods ns/a eviction", of("policy/v2", "Eviction"), 400, wrong);
    let wrong = "Other in version \"v1beta1\" cannot be handled as a Eviction: no kind \"Other\" is registered for \
                 version \"policy/v1beta1\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"";
    world.check_error("create", "v1/pods ns/a eviction", of("policy/v1beta1", "Other"), 400, wrong);
    let old = of("policy/v1beta1", "Eviction");
    world.check("create", "v1/pods ns/a eviction", old, 201, json!({"status": "Success"}));
}

#[test]
fn a_budget_is_spent_and_then_refuses() {
    let world = World::new();
    running(&world, "a", "True");
    with_budget(&world, "b", 1);
    world.check("create", "v1/pods ns/a eviction", eviction("a"), 201, json!({}));
    let spent = world.call("get", "policy/v1/poddisruptionbudgets ns/b", json!(null)).body;
    assert_eq!(spent["status"]["disruptionsAllowed"], 0);
    assert!(spent["status"]["disruptedPods"]["a"].is_string());

    let world = World::new();
    running(&world, "a", "True");
    with_budget(&world, "b", 0);
    let want = json!({
        "reason": "TooManyRequests",
        "message": "Cannot evict pod as it would violate the pod's disruption budget.",
        "details": {"causes": [{
            "reason": "DisruptionBudget",
            "message": "The disruption budget b needs 1 healthy pods and has 1 currently",
        }]},
    });
    world.check("create", "v1/pods ns/a eviction", eviction("a"), 429, want);
    let untouched =
        json!({"metadata": {"deletionTimestamp": null}, "status": {"conditions": [{"type": "Ready"}]}});
    // The condition of the scheduler was replaced by the test's own patch.
    world.check("get", "v1/pods ns/a", json!(null), 200, untouched);
}

#[test]
fn a_pod_that_is_not_ready_may_go_while_enough_others_are() {
    let world = World::new();
    running(&world, "a", "False");
    with_budget(&world, "b", 0);
    world.check("create", "v1/pods ns/a eviction", eviction("a"), 201, json!({"status": "Success"}));
}

#[test]
fn two_budgets_are_more_than_an_eviction_can_serve() {
    let world = World::new();
    running(&world, "a", "True");
    with_budget(&world, "b", 1);
    with_budget(&world, "c", 1);
    world.check_error(
        "create",
        "v1/pods ns/a eviction",
        eviction("a"),
        500,
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
    );
}

#[test]
fn a_pod_that_has_not_begun_goes_at_once() {
    let world = World::new();
    world.check("create", "v1/pods ns/", pod("a", json!({})), 201, json!({}));
    with_budget(&world, "b", 0);
    world.check("create", "v1/pods ns/a eviction", eviction("a"), 201, json!({"status": "Success"}));
    world.check_error("get", "v1/pods ns/a", json!(null), 404, "pods \"a\" not found");
    world.check_error("create", "v1/pods ns/a eviction", eviction("a"), 404, "pods \"a\" not found");
    let wrong = eviction("x");
    world.check_error(
        "create",
        "v1/pods ns/a eviction",
        wrong,
        400,
        "name in URL does not match name in Eviction object",
    );
}
