//! The columns of `kubectl get services`.

use std::collections::BTreeSet;

use ironclad_api::Object;
use ironclad_engine::Column;
use k8s_openapi::api::core::v1 as core;
use serde_json::Value;

use crate::columns::{NONE, UNKNOWN, age, name, text, wide};
use crate::spec::typed;

/// The width that load balancers' addresses are cut to.
const MAX_WIDTH: usize = 16;

pub(super) fn all() -> Vec<Column> {
    vec![
        name(),
        text("Type", |service| service.str_at(&["spec", "type"]).to_owned()),
        text("Cluster-IP", cluster_ip),
        text("External-IP", external_ip),
        text("Port(s)", ports),
        age(),
        wide(text("Selector", selector)),
    ]
}

fn cluster_ip(service: &Object) -> String {
    let ips = service.at(&["spec", "clusterIPs"]).and_then(Value::as_array);
    ips.and_then(|ips| ips.first()?.as_str()).unwrap_or(NONE).to_owned()
}

fn external_ip(service: &Object) -> String {
    let service: core::Service = typed(service);
    let Some(spec) = &service.spec else { return UNKNOWN.into() };
    let external = spec.external_ips.clone().unwrap_or_default();
    match spec.type_.as_deref() {
        Some("ClusterIP" | "NodePort") if external.is_empty() => NONE.into(),
        Some("ClusterIP" | "NodePort") => external.join(","),
        Some("LoadBalancer") => {
            let balancers = load_balancers(&service);
            let all: Vec<String> =
                (!balancers.is_empty()).then_some(balancers).into_iter().chain(external).collect();
            if all.is_empty() { "<pending>".into() } else { all.join(",") }
        }
        Some("ExternalName") => spec.external_name.clone().unwrap_or_default(),
        _ => UNKNOWN.into(),
    }
}

fn load_balancers(service: &core::Service) -> String {
    let ingress = service.status.iter().flat_map(|status| &status.load_balancer);
    let ingress = ingress.flat_map(|balancer| balancer.ingress.iter().flatten());
    let addresses: BTreeSet<_> =
        ingress.filter_map(|ingress| ingress.ip.clone().or(ingress.hostname.clone())).collect();
    let joined = addresses.into_iter().collect::<Vec<_>>().join(",");
    match joined.get(..MAX_WIDTH - 3) {
        Some(start) if joined.len() > MAX_WIDTH => format!("{start}..."),
        _ => joined,
    }
}

/// `80/TCP,443:30443/TCP`
fn ports(service: &Object) -> String {
    let ports = service.at(&["spec", "ports"]).and_then(Value::as_array).into_iter().flatten();
    let each = ports.map(|port| {
        let number = port["port"].as_i64().unwrap_or(0);
        let protocol = port["protocol"].as_str().unwrap_or_default();
        match port["nodePort"].as_i64() {
            Some(node_port) if node_port > 0 => format!("{number}:{node_port}/{protocol}"),
            _ => format!("{number}/{protocol}"),
        }
    });
    let joined = each.collect::<Vec<_>>().join(",");
    if joined.is_empty() { NONE.into() } else { joined }
}

fn selector(service: &Object) -> String {
    let labels = ironclad_api::object::string_map(service.at(&["spec", "selector"]));
    let pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { NONE.into() } else { pairs.join(",") }
}
