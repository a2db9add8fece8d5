//! Whether an extension server can be used: what the cluster's objects say of it, and the condition that tells of it.
//! Reasons and messages are upstream's (`AvailableConditionController`).

use ironclad_api::goprint::quote;
use ironclad_api::{Object, ObjectKey, time};
use ironclad_client::Cache;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::remote::Remote;
use super::{SERVICE_LABEL, services, slices};

const AVAILABLE: &str = "Available";

/// What the condition `Available` is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub available: bool,
    pub reason: &'static str,
    pub message: String,
}

impl Finding {
    pub fn passed() -> Self {
        Self { available: true, reason: "Passed", message: "all checks passed".into() }
    }

    /// The server itself did not answer as it must.
    pub fn failed_discovery(message: String) -> Self {
        Self::missing("FailedDiscoveryCheck", message)
    }

    fn missing(reason: &'static str, message: String) -> Self {
        Self { available: false, reason, message }
    }

    /// The object with its condition as found; `None` if it says so already.
    pub fn written(&self, object: &Object, now: Timestamp) -> Option<Object> {
        let mut written = object.clone();
        let status = ironclad_api::object::object_in(&mut written.0, "status");
        let conditions = status.entry("conditions").or_insert_with(|| json!([]));
        if !conditions.is_array() {
            *conditions = json!([]);
        }
        let conditions = conditions.as_array_mut()?;
        let outcome = if self.available { "True" } else { "False" };
        let mut condition = json!({"type": AVAILABLE, "status": outcome, "lastTransitionTime": time::format(now),
            "reason": self.reason, "message": self.message});
        match conditions.iter_mut().find(|condition| condition["type"] == AVAILABLE) {
            Some(known) => {
                // The time is that of the last change from one to the other.
                if known["status"] == outcome
                    && let Some(since) = known.get("lastTransitionTime").cloned()
                {
                    condition["lastTransitionTime"] = since;
                }
                *known = condition;
            }
            None => conditions.push(condition),
        }
        (written != *object).then_some(written)
    }
}

/// What can be said without asking the server: nothing, if it ought to be there.
pub fn missing(cache: &dyn Cache, remote: &Remote) -> Option<Finding> {
    let (namespace, name, wanted) = (&remote.service.namespace, &remote.service.name, remote.service.port);
    let key = ObjectKey::new(namespace.clone(), name.clone());
    let quoted = quote(namespace);
    let Some(service) = cache.get(&services(), &key).map(|entry| entry.object()) else {
        let message = format!("service/{name} in {quoted} is not present");
        return Some(Finding::missing("ServiceNotFound", message));
    };
    if !matches!(service.str_at(&["spec", "type"]), "ClusterIP" | "") {
        return None;
    }
    let ports = service.at(&["spec", "ports"]).and_then(Value::as_array);
    let is_wanted = |port: &&Value| port.get("port").and_then(Value::as_u64) == Some(wanted.into());
    let Some(port) = ports.into_iter().flatten().find(is_wanted) else {
        let message = format!("service/{name} in {quoted} is not listening on port {wanted}");
        return Some(Finding::missing("ServicePortError", message));
    };
    let port = port.get("name").and_then(Value::as_str).unwrap_or_default();
    let all = cache.list(&slices(), Some(namespace));
    let of_service = all.iter().filter(|slice| slice.labels.get(SERVICE_LABEL) == Some(name));
    let slices: Vec<Object> = of_service.map(|slice| slice.object()).collect();
    if slices.is_empty() {
        let message = format!("cannot find endpointslices for service/{name} in {quoted}");
        return Some(Finding::missing("EndpointsNotFound", message));
    }
    if slices.iter().any(|slice| is_ready(slice, port)) {
        return None;
    }
    let port = quote(port);
    let message =
        format!("endpointslices for service/{name} in {quoted} have no addresses with port name {port}");
    Some(Finding::missing("MissingEndpoints", message))
}

fn is_ready(slice: &Object, port: &str) -> bool {
    let list = |field: &'static str| slice.at(&[field]).and_then(Value::as_array).into_iter().flatten();
    let ready =
        |endpoint: &Value| endpoint.pointer("/conditions/ready").and_then(Value::as_bool).unwrap_or(true);
    let called = |candidate: &Value| {
        candidate.get("name").and_then(Value::as_str) == Some(port)
            && candidate.get("port").is_some_and(Value::is_number)
    };
    list("endpoints").any(ready) && list("ports").any(called)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_changes_its_time_with_its_status_only() {
        let now = Timestamp::from_second(100).expect("a time");
        let check = |status: Value, finding: Finding, want: Option<Value>| {
            let object = Object::from_value(json!({"metadata": {"name": "v1.x"}, "status": status}));
            let got = finding.written(&object.expect("an object"), now);
            let conditions =
                got.map(|object| object.at(&["status", "conditions"]).cloned().unwrap_or_default());
            assert_eq!(conditions, want);
        };
        let passed = |since: &str| {
            json!({"type": "Available", "status": "True", "lastTransitionTime": since,
                "reason": "Passed", "message": "all checks passed"})
        };
        let other = json!({"type": "StatusUpdated", "status": "True", "reason": "E2E"});
        let new = "1970-01-01T00:01:40Z";
        check(json!({}), Finding::passed(), Some(json!([passed(new)])));
        check(json!({"conditions": [other, passed("old")]}), Finding::passed(), None);
        let gone = Finding::missing("ServiceNotFound", "gone".into());
        let want = json!({"type": "Available", "status": "False", "lastTransitionTime": new,
            "reason": "ServiceNotFound", "message": "gone"});
        check(json!({"conditions": [passed("old"), other]}), gone.clone(), Some(json!([want, other])));
        let failed = json!({"type": "Available", "status": "False", "lastTransitionTime": "old",
            "reason": "FailedDiscoveryCheck", "message": "x"});
        let mut kept = want.clone();
        kept["lastTransitionTime"] = "old".into();
        check(json!({"conditions": [failed]}), gone, Some(json!([kept])));
    }
}
