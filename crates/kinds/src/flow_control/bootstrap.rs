//! The objects of the group that every cluster has: those that no server can be without, and
//! those that upstream suggests and an administrator may change.

use ironclad_api::Object;
use serde_json::{Map, Value, json};

use super::GROUP;
use super::shape::{Body, FlowSchemaSpec, PriorityLevelSpec};
use crate::spec::typed;

/// Says whether the server may bring an object up to date.
pub const AUTO_UPDATE: &str = "apf.kubernetes.io/autoupdate-spec";

const ALL: &str = "*";
const BY_USER: Option<&str> = Some("ByUser");
const BY_NAMESPACE: Option<&str> = Some("ByNamespace");

/// An object that is to be there.
#[derive(Clone, Debug, PartialEq)]
pub struct Bootstrap {
    /// The plural of its kind.
    pub resource: &'static str,
    pub object: Object,
    /// Whether it is put right whoever changed it.
    pub mandatory: bool,
}

/// All of them, priority levels first: schemas refer to them.
pub fn all() -> Vec<Bootstrap> {
    let wanted = |resource, mandatory| move |object| Bootstrap { resource, object, mandatory };
    let (levels, schemas) = ("prioritylevelconfigurations", "flowschemas");
    let mandatory_levels = mandatory_priority_levels().into_iter().map(wanted(levels, true));
    let suggested_levels = suggested_priority_levels().into_iter().map(wanted(levels, false));
    let mandatory_schemas = mandatory_flow_schemas().into_iter().map(wanted(schemas, true));
    let suggested_schemas = suggested_flow_schemas().into_iter().map(wanted(schemas, false));
    mandatory_levels.chain(suggested_levels).chain(mandatory_schemas).chain(suggested_schemas).collect()
}

pub(super) fn mandatory_flow_schema(name: &str) -> Option<Object> {
    mandatory_flow_schemas().into_iter().find(|schema| schema.name() == name)
}

pub(super) fn mandatory_priority_level(name: &str) -> Option<Object> {
    mandatory_priority_levels().into_iter().find(|level| level.name() == name)
}

/// What is to be written in the place of `existing`; `None` if it is as it should be. A suggested
/// object is left alone once an administrator has changed it and not annotated it otherwise.
pub fn revised(resource: &str, wanted: &Object, mandatory: bool, existing: &Object) -> Option<Object> {
    let annotated = existing.annotation(AUTO_UPDATE).and_then(parse_bool);
    let update = mandatory || annotated.unwrap_or(existing.generation() == 1);
    let mut revised = existing.clone();
    if update && !same_spec(resource, wanted, existing) {
        let spec = wanted.0.get("spec").cloned().unwrap_or_default();
        revised.0.insert("spec".into(), spec);
    }
    if annotated != Some(update) {
        revised.set_annotation(AUTO_UPDATE, update.to_string());
    }
    (revised != *existing).then_some(revised)
}

/// As Go's `strconv.ParseBool`.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn same_spec(resource: &str, wanted: &Object, existing: &Object) -> bool {
    if resource == "flowschemas" {
        return typed::<Body<FlowSchemaSpec>>(wanted) == typed::<Body<FlowSchemaSpec>>(existing);
    }
    let level = |object| typed::<Body<PriorityLevelSpec>>(object).spec;
    let (fixed, mut have) = (level(wanted), level(existing));
    // The shares of the exempt level are the administrator's.
    if wanted.name() == "exempt" {
        have.exempt.clone_from(&fixed.exempt);
    }
    fixed == have
}

// === priority levels ===

fn mandatory_priority_levels() -> Vec<Object> {
    let exempt = json!({"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}});
    let catch_all = json!({"type": "Limited", "limited": {
        "nominalConcurrencyShares": 5, "lendablePercent": 0, "limitResponse": {"type": "Reject"}}});
    vec![priority_level("catch-all", catch_all), priority_level("exempt", exempt)]
}

fn suggested_priority_levels() -> Vec<Object> {
    // Shares, lendable percent, queues, hand size.
    let levels = [
        ("system", 30, 33, 64, 6),
        ("node-high", 40, 25, 64, 6),
        ("leader-election", 10, 0, 16, 4),
        ("workload-high", 40, 50, 128, 6),
        ("workload-low", 100, 90, 128, 6),
        ("global-default", 20, 50, 128, 6),
    ];
    let level = |(name, shares, lendable, queues, hand): (&str, i32, i32, i32, i32)| {
        let queuing = json!({"queues": queues, "handSize": hand, "queueLengthLimit": 50});
        let limited = json!({
            "nominalConcurrencyShares": shares,
            "lendablePercent": lendable,
            "limitResponse": {"type": "Queue", "queuing": queuing},
        });
        priority_level(name, json!({"type": "Limited", "limited": limited}))
    };
    levels.into_iter().map(level).collect()
}

fn priority_level(name: &str, spec: Value) -> Object {
    object("PriorityLevelConfiguration", name, spec)
}

fn object(kind: &str, name: &str, spec: Value) -> Object {
    let metadata = json!({"name": name, "annotations": {AUTO_UPDATE: "true"}});
    Object(Map::from_iter([
        ("apiVersion".to_owned(), format!("{GROUP}/v1").into()),
        ("kind".to_owned(), kind.into()),
        ("metadata".to_owned(), metadata),
        ("spec".to_owned(), spec),
    ]))
}

// === flow schemas ===

fn mandatory_flow_schemas() -> Vec<Object> {
    vec![
        flow_schema("exempt", "exempt", 1, None, everything(groups(&["system:masters"]))),
        flow_schema("catch-all", "catch-all", 10_000, BY_USER, everything(everybody())),
    ]
}

fn suggested_flow_schemas() -> Vec<Object> {
    let nodes = || groups(&["system:nodes"]);
    let managers = [
        subject("User", "user", json!({"name": "system:kube-controller-manager"})),
        subject("User", "user", json!({"name": "system:kube-scheduler"})),
    ];
    let [controller_manager, scheduler] = managers.clone();
    let system_account =
        subject("ServiceAccount", "serviceAccount", json!({"name": ALL, "namespace": "kube-system"}));
    let probes = json!({
        "subjects": everybody(),
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/readyz", "/livez"]}],
    });
    let leases = |verbs: Value| json!({"verbs": verbs, "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "namespaces": [ALL]});
    let electors: Vec<Value> = managers.into_iter().chain([system_account.clone()]).collect();
    let elections =
        json!({"subjects": electors, "resourceRules": [leases(json!(["get", "create", "update"]))]});
    let node_objects = json!({"verbs": [ALL], "apiGroups": [""], "resources": ["nodes", "nodes/status"],
        "namespaces": [ALL], "clusterScope": true});
    let health = json!({"subjects": nodes(), "resourceRules": [node_objects, leases(json!([ALL]))]});
    let one = |subject: Value| everything(json!([subject]));
    vec![
        flow_schema("system-nodes", "system", 500, BY_USER, everything(nodes())),
        flow_schema("system-node-high", "node-high", 400, BY_USER, health),
        flow_schema("probes", "exempt", 2, None, probes),
        flow_schema("system-leader-election", "leader-election", 100, BY_USER, elections),
        flow_schema("kube-controller-manager", "workload-high", 800, BY_NAMESPACE, one(controller_manager)),
        flow_schema("kube-scheduler", "workload-high", 800, BY_NAMESPACE, one(scheduler)),
        flow_schema("kube-system-service-accounts", "workload-high", 900, BY_NAMESPACE, one(system_account)),
        flow_schema(
            "service-accounts",
            "workload-low",
            9_000,
            BY_USER,
            everything(groups(&["system:serviceaccounts"])),
        ),
        flow_schema("global-default", "global-default", 9_900, BY_USER, everything(everybody())),
    ]
}

fn flow_schema(name: &str, level: &str, precedence: i32, method: Option<&str>, rules: Value) -> Object {
    let mut spec = json!({
        "priorityLevelConfiguration": {"name": level},
        "matchingPrecedence": precedence,
        "rules": [rules],
    });
    if let Some(method) = method {
        spec["distinguisherMethod"] = json!({ "type": method });
    }
    object("FlowSchema", name, spec)
}

/// Every request of these subjects.
fn everything(subjects: Value) -> Value {
    json!({
        "subjects": subjects,
        "resourceRules": [{
            "verbs": [ALL], "apiGroups": [ALL], "resources": [ALL], "clusterScope": true, "namespaces": [ALL],
        }],
        "nonResourceRules": [{"verbs": [ALL], "nonResourceURLs": [ALL]}],
    })
}

fn everybody() -> Value {
    groups(&["system:unauthenticated", "system:authenticated"])
}

fn groups(names: &[&str]) -> Value {
    names.iter().map(|name| subject("Group", "group", json!({ "name": name }))).collect()
}

fn subject(kind: &str, field: &str, named: Value) -> Value {
    json!({"kind": kind, field: named})
}
