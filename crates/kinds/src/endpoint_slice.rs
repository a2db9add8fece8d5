//! `discovery.k8s.io/v1 EndpointSlice`.

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::discovery::v1 as discovery;
use serde_json::Value;

use crate::columns::{age, name, text};
use crate::spec::{default_to, objects_at, spec, typed};

const FAMILIES: [&str; 3] = ["FQDN", "IPv4", "IPv6"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const MAX_ENDPOINTS: usize = 1000;
const MAX_ADDRESSES: usize = 100;
const MAX_PORTS: usize = 20_000;
const MAX_HINTS: usize = 8;
/// Ports and addresses that a column shows.
const SHOWN: usize = 3;
const UNSET: &str = "<unset>";

pub struct EndpointSlice {
    spec: KindSpec,
}

impl EndpointSlice {
    pub fn new() -> Self {
        let family = text("AddressType", |slice| slice.str_at(&["addressType"]).to_owned());
        Self {
            spec: KindSpec {
                // Upstream counts generations of slices though they have no status.
                generation: true,
                columns: vec![name(), family, text("Ports", ports), text("Endpoints", addresses), age()],
                ..spec("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", Scope::Namespaced)
            },
        }
    }
}

impl Default for EndpointSlice {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for EndpointSlice {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn counts_labels(&self) -> bool {
        true
    }

    fn default(&self, slice: &mut Object) {
        for list in ["endpoints", "ports"] {
            if let Some(value) =
                slice.0.get_mut(list).filter(|value| value.as_array().is_some_and(Vec::is_empty))
            {
                *value = Value::Null;
            }
        }
        for port in objects_at(&mut slice.0, "ports") {
            default_to(port, "name", "");
            default_to(port, "protocol", "TCP");
        }
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let slice: discovery::EndpointSlice = typed(new);
        let mut errors: Vec<_> = validate_family(&slice.address_type).into_iter().collect();
        errors.extend(validate_endpoints(&slice));
        errors.extend(validate_ports(slice.ports.as_deref().unwrap_or_default()));
        if let Some(old) = old {
            let family = |slice: &Object| slice.0.get("addressType").cloned().unwrap_or_default();
            errors.extend(validation::meta::immutable(&Path::new("addressType"), &family(new), &family(old)));
        }
        errors
    }
}

fn shown(all: Vec<String>) -> String {
    match all.len() {
        0 => UNSET.into(),
        count if count > SHOWN => format!("{} + {} more...", all[..SHOWN].join(","), count - SHOWN),
        _ => all.join(","),
    }
}

fn ports(slice: &Object) -> String {
    let ports = slice.at(&["ports"]).and_then(Value::as_array).into_iter().flatten();
    let each = ports.map(|port| match (port["port"].as_i64(), port["name"].as_str()) {
        (Some(number), _) => number.to_string(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => "*".to_owned(),
    });
    shown(each.collect())
}

fn addresses(slice: &Object) -> String {
    let endpoints = slice.at(&["endpoints"]).and_then(Value::as_array).into_iter().flatten();
    let addresses = endpoints.flat_map(|endpoint| endpoint["addresses"].as_array().into_iter().flatten());
    shown(addresses.filter_map(Value::as_str).map(str::to_owned).collect())
}

fn validate_family(family: &str) -> Option<FieldError> {
    let path = Path::new("addressType");
    match family {
        "" => Some(FieldError::required(&path, "")),
        family if FAMILIES.contains(&family) => None,
        family => Some(FieldError::not_supported(&path, family, FAMILIES)),
    }
}

fn validate_endpoints(slice: &discovery::EndpointSlice) -> Vec<FieldError> {
    let path = Path::new("endpoints");
    let endpoints = slice.endpoints.as_deref().unwrap_or_default();
    if endpoints.len() > MAX_ENDPOINTS {
        return vec![FieldError::too_many(&path, endpoints.len(), MAX_ENDPOINTS)];
    }
    let each = endpoints.iter().enumerate();
    each.flat_map(|(index, endpoint)| validate_endpoint(endpoint, &slice.address_type, &path.index(index)))
        .collect()
}

fn validate_endpoint(endpoint: &discovery::Endpoint, family: &str, path: &Path) -> Vec<FieldError> {
    let addresses_path = path.child("addresses");
    let mut errors = Vec::new();
    match endpoint.addresses.len() {
        0 => errors.push(FieldError::required(&addresses_path, "must contain at least 1 address")),
        count if count > MAX_ADDRESSES => {
            errors.push(FieldError::too_many(&addresses_path, count, MAX_ADDRESSES))
        }
        _ => {}
    }
    for (index, address) in endpoint.addresses.iter().enumerate() {
        errors.extend(validate_address(address, family, &addresses_path.index(index)));
    }
    if let Some(node) = endpoint.node_name.as_deref() {
        let faults = validation::name::subdomain(node, false);
        errors.extend(validation::invalid_each(&path.child("nodeName"), node, faults));
    }
    for key in endpoint.deprecated_topology.iter().flatten().map(|(key, _)| key) {
        errors.extend(validation::label::label_key(&path.child("deprecatedTopology"), key));
    }
    if let Some(hostname) = &endpoint.hostname {
        let faults = validation::dns1123_label(hostname);
        errors.extend(validation::invalid_each(&path.child("hostname"), hostname, faults));
    }
    errors.extend(endpoint.hints.iter().flat_map(|hints| validate_hints(hints, &path.child("hints"))));
    errors
}

fn validate_hints(hints: &discovery::EndpointHints, path: &Path) -> Vec<FieldError> {
    let zones: Vec<&str> = hints.for_zones.iter().flatten().map(|zone| zone.name.as_str()).collect();
    let nodes: Vec<&str> = hints.for_nodes.iter().flatten().map(|node| node.name.as_str()).collect();
    let mut errors = Vec::new();
    for (field, names, rule) in [
        ("forZones", zones, validation::label_value as fn(&str) -> Vec<String>),
        ("forNodes", nodes, |name| validation::name::subdomain(name, false)),
    ] {
        let path = path.child(field);
        if names.len() > MAX_HINTS {
            errors.push(FieldError::too_many(&path, names.len(), MAX_HINTS));
            return errors;
        }
        let mut seen = BTreeSet::new();
        for (index, name) in names.into_iter().enumerate() {
            let path = path.index(index).child("name");
            if !seen.insert(name) {
                errors.push(FieldError::duplicate(&path, name));
            }
            errors.extend(validation::invalid_each(&path, name, rule(name)));
        }
    }
    errors
}

fn validate_address(address: &str, family: &str, path: &Path) -> Vec<FieldError> {
    let four = |errors: &mut Vec<FieldError>, wanted: bool| {
        let parsed = validation::ip::parse_ip(address);
        if parsed.is_some_and(|ip| ip.is_ipv4() != wanted) {
            let name = if wanted { "IPv4" } else { "IPv6" };
            errors.push(FieldError::invalid(path, address, format!("must be a valid {name} address")));
        }
    };
    let mut errors = Vec::new();
    match family {
        "IPv4" | "IPv6" => {
            errors.extend(validation::ip::legacy_ip(path, address, &[]));
            four(&mut errors, family == "IPv4");
        }
        "FQDN" => errors.extend(validation::dns::fully_qualified_name(path, address)),
        _ => {}
    }
    errors
}

fn validate_ports(ports: &[discovery::EndpointPort]) -> Vec<FieldError> {
    let path = Path::new("ports");
    if ports.len() > MAX_PORTS {
        return vec![FieldError::too_many(&path, ports.len(), MAX_PORTS)];
    }
    let mut names = BTreeSet::new();
    let mut errors = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = port.name.as_deref().unwrap_or_default();
        if !name.is_empty() {
            let faults = validation::dns1123_label(name);
            errors.extend(validation::invalid_each(&path.child("name"), name, faults));
        }
        if !names.insert(name) {
            errors.push(FieldError::duplicate(&path.child("name"), name));
        }
        match port.protocol.as_deref() {
            None | Some("") => errors.push(FieldError::required(&path.child("protocol"), "")),
            Some(protocol) if PROTOCOLS.contains(&protocol) => {}
            Some(protocol) => {
                errors.push(FieldError::not_supported(&path.child("protocol"), protocol, PROTOCOLS))
            }
        }
        if let Some(protocol) = &port.app_protocol {
            let faults = validation::qualified_name(protocol);
            errors.extend(validation::invalid_each(&path.child("appProtocol"), protocol, faults));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{check_create, object};

    fn slice(more: Value) -> Value {
        let mut slice = json!({
            "metadata": {"name": "s"}, "addressType": "IPv4", "ports": [], "endpoints": [{"addresses": ["10.0.0.1"]}],
        });
        if let (Some(slice), Value::Object(more)) = (slice.as_object_mut(), more) {
            slice.extend(more);
        }
        slice
    }

    #[test]
    fn empty_lists_are_served_as_null() {
        let made = object(&EndpointSlice::new(), slice(json!({"endpoints": []})));
        assert_eq!((&made.0["endpoints"], &made.0["ports"]), (&Value::Null, &Value::Null));
    }

    /// Texts of upstream 1.36.
    #[test]
    fn endpoints_are_held_against_upstreams_rules() {
        let check = |endpoint: Value, want: &[&str]| {
            check_create(&EndpointSlice::new(), slice(json!({"endpoints": [endpoint]})), want);
        };
        let hinted = |hints: Value| json!({"addresses": ["10.0.0.1"], "hints": hints});
        check(hinted(json!({"forZones": [{"name": "a"}], "forNodes": [{"name": "n"}]})), &[]);
        check(
            json!({"addresses": []}),
            &["endpoints[0].addresses: Required value: must contain at least 1 address"],
        );
        check(
            hinted(json!({"forZones": [{"name": "a"}, {"name": "a"}]})),
            &["endpoints[0].hints.forZones[1].name: Duplicate value: \"a\""],
        );
        let nine: Vec<Value> = (0..9).map(|n| json!({"name": format!("n{n}")})).collect();
        check(
            hinted(json!({"forNodes": nine})),
            &["endpoints[0].hints.forNodes: Too many: 9: must have at most 8 items"],
        );
    }
}
