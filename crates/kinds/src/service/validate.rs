//! What is wrong with a Service.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::core::v1::ServiceSpec;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::{NONE, is, is_externally_accessible, is_headless, needs_health_check_port};

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const FAMILIES: [&str; 2] = ["IPv4", "IPv6"];
const FAMILY_POLICIES: [&str; 3] = ["PreferDualStack", "RequireDualStack", "SingleStack"];
const TRAFFIC_POLICIES: [&str; 2] = ["Cluster", "Local"];
const DISTRIBUTIONS: [&str; 3] = ["PreferClose", "PreferSameZone", "PreferSameNode"];
const MAX_AFFINITY_SECONDS: i32 = 86_400;

/// Upstream's `validateService`, and what an update may not change.
pub(super) fn service(new: &core::Service, old: Option<&core::Service>) -> Vec<FieldError> {
    let empty = ServiceSpec::default();
    let spec = new.spec.as_ref().unwrap_or(&empty);
    let before = old.and_then(|old| old.spec.as_ref());
    let path = Path::new("spec");
    let mut errors = Vec::new();
    if let Some(before) = before {
        errors.extend(changed_addresses(spec, before, &path));
    }
    errors.extend(by_type(spec, &path));
    errors.extend(ports(spec, &path.child("ports")));
    errors.extend(
        spec.selector.iter().flat_map(|labels| validation::label::labels(&path.child("selector"), labels)),
    );
    errors.extend(affinity(spec, &path));
    if !is(spec, &["ExternalName"]) {
        errors.extend(cluster_ips(spec, before, &path));
    }
    errors.extend(external_ips(spec, before, &path.child("externalIPs")));
    let kind = spec.type_.as_deref().unwrap_or_default();
    errors.extend(one_of(kind, &TYPES, &path.child("type")));
    errors.extend(node_ports(spec, &path.child("ports")));
    errors.extend(load_balancer(spec, before, &path));
    errors.extend(traffic(spec, &path));
    errors
}

fn one_of(value: &str, allowed: &[&'static str], path: &Path) -> Option<FieldError> {
    match value {
        "" => Some(FieldError::required(path, "")),
        value if allowed.contains(&value) => None,
        value => Some(FieldError::not_supported(path, value, allowed.iter().copied())),
    }
}

/// Addresses and families stay, but for a service that comes from or becomes an alias.
fn changed_addresses(new: &ServiceSpec, old: &ServiceSpec, path: &Path) -> Vec<FieldError> {
    if is(new, &["ExternalName"]) || is(old, &["ExternalName"]) {
        return Vec::new();
    }
    let mut errors = Vec::new();
    let path_ips = path.child("clusterIPs");
    let (was, are) =
        (old.cluster_ips.as_deref().unwrap_or_default(), new.cluster_ips.as_deref().unwrap_or_default());
    match (was.first(), are.first()) {
        (Some(was), None) if !was.is_empty() => {
            errors.push(FieldError::invalid(
                &path_ips.index(0),
                json!(are),
                "primary clusterIP can not be unset",
            ));
        }
        (Some(was), Some(now)) if was != now && !was.is_empty() => {
            errors.push(FieldError::invalid(&path_ips.index(0), json!(are), "may not change once set"));
        }
        _ => {}
    }
    let (was, are) =
        (old.ip_families.as_deref().unwrap_or_default(), new.ip_families.as_deref().unwrap_or_default());
    match (was.first(), are.first()) {
        (Some(_), None) => {
            let path = path.child("ipFamilies").index(0);
            errors.push(FieldError::invalid(&path, json!(are), "primary ipFamily can not be unset"));
        }
        (Some(was), Some(now)) if was != now => {
            errors.push(FieldError::invalid(
                &path.child("ipFamilies").index(0),
                json!(are),
                "may not change once set",
            ));
        }
        _ => {}
    }
    errors
}

fn by_type(spec: &ServiceSpec, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let alias = is(spec, &["ExternalName"]);
    if spec.ports.as_ref().is_none_or(Vec::is_empty) && !is_headless(spec) && !alias {
        errors.push(FieldError::required(&path.child("ports"), ""));
    }
    for kind in ["LoadBalancer", "NodePort"] {
        if is(spec, &[kind]) && is_headless(spec) {
            let detail = format!("may not be set to 'None' for {kind} services");
            errors.push(FieldError::invalid(&path.child("clusterIPs").index(0), NONE, detail));
        }
    }
    if alias {
        errors.extend(validate_alias(spec, path));
    }
    errors
}

fn validate_alias(spec: &ServiceSpec, path: &Path) -> Vec<FieldError> {
    let given = [
        ("clusterIPs", spec.cluster_ips.as_ref().is_some_and(|ips| !ips.is_empty())),
        ("ipFamilies", spec.ip_families.as_ref().is_some_and(|families| !families.is_empty())),
        ("ipFamilyPolicy", spec.ip_family_policy.is_some()),
    ];
    let given = given.into_iter().filter(|(_, given)| *given);
    let forbid =
        |(field, _)| FieldError::forbidden(&path.child(field), "may not be set for ExternalName services");
    let mut errors: Vec<_> = given.map(forbid).collect();
    let path = path.child("externalName");
    let name = spec.external_name.as_deref().unwrap_or_default();
    match name.strip_suffix('.').unwrap_or(name) {
        "" => errors.push(FieldError::required(&path, "")),
        name => errors.extend(validation::invalid_each(&path, name, validation::dns1123_subdomain(name))),
    }
    errors
}

fn ports(spec: &ServiceSpec, path: &Path) -> Vec<FieldError> {
    let ports = spec.ports.as_deref().unwrap_or_default();
    let mut names = BTreeSet::new();
    let mut errors = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        match port.name.as_deref().unwrap_or_default() {
            "" if ports.len() > 1 => errors.push(FieldError::required(&path.child("name"), "")),
            "" => {}
            name => {
                let path = path.child("name");
                errors.extend(validation::invalid_each(&path, name, validation::dns1123_label(name)));
                if !names.insert(name) {
                    errors.push(FieldError::duplicate(&path, name));
                }
            }
        }
        errors.extend(port_number(port.port, &path.child("port")));
        errors.extend(one_of(
            port.protocol.as_deref().unwrap_or_default(),
            &PROTOCOLS,
            &path.child("protocol"),
        ));
        errors.extend(target_port(port.target_port.as_ref(), &path.child("targetPort")));
        if let Some(protocol) = &port.app_protocol {
            let faults = validation::qualified_name(protocol);
            errors.extend(validation::invalid_each(&path.child("appProtocol"), protocol, faults));
        }
    }
    errors
}

fn port_number(number: i32, path: &Path) -> Vec<FieldError> {
    let faults = validation::number::port_number(number.into());
    faults.into_iter().map(|fault| FieldError::invalid(path, number, fault)).collect()
}

fn target_port(target: Option<&IntOrString>, path: &Path) -> Vec<FieldError> {
    match target {
        Some(IntOrString::Int(number)) => port_number(*number, path),
        Some(IntOrString::String(name)) => {
            validation::invalid_each(path, name, validation::word::port_name(name))
        }
        None => Vec::new(),
    }
}

fn affinity(spec: &ServiceSpec, path: &Path) -> Vec<FieldError> {
    let config = path.child("sessionAffinityConfig");
    let kind = spec.session_affinity.as_deref().unwrap_or_default();
    let mut errors: Vec<_> =
        one_of(kind, &["ClientIP", "None"], &path.child("sessionAffinity")).into_iter().collect();
    let client = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
    let seconds = client.and_then(|client| client.timeout_seconds);
    match (kind, seconds) {
        ("ClientIP", None) => {
            errors.push(FieldError::required(&config, "when session affinity type is ClientIP"))
        }
        ("ClientIP", Some(seconds)) if !(1..=MAX_AFFINITY_SECONDS).contains(&seconds) => {
            let detail = format!("must be greater than 0 and less than {MAX_AFFINITY_SECONDS}");
            errors.push(FieldError::invalid(
                &config.child("clientIP").child("timeoutSeconds"),
                seconds,
                detail,
            ));
        }
        ("None", _) if spec.session_affinity_config.is_some() => {
            errors.push(FieldError::forbidden(&config, "must not be set when session affinity is None"));
        }
        _ => {}
    }
    errors
}

fn cluster_ips(spec: &ServiceSpec, old: Option<&ServiceSpec>, path: &Path) -> Vec<FieldError> {
    let ips = spec.cluster_ips.as_deref().unwrap_or_default();
    let field = path.child("clusterIPs");
    let invalid = |detail: &str| FieldError::invalid(&field, json!(ips), detail);
    let mut errors = Vec::new();
    match (spec.cluster_ip.as_deref().unwrap_or_default(), ips.first()) {
        ("", Some(_)) => errors.push(invalid("must be empty when `clusterIP` is not specified")),
        ("", None) => {}
        (_, None) => errors.push(FieldError::required(&field, "")),
        (ip, Some(first)) if ip != first => errors.push(invalid("first value must match `clusterIP`")),
        _ => {}
    }
    errors.extend(families(spec, path));
    let stored: Vec<&str> =
        old.iter().flat_map(|old| old.cluster_ips.iter().flatten()).map(String::as_str).collect();
    let mut malformed = Vec::new();
    for (index, ip) in ips.iter().enumerate() {
        if index == 0 && ip == NONE {
            if ips.len() > 1 {
                malformed.push(invalid("'None' must be the first and only value"));
            }
            continue;
        }
        malformed.extend(validation::ip::legacy_ip(&field.index(index), ip, &stored));
    }
    if ips.len() > 2 {
        errors.push(invalid("may only hold up to 2 values"));
    }
    if !malformed.is_empty() {
        errors.extend(malformed);
        return errors;
    }
    errors.extend(matching_families(spec, ips, &field));
    errors
}

fn families(spec: &ServiceSpec, path: &Path) -> Vec<FieldError> {
    let field = path.child("ipFamilies");
    let mut seen = BTreeSet::new();
    let mut errors = Vec::new();
    for (index, family) in spec.ip_families.iter().flatten().enumerate() {
        if !FAMILIES.contains(&family.as_str()) {
            errors.push(FieldError::not_supported(&field.index(index), family.as_str(), FAMILIES));
        }
        if !seen.insert(family) {
            errors.push(FieldError::duplicate(&field.index(index), family));
        }
    }
    if let Some(policy) = spec.ip_family_policy.as_deref().filter(|policy| !FAMILY_POLICIES.contains(policy))
    {
        errors.push(FieldError::not_supported(&path.child("ipFamilyPolicy"), policy, FAMILY_POLICIES));
    }
    errors
}

fn matching_families(spec: &ServiceSpec, ips: &[String], field: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let parsed: Vec<Option<IpAddr>> = ips.iter().map(|ip| validation::ip::parse_ip(ip)).collect();
    if let [Some(first), Some(second)] = parsed.as_slice()
        && first.is_ipv4() == second.is_ipv4()
    {
        let detail = "may specify no more than one IP for each IP family";
        errors.push(FieldError::invalid(field, json!(ips), detail));
    }
    let families = spec.ip_families.iter().flatten();
    for (index, ((ip, parsed), family)) in ips.iter().zip(&parsed).zip(families).enumerate() {
        let fits = parsed.is_none_or(|parsed| parsed.is_ipv4() == (family == "IPv4"));
        if !fits {
            let detail = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            errors.push(FieldError::invalid(&field.index(index), ip, detail));
        }
    }
    errors
}

fn external_ips(spec: &ServiceSpec, old: Option<&ServiceSpec>, path: &Path) -> Vec<FieldError> {
    let stored: Vec<&str> =
        old.iter().flat_map(|old| old.external_ips.iter().flatten()).map(String::as_str).collect();
    let each = spec.external_ips.iter().flatten().enumerate();
    each.flat_map(|(index, ip)| {
        let path = path.index(index);
        let errors = validation::ip::legacy_ip(&path, ip, &stored);
        if errors.is_empty() {
            crate::endpoint_address::validate_reachable(ip, &path).into_iter().collect()
        } else {
            errors
        }
    })
    .collect()
}

fn node_ports(spec: &ServiceSpec, path: &Path) -> Vec<FieldError> {
    let (mut node, mut own) = (BTreeSet::new(), BTreeSet::new());
    let mut errors = Vec::new();
    for (index, port) in spec.ports.iter().flatten().enumerate() {
        let path = path.index(index);
        let protocol = port.protocol.as_deref().unwrap_or_default();
        if let Some(number) = port.node_port.filter(|number| *number != 0) {
            let path = path.child("nodePort");
            if is(spec, &["ClusterIP"]) {
                errors.push(FieldError::forbidden(&path, "may not be used when `type` is 'ClusterIP'"));
            }
            if !node.insert((protocol, number)) {
                errors.push(FieldError::duplicate(&path, number));
            }
        }
        if !own.insert((protocol, port.port)) {
            let key = json!({ "port": port.port, "protocol": protocol, "targetPort": 0 });
            errors.push(FieldError::duplicate(&path, key));
        }
    }
    errors
}

fn load_balancer(spec: &ServiceSpec, old: Option<&ServiceSpec>, path: &Path) -> Vec<FieldError> {
    let balanced = is(spec, &["LoadBalancer"]);
    let only = "may only be used when `type` is 'LoadBalancer'";
    let mut errors = Vec::new();
    let ranges = spec.load_balancer_source_ranges.as_deref().unwrap_or_default();
    let field = path.child("LoadBalancerSourceRanges");
    if !ranges.is_empty() && !balanced {
        errors.push(FieldError::forbidden(&field, only));
    }
    for (index, range) in ranges.iter().enumerate() {
        errors.extend(validation::ip::legacy_cidr(&field.index(index), range.trim(), &[]));
    }
    match (spec.allocate_load_balancer_node_ports, balanced) {
        (Some(_), false) => {
            errors.push(FieldError::forbidden(&path.child("allocateLoadBalancerNodePorts"), only))
        }
        (None, true) => errors.push(FieldError::required(&Path::new("allocateLoadBalancerNodePorts"), "")),
        _ => {}
    }
    errors.extend(load_balancer_class(spec, old, &path.child("loadBalancerClass")));
    errors
}

fn load_balancer_class(spec: &ServiceSpec, old: Option<&ServiceSpec>, path: &Path) -> Vec<FieldError> {
    let class = spec.load_balancer_class.as_deref();
    if !is(spec, &["LoadBalancer"]) {
        let forbid = |_| FieldError::forbidden(path, "may only be used when `type` is 'LoadBalancer'");
        return class.map(forbid).into_iter().collect();
    }
    let was_balanced = old.filter(|old| is(old, &["LoadBalancer"]));
    if was_balanced.is_some_and(|old| old.load_balancer_class.as_deref() != class) {
        return vec![FieldError::invalid(path, json!(class), "may not change once set")];
    }
    class
        .map(|class| validation::invalid_each(path, class, validation::qualified_name(class)))
        .unwrap_or_default()
}

fn traffic(spec: &ServiceSpec, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let external = path.child("externalTrafficPolicy");
    let policy = spec.external_traffic_policy.as_deref().unwrap_or_default();
    if is_externally_accessible(spec) {
        errors.extend(one_of(policy, &TRAFFIC_POLICIES, &external));
    } else if !policy.is_empty() {
        errors.push(FieldError::invalid(
            &external,
            policy,
            "may only be set for externally-accessible services",
        ));
    }
    let health = path.child("healthCheckNodePort");
    match (needs_health_check_port(spec), spec.health_check_node_port.unwrap_or(0)) {
        (false, 0) => {}
        (false, port) => {
            let detail =
                "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            errors.push(FieldError::invalid(&health, port, detail));
        }
        (true, 0) => errors.push(FieldError::required(&health, "")),
        (true, port) => errors.extend(port_number(port, &health)),
    }
    let internal = path.child("internalTrafficPolicy");
    match spec.internal_traffic_policy.as_deref() {
        None if !is(spec, &["ExternalName"]) => errors.push(FieldError::required(&internal, "")),
        None => {}
        Some(policy) if TRAFFIC_POLICIES.contains(&policy) => {}
        Some(policy) => errors.push(FieldError::not_supported(&internal, policy, TRAFFIC_POLICIES)),
    }
    if let Some(distribution) = spec.traffic_distribution.as_deref().filter(|d| !DISTRIBUTIONS.contains(d)) {
        errors.push(FieldError::not_supported(
            &path.child("trafficDistribution"),
            distribution,
            DISTRIBUTIONS,
        ));
    }
    errors
}
