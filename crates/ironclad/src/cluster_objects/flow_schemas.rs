//! Tells in the status of each FlowSchema whether the priority level that it names is there.

use ironclad_api::goprint::quote;
use ironclad_api::{GroupVersionResource, Object, ObjectKey, time};
use ironclad_client::{Cache, Change, Target};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use serde_json::{Value, json};

const GROUP: &str = "flowcontrol.apiserver.k8s.io";
const DANGLING: &str = "Dangling";

pub struct FlowSchemas;

impl Controller for FlowSchemas {
    fn name(&self) -> &'static str {
        "api-priority-and-fairness-config-consumer-v1"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::itself(schemas().group_resource()), Watch::new(levels().group_resource(), naming)]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let Some(entry) = view.cache.get(&schemas().group_resource(), key) else { return plan };
        let schema = entry.object();
        let level = level_of(&schema);
        let found = view.cache.get(&levels().group_resource(), &ObjectKey::cluster(level)).is_some();
        if let Some(object) = told(schema.clone(), level, found, now) {
            plan.then(Write::Update { target: Target::object(schemas(), key).subresource("status"), object });
        }
        plan
    }
}

fn level_of(schema: &Object) -> &str {
    schema.str_at(&["spec", "priorityLevelConfiguration", "name"])
}

/// The schemas that name a level.
fn naming(change: &Change, cache: &dyn Cache) -> Vec<ObjectKey> {
    let level = &change.entry().key.name;
    // Only its coming and going matters.
    if change.old.is_some() && change.new.is_some() {
        return Vec::new();
    }
    let all = cache.list(&schemas().group_resource(), None);
    let naming = all.iter().filter(|schema| level_of(&schema.object()) == level);
    naming.map(|schema| schema.key.clone()).collect()
}

/// The schema with its condition; `None` if it says so already. The texts are upstream's.
fn told(mut schema: Object, level: &str, found: bool, now: Timestamp) -> Option<Object> {
    let level = quote(level);
    let start = format!("This FlowSchema references the PriorityLevelConfiguration object named {level}");
    let (status, reason, message) = match found {
        true => ("False", "Found", format!("{start} and it exists")),
        false => ("True", "NotFound", format!("{start} but there is no such object")),
    };
    let parts = [("status", status), ("reason", reason), ("message", message.as_str())];
    let conditions = schema.at(&["status", "conditions"]).and_then(Value::as_array).cloned();
    let mut conditions = conditions.unwrap_or_default();
    let known = conditions.iter().position(|condition| condition["type"] == DANGLING);
    let says = |condition: &Value| parts.iter().all(|(field, text)| condition[*field] == *text);
    if known.and_then(|at| conditions.get(at)).is_some_and(says) {
        return None;
    }
    let condition = json!({"type": DANGLING, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": time::format(now)});
    conditions.retain(|condition| condition["type"] != DANGLING);
    conditions.push(condition);
    schema.section_mut("status").insert("conditions".into(), conditions.into());
    Some(schema)
}

fn schemas() -> GroupVersionResource {
    GroupVersionResource::new(GROUP, "v1", "flowschemas")
}

fn levels() -> GroupVersionResource {
    GroupVersionResource::new(GROUP, "v1", "prioritylevelconfigurations")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_without_its_level_is_dangling() {
        let check = |found: bool, status: &str, message: &str| {
            let schema =
                json!({"metadata": {"name": "s"}, "spec": {"priorityLevelConfiguration": {"name": "work"}}});
            let schema = Object::from_value(schema).expect("an object");
            let told = |schema: Object| super::told(schema, "work", found, Timestamp::UNIX_EPOCH);
            let once = told(schema).expect("news");
            let condition = &once.0["status"]["conditions"][0];
            assert_eq!((&condition["status"], &condition["message"]), (&json!(status), &json!(message)));
            assert_eq!(told(once), None, "nothing new");
        };
        let start = "This FlowSchema references the PriorityLevelConfiguration object named \"work\"";
        check(true, "False", &format!("{start} and it exists"));
        check(false, "True", &format!("{start} but there is no such object"));
    }
}
