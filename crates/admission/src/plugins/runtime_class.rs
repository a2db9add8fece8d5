//! RuntimeClass: a pod of a class gets the class's overhead, node selector and tolerations.
//!
//! Source: <https://kubernetes.io/docs/concepts/containers/runtime-class/>, KEP-688.

use std::collections::BTreeMap;

use ironclad_api::object::{object_in, string_map};
use ironclad_api::quantity::Quantity;
use ironclad_api::{GroupResource, Object, ObjectKey, Status, goprint};
use ironclad_engine::gate::AdmissionRequest;
use serde_json::Value;

use super::{creates_pod, forbidden};
use crate::{Cluster, Plugin};

const OTHER_OVERHEAD: &str = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
const OWN_OVERHEAD: &str =
    "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";

pub(super) struct RuntimeClass;

impl Plugin for RuntimeClass {
    fn name(&self) -> &'static str {
        "RuntimeClass"
    }

    fn mutate(&self, request: &mut AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        if !creates_pod(request) {
            return Ok(());
        }
        let Some(class) = class(request, cluster)? else { return Ok(()) };
        set_overhead(request, &class)?;
        set_scheduling(request, &class)
    }

    /// What others made of the pod since is held against the class again.
    fn validate(&self, request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        if !creates_pod(request) {
            return Ok(());
        }
        let class = class(request, cluster)?;
        let wanted =
            class.as_ref().and_then(|class| class.at(&["overhead"])).filter(|given| given.is_object());
        let given = request.object.as_deref().and_then(|pod| pod.at(&["spec", "overhead"]));
        match wanted {
            Some(wanted) if amounts(wanted.get("podFixed")) != amounts(given) => {
                Err(forbidden(request, OTHER_OVERHEAD))
            }
            None if given.is_some_and(Value::is_object) => Err(forbidden(request, OWN_OVERHEAD)),
            _ => Ok(()),
        }
    }
}

/// The pod's class, which must exist.
fn class(request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<Option<Object>, Status> {
    let name = request.object.as_deref().and_then(|pod| pod.at(&["spec", "runtimeClassName"])?.as_str());
    let Some(name) = name else { return Ok(None) };
    let classes = GroupResource::new("node.k8s.io", "runtimeclasses");
    match cluster.cache.get(&classes, &ObjectKey::cluster(name)) {
        Some(class) => Ok(Some(class.object())),
        None => {
            let name = goprint::quote(name);
            Err(forbidden(request, format!("pod rejected: RuntimeClass {name} not found")))
        }
    }
}

fn amounts(list: Option<&Value>) -> BTreeMap<&str, Quantity> {
    let list = list.and_then(Value::as_object).into_iter().flatten();
    list.filter_map(|(name, amount)| Some((name.as_str(), Quantity::from_json(amount).ok()?))).collect()
}

fn set_overhead(request: &mut AdmissionRequest<'_>, class: &Object) -> Result<(), Status> {
    let Some(overhead) = class.at(&["overhead", "podFixed"]).filter(|given| given.is_object()) else {
        return Ok(());
    };
    let given = request.object.as_deref().and_then(|pod| pod.at(&["spec", "overhead"]));
    let given = amounts(given);
    if !given.is_empty() && given != amounts(Some(overhead)) {
        return Err(forbidden(request, OTHER_OVERHEAD));
    }
    if let Some(pod) = request.object.as_mut() {
        pod.section_mut("spec").insert("overhead".into(), overhead.clone());
    }
    Ok(())
}

fn set_scheduling(request: &mut AdmissionRequest<'_>, class: &Object) -> Result<(), Status> {
    let Some(scheduling) = class.at(&["scheduling"]).filter(|given| given.is_object()) else { return Ok(()) };
    let wanted = string_map(scheduling.get("nodeSelector"));
    let given = string_map(request.object.as_deref().and_then(|pod| pod.at(&["spec", "nodeSelector"])));
    for (key, value) in &wanted {
        if let Some(own) = given.get(key).filter(|own| *own != value) {
            let why = format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {own}"
            );
            return Err(forbidden(request, why));
        }
    }
    let Some(pod) = request.object.as_mut() else { return Ok(()) };
    let spec = pod.section_mut("spec");
    if !wanted.is_empty() {
        let selector = object_in(spec, "nodeSelector");
        selector.extend(wanted.into_iter().map(|(key, value)| (key, value.into())));
    }
    let list = |list: Option<&Value>| list.and_then(Value::as_array).cloned().unwrap_or_default();
    let tolerations = merged([list(spec.get("tolerations")), list(scheduling.get("tolerations"))].concat());
    if !tolerations.is_empty() {
        spec.insert("tolerations".into(), tolerations.into());
    }
    Ok(())
}

/// Without those that another one covers; of equal ones the first stays.
fn merged(all: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for (index, toleration) in all.iter().enumerate() {
        let earlier = kept.iter().any(|other| covers(other, toleration));
        let later = all.iter().skip(index + 1);
        let later = later.filter(|other| *other != toleration).any(|other| covers(other, toleration));
        if !earlier && !later {
            kept.push(toleration.clone());
        }
    }
    kept
}

/// Whether `wide` tolerates everything that `narrow` does.
fn covers(wide: &Value, narrow: &Value) -> bool {
    if wide == narrow {
        return true;
    }
    let text = |toleration: &'_ Value, field: &str| toleration[field].as_str().unwrap_or_default().to_owned();
    let (key, operator) = (text(wide, "key"), text(wide, "operator"));
    let all_keys = key.is_empty() && operator == "Exists";
    if key != text(narrow, "key") && !all_keys {
        return false;
    }
    let effect = text(wide, "effect");
    if !effect.is_empty() && effect != text(narrow, "effect") {
        return false;
    }
    let seconds = |toleration: &Value| toleration["tolerationSeconds"].as_i64();
    if effect == "NoExecute"
        && let Some(most) = seconds(wide)
        && seconds(narrow).is_none_or(|seconds| seconds > most)
    {
        return false;
    }
    match operator.as_str() {
        "" | "Equal" => text(narrow, "operator") == "Equal" && text(narrow, "value") == text(wide, "value"),
        "Exists" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Ask, mutate};

    fn run(class: Value, spec: Value) -> Result<Value, String> {
        let mut class = class;
        class["metadata"] = json!({"name": "g"});
        let pod = json!({"metadata": {"name": "p", "namespace": "a"}, "spec": spec});
        let pod = Object::from_value(pod).expect("an object");
        let world = [("node.k8s.io", "runtimeclasses", class)];
        let made = mutate(&RuntimeClass, &world, Ask::create("a", ("", "pods"), pod));
        made.map(|pod| pod.at(&["spec"]).cloned().unwrap_or_default()).map_err(|status| status.message)
    }

    #[test]
    fn a_pod_gets_what_its_class_says() {
        let class = json!({
            "overhead": {"podFixed": {"cpu": "100m"}},
            "scheduling": {"nodeSelector": {"a": "b"}, "tolerations": [{"key": "k", "operator": "Exists"}]},
        });
        let check = |spec: Value, want: Result<Value, &str>| {
            let want = want.map_err(|why| format!("pods \"p\" is forbidden: {why}"));
            assert_eq!(run(class.clone(), spec.clone()), want, "{spec}");
        };
        check(json!({}), Ok(json!({})));
        check(
            json!({"runtimeClassName": "g", "nodeSelector": {"c": "d"}}),
            Ok(json!({
                "runtimeClassName": "g", "overhead": {"cpu": "100m"}, "nodeSelector": {"a": "b", "c": "d"},
                "tolerations": [{"key": "k", "operator": "Exists"}],
            })),
        );
        check(json!({"runtimeClassName": "x"}), Err(r#"pod rejected: RuntimeClass "x" not found"#));
        check(json!({"runtimeClassName": "g", "overhead": {"cpu": "1"}}), Err(OTHER_OVERHEAD));
        check(
            json!({"runtimeClassName": "g", "nodeSelector": {"a": "c"}}),
            Err("conflict: runtimeClass.scheduling.nodeSelector[a] = b; pod.spec.nodeSelector[a] = c"),
        );
    }

    #[test]
    fn the_pods_own_overhead_is_refused() {
        use ironclad_client::testing::Objects;
        use ironclad_engine::gate::Context;

        let check = |spec: Value, want: Option<&str>| {
            let world = Objects::default();
            world.put(
                "node.k8s.io",
                "runtimeclasses",
                json!({"metadata": {"name": "g"}, "overhead": {"podFixed": {"cpu": "1"}}}),
            );
            let pod = json!({"metadata": {"name": "p", "namespace": "a"}, "spec": spec});
            let ask = Ask::create("a", ("", "pods"), Object::from_value(pod).expect("an object"));
            let answer = crate::testing::validate(&RuntimeClass, &world, &Context::default(), ask);
            let want = want.map(|why| format!("pods \"p\" is forbidden: {why}"));
            assert_eq!(answer.err().map(|status| status.message), want, "{spec}");
        };
        check(json!({}), None);
        check(json!({"overhead": {"cpu": "1"}}), Some(OWN_OVERHEAD));
        check(json!({"runtimeClassName": "g", "overhead": {"cpu": "1000m"}}), None);
        check(json!({"runtimeClassName": "g"}), Some(OTHER_OVERHEAD));
    }

    #[test]
    fn tolerations_that_others_cover_are_dropped() {
        let check = |all: Value, want: Value| {
            assert_eq!(Value::from(merged(all.as_array().cloned().unwrap_or_default())), want, "{all}");
        };
        let all = json!({"operator": "Exists"});
        let key = json!({"key": "k", "operator": "Exists"});
        let value = json!({"key": "k", "operator": "Equal", "value": "v"});
        let short = json!({"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5});
        let long = json!({"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9});
        check(json!([key, key]), json!([key]));
        check(json!([key, all]), json!([all]));
        check(json!([value, key]), json!([key]));
        check(json!([short, long]), json!([long]));
        check(json!([value, short]), json!([value, short]));
    }
}
