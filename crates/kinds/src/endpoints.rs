//! `v1 Endpoints`.

use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy, VersionSpec};
use k8s_openapi::api::core::v1 as core;

use crate::columns::{NONE, age, name, text};
use crate::endpoint_address::validate_reachable;
use crate::spec::{default_to, names, objects_at, schema, spec, typed};

const DEPRECATION: &str = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
/// Addresses that the Endpoints column shows.
const SHOWN: usize = 3;

pub struct Endpoints {
    spec: KindSpec,
}

impl Endpoints {
    pub fn new() -> Self {
        let mut version = VersionSpec::stored("v1", schema("", "v1", "Endpoints"));
        version.deprecation = Some(DEPRECATION.into());
        Self {
            spec: KindSpec {
                versions: vec![version],
                singular: "endpoints".into(),
                short_names: names(["ep"]),
                columns: vec![name(), text("Endpoints", shown), age()],
                storage_prefix: Some("services/endpoints".into()),
                ..spec("", "v1", "Endpoints", "endpoints", Scope::Namespaced)
            },
        }
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for Endpoints {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn default(&self, endpoints: &mut Object) {
        for subset in objects_at(&mut endpoints.0, "subsets") {
            objects_at(subset, "ports").for_each(|port| default_to(port, "protocol", "TCP"));
        }
    }

    fn validate(&self, new: &Object, _: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let endpoints: core::Endpoints = typed(new);
        let path = Path::new("subsets");
        let subsets = endpoints.subsets.iter().flatten().enumerate();
        subsets.flat_map(|(index, subset)| validate_subset(subset, &path.index(index))).collect()
    }
}

/// `10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...`
fn shown(endpoints: &Object) -> String {
    let endpoints: core::Endpoints = typed(endpoints);
    let mut all = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        let ips: Vec<&str> = subset.addresses.iter().flatten().map(|address| address.ip.as_str()).collect();
        let ports = subset.ports.as_deref().unwrap_or_default();
        if ports.is_empty() {
            all.extend(ips.iter().map(|ip| (*ip).to_owned()));
        }
        for port in ports {
            all.extend(ips.iter().map(|ip| join_host_port(ip, port.port)));
        }
    }
    match all.len() {
        0 if endpoints.subsets.iter().flatten().next().is_none() => NONE.into(),
        count if count > SHOWN => format!("{} + {} more...", all[..SHOWN].join(","), count - SHOWN),
        _ => all.join(","),
    }
}

fn join_host_port(ip: &str, port: i32) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

fn validate_subset(subset: &core::EndpointSubset, path: &Path) -> Vec<FieldError> {
    let addresses = subset.addresses.as_deref().unwrap_or_default();
    let not_ready = subset.not_ready_addresses.as_deref().unwrap_or_default();
    let mut errors = Vec::new();
    if addresses.is_empty() && not_ready.is_empty() {
        errors.push(FieldError::required(path, "must specify `addresses` or `notReadyAddresses`"));
    }
    for (field, list) in [("addresses", addresses), ("notReadyAddresses", not_ready)] {
        let path = path.child(field);
        let each = list.iter().enumerate();
        errors.extend(each.flat_map(|(index, address)| validate_address(address, &path.index(index))));
    }
    let ports = subset.ports.as_deref().unwrap_or_default();
    let needs_names = ports.len() > 1;
    for (index, port) in ports.iter().enumerate() {
        errors.extend(validate_port(port, needs_names, &path.child("ports").index(index)));
    }
    errors
}

fn validate_address(address: &core::EndpointAddress, path: &Path) -> Vec<FieldError> {
    let ip = path.child("ip");
    let mut errors = validation::ip::legacy_ip(&ip, &address.ip, &[]);
    if let Some(hostname) = address.hostname.as_deref().filter(|hostname| !hostname.is_empty()) {
        let faults = validation::dns1123_label(hostname);
        errors.extend(validation::invalid_each(&path.child("hostname"), hostname, faults));
    }
    if let Some(node) = address.node_name.as_deref() {
        let faults = validation::name::subdomain(node, false);
        errors.extend(validation::invalid_each(&path.child("nodeName"), node, faults));
    }
    errors.extend(validate_reachable(&address.ip, &ip));
    errors
}

fn validate_port(port: &core::EndpointPort, needs_name: bool, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    match port.name.as_deref().unwrap_or_default() {
        "" if needs_name => errors.push(FieldError::required(&path.child("name"), "")),
        "" => {}
        name => errors.extend(validation::invalid_each(
            &path.child("name"),
            name,
            validation::dns1123_label(name),
        )),
    }
    let number = i64::from(port.port);
    for fault in validation::number::port_number(number) {
        errors.push(FieldError::invalid(&path.child("port"), number, fault));
    }
    match port.protocol.as_deref().unwrap_or_default() {
        "" => errors.push(FieldError::required(&path.child("protocol"), "")),
        protocol if PROTOCOLS.contains(&protocol) => {}
        protocol => errors.push(FieldError::not_supported(&path.child("protocol"), protocol, PROTOCOLS)),
    }
    if let Some(protocol) = &port.app_protocol {
        let faults = validation::qualified_name(protocol);
        errors.extend(validation::invalid_each(&path.child("appProtocol"), protocol, faults));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_is_no_address_is_told_twice_as_upstream_does() {
        let kind = Endpoints::new();
        let new = json!({"metadata": {"name": "e"}, "subsets": [{"addresses": [{"ip": "x"}]}]});
        crate::testing::check_create(
            &kind,
            new,
            &[
                "subsets[0].addresses[0].ip: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
                "subsets[0].addresses[0].ip: Invalid value: \"x\": must be a valid IP address",
            ],
        );
    }

    #[test]
    fn who_uses_endpoints_is_told_of_slices() {
        let kind = Endpoints::new();
        assert_eq!(kind.spec().versions[0].deprecation.as_deref(), Some(DEPRECATION));
    }

    #[test]
    fn the_endpoints_column_shows_three_and_counts_the_rest() {
        let object = |subsets: Value| Object::from_value(json!({ "subsets": subsets })).expect("an object");
        let addresses =
            |count: usize| (1..=count).map(|n| json!({"ip": format!("10.0.0.{n}")})).collect::<Vec<_>>();
        for (subsets, expected) in [
            (json!([]), "<none>"),
            (json!([{"addresses": addresses(1), "ports": [{"port": 80}]}]), "10.0.0.1:80"),
            (json!([{"addresses": addresses(2)}]), "10.0.0.1,10.0.0.2"),
            (
                json!([{"addresses": addresses(5), "ports": [{"port": 80}]}]),
                "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...",
            ),
            (json!([{"notReadyAddresses": addresses(1), "ports": [{"port": 80}]}]), ""),
        ] {
            assert_eq!(shown(&object(subsets.clone())), expected, "{subsets}");
        }
    }
}
