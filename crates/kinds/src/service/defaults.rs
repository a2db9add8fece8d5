//! Defaults of a Service.

use ironclad_api::Object;
use serde_json::{Map, Value, json};

use crate::spec::{default_to, objects_at};

const AFFINITY_SECONDS: i64 = 10_800;

pub(super) fn apply(service: &mut Object) {
    let spec = service.section_mut("spec");
    default_text(spec, "sessionAffinity", "None");
    default_text(spec, "type", "ClusterIP");
    affinity(spec);
    for port in objects_at(spec, "ports") {
        default_text(port, "protocol", "TCP");
        let unset =
            port.get("targetPort").is_none_or(|target| target.is_null() || *target == 0 || *target == "");
        if unset && let Some(number) = port.get("port").cloned() {
            port.insert("targetPort".into(), number);
        }
    }
    traffic(spec);
    let balanced = text(spec, "type") == "LoadBalancer";
    if balanced {
        default_to(spec, "allocateLoadBalancerNodePorts", true);
        ingress_modes(service);
    }
}

fn text<'a>(parent: &'a Map<String, Value>, field: &str) -> &'a str {
    parent.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Sets a string that is absent or empty.
fn default_text(parent: &mut Map<String, Value>, field: &str, value: &str) {
    if text(parent, field).is_empty() {
        parent.insert(field.to_owned(), value.into());
    }
}

fn affinity(spec: &mut Map<String, Value>) {
    match text(spec, "sessionAffinity") {
        "None" => drop(spec.remove("sessionAffinityConfig")),
        "ClientIP" => {
            let config = spec.get("sessionAffinityConfig");
            let given = config.is_some_and(|config| config["clientIP"]["timeoutSeconds"].is_number());
            if !given {
                let config = json!({ "clientIP": { "timeoutSeconds": AFFINITY_SECONDS } });
                spec.insert("sessionAffinityConfig".into(), config);
            }
        }
        _ => {}
    }
}

fn traffic(spec: &mut Map<String, Value>) {
    let kind = text(spec, "type").to_owned();
    let external_ips = spec.get("externalIPs").and_then(Value::as_array).is_some_and(|ips| !ips.is_empty());
    let external =
        ["NodePort", "LoadBalancer"].contains(&kind.as_str()) || kind == "ClusterIP" && external_ips;
    if external {
        default_text(spec, "externalTrafficPolicy", "Cluster");
    }
    if ["ClusterIP", "NodePort", "LoadBalancer"].contains(&kind.as_str()) {
        default_text(spec, "internalTrafficPolicy", "Cluster");
    }
}

fn ingress_modes(service: &mut Object) {
    let balancer = service.0.get_mut("status").and_then(|status| status.get_mut("loadBalancer"));
    let Some(balancer) = balancer.and_then(Value::as_object_mut) else { return };
    for ingress in objects_at(balancer, "ingress") {
        if !text(ingress, "ip").is_empty() {
            default_to(ingress, "ipMode", "VIP");
        }
    }
}
