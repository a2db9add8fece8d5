//! The defaults that only pods get, and not the templates that pods are made from.
//! Source: `SetDefaults_Pod`.

use ironclad_api::Object;
use ironclad_api::object::object_in;
use serde_json::{Map, Value};

use crate::pod_template::container_resources::{
    Amounts, aggregate, amounts_of, is_huge_page, is_pod_level, may_overcommit, parts,
};
use crate::pod_template::defaults;
use crate::spec::{default_to, object_at, objects_at};

const STARTED: [&str; 2] = ["containers", "initContainers"];

pub(super) fn pod(pod: &mut Object) {
    defaults::drop_init_annotations(pod.metadata_mut());
    let spec = pod.section_mut("spec");
    for list in STARTED {
        objects_at(spec, list).for_each(requests_from_limits);
    }
    pod_level(spec);
    default_to(spec, "enableServiceLinks", true);
    if spec.get("hostNetwork") == Some(&Value::Bool(true)) {
        host_ports(spec);
    }
    defaults::spec(spec);
    if let Some(status) = object_at(&mut pod.0, "status") {
        addresses(status);
    }
}

/// A container that is limited asks for as much.
fn requests_from_limits(container: &mut Map<String, Value>) {
    let Some(resources) = object_at(container, "resources") else { return };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else { return };
    let requests = object_in(resources, "requests");
    for (name, amount) in limits {
        requests.entry(name).or_insert(amount);
    }
}

/// With host networking every container's port is one of the host.
fn host_ports(spec: &mut Map<String, Value>) {
    for list in STARTED {
        for container in objects_at(spec, list) {
            for port in objects_at(container, "ports") {
                let given = port.get("hostPort").and_then(Value::as_i64).unwrap_or(0);
                if let Some(number) = port.get("containerPort").cloned().filter(|_| given == 0) {
                    port.insert("hostPort".into(), number);
                }
            }
        }
    }
}

/// What a pod as a whole asks for, where it says so in part (KEP-2837).
fn pod_level(spec: &mut Map<String, Value>) {
    let given = |field: &str| amounts_of(spec.get("resources").and_then(|resources| resources.get(field)));
    let (mut limits, mut requests) = (given("limits"), given("requests"));
    if limits.is_empty() && requests.is_empty() {
        return;
    }
    for (name, amount) in aggregate(parts(spec, "limits")) {
        if is_huge_page(&name) && !requests.contains_key(&name) {
            limits.entry(name).or_insert(amount);
        }
    }
    if !limits.is_empty() {
        for (name, amount) in aggregate(parts(spec, "requests")) {
            if is_pod_level(&name) && may_overcommit(&name) {
                requests.entry(name).or_insert(amount);
            }
        }
        for (name, amount) in limits.iter().filter(|(name, _)| is_pod_level(name)) {
            requests.entry(name.clone()).or_insert_with(|| amount.clone());
        }
    }
    let resources = object_in(spec, "resources");
    for (field, list) in [("limits", limits), ("requests", requests)] {
        fill(resources, field, list);
    }
}

/// Adds the amounts that are not there yet.
fn fill(resources: &mut Map<String, Value>, field: &str, amounts: Amounts) {
    if amounts.is_empty() {
        return;
    }
    let list = object_in(resources, field);
    for (name, amount) in amounts {
        list.entry(name).or_insert_with(|| amount.to_string().into());
    }
}

/// `podIP` is the first of `podIPs`; older agents set only the former.
fn addresses(status: &mut Map<String, Value>) {
    let single = status.get("podIP").and_then(Value::as_str).unwrap_or_default().to_owned();
    let first = status.get("podIPs").and_then(|ips| ips.get(0)?.get("ip")?.as_str()).map(str::to_owned);
    match first {
        None if single.is_empty() => {}
        None => drop(status.insert("podIPs".into(), serde_json::json!([{ "ip": single }]))),
        Some(first) if single.is_empty() => drop(status.insert("podIP".into(), first.into())),
        // A changed `podIP` is the newer truth.
        Some(first) if first != single => {
            status.insert("podIPs".into(), serde_json::json!([{ "ip": single }]));
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(spec: Value, pointer: &str, want: Option<Value>) {
        let mut object = Object::from_value(json!({ "spec": spec })).expect("an object");
        pod(&mut object);
        let once = object.clone().into_value();
        assert_eq!(once.pointer(&format!("/spec{pointer}")), want.as_ref(), "{pointer} of {once}");
        pod(&mut object);
        assert_eq!(object.into_value(), once, "defaults are there once");
    }

    #[test]
    fn limits_are_requests_too() {
        let container = json!({"containers": [{"resources": {
            "limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"},
        }}]});
        let requests = json!({"cpu": "500m", "memory": "1Gi"});
        check(container, "/containers/0/resources/requests", Some(requests));
        check(json!({"containers": [{"resources": {}}]}), "/containers/0/resources/requests", None);
    }

    #[test]
    fn ports_are_host_ports_on_the_host_network() {
        let spec = |host: bool| {
            let ports = json!([{"containerPort": 80}, {"containerPort": 81, "hostPort": 8081}]);
            json!({"hostNetwork": host, "containers": [{"ports": ports}]})
        };
        check(spec(true), "/containers/0/ports/0/hostPort", Some(json!(80)));
        check(spec(true), "/containers/0/ports/1/hostPort", Some(json!(8081)));
        check(spec(false), "/containers/0/ports/0/hostPort", None);
    }

    #[test]
    fn service_links_are_on() {
        check(json!({}), "/enableServiceLinks", Some(json!(true)));
        check(json!({"enableServiceLinks": false}), "/enableServiceLinks", Some(json!(false)));
    }

    #[test]
    fn a_pod_asks_for_what_its_containers_do_where_it_is_limited() {
        let containers =
            json!([{"resources": {"requests": {"cpu": "1"}}}, {"resources": {"requests": {"cpu": "2"}}}]);
        let spec = json!({"resources": {"limits": {"cpu": "4", "memory": "1Gi"}}, "containers": containers});
        check(spec, "/resources/requests", Some(json!({"cpu": "3", "memory": "1Gi"})));
        check(json!({"resources": {}, "containers": containers}), "/resources", Some(json!({})));
    }
}
