//! Variables that tell a container where services are, with those that Docker links had.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort};

/// The variables of the services a pod of that namespace sees: `kubernetes` of `default` always, those of
/// its own namespace if `links`, and only such as have an address.
pub fn variables(services: &[Service], namespace: &str, links: bool) -> BTreeMap<String, String> {
    let mut seen: BTreeMap<&str, &Service> = BTreeMap::new();
    for service in services {
        let name = service.metadata.name.as_deref().unwrap_or_default();
        let home = service.metadata.namespace.as_deref().unwrap_or_default();
        if address(service).is_none() {
            continue;
        }
        if home == "default" && name == "kubernetes" {
            seen.entry(name).or_insert(service);
        } else if home == namespace && links {
            seen.insert(name, service);
        }
    }
    seen.into_iter().flat_map(|(name, service)| of_service(name, service)).collect()
}

fn address(service: &Service) -> Option<&str> {
    let ip = service.spec.as_ref()?.cluster_ip.as_deref()?;
    (!ip.is_empty() && ip != "None").then_some(ip)
}

fn of_service(name: &str, service: &Service) -> Vec<(String, String)> {
    let ports = service.spec.as_ref().and_then(|s| s.ports.as_deref()).unwrap_or_default();
    let (Some(ip), Some(first)) = (address(service), ports.first()) else { return Vec::new() };
    let prefix = variable(name);
    let mut all = vec![
        (format!("{prefix}_SERVICE_HOST"), ip.to_owned()),
        (format!("{prefix}_SERVICE_PORT"), first.port.to_string()),
    ];
    for port in ports {
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            all.push((format!("{prefix}_SERVICE_PORT_{}", variable(name)), port.port.to_string()));
        }
    }
    all.push((format!("{prefix}_PORT"), url(ip, first)));
    for port in ports {
        let link = format!("{prefix}_PORT_{}_{}", port.port, protocol(port).to_ascii_uppercase());
        all.push((format!("{link}_PROTO"), protocol(port)));
        all.push((format!("{link}_PORT"), port.port.to_string()));
        all.push((format!("{link}_ADDR"), ip.to_owned()));
        all.push((link, url(ip, port)));
    }
    all
}

fn protocol(port: &ServicePort) -> String {
    port.protocol.as_deref().filter(|p| !p.is_empty()).unwrap_or("tcp").to_ascii_lowercase()
}

fn url(ip: &str, port: &ServicePort) -> String {
    let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    format!("{}://{host}:{}", protocol(port), port.port)
}

fn variable(name: &str) -> String {
    name.replace('-', "_").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn service(namespace: &str, name: &str, ip: &str, ports: Value) -> Service {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"clusterIP": ip, "ports": ports},
        }))
        .unwrap()
    }

    #[test]
    fn a_service_is_told_by_host_ports_and_links() {
        let services = [service(
            "ns",
            "my-web",
            "10.96.0.5",
            json!([{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]),
        )];
        let expected = [
            ("MY_WEB_PORT", "tcp://10.96.0.5:80"),
            ("MY_WEB_PORT_53_UDP", "udp://10.96.0.5:53"),
            ("MY_WEB_PORT_53_UDP_ADDR", "10.96.0.5"),
            ("MY_WEB_PORT_53_UDP_PORT", "53"),
            ("MY_WEB_PORT_53_UDP_PROTO", "udp"),
            ("MY_WEB_PORT_80_TCP", "tcp://10.96.0.5:80"),
            ("MY_WEB_PORT_80_TCP_ADDR", "10.96.0.5"),
            ("MY_WEB_PORT_80_TCP_PORT", "80"),
            ("MY_WEB_PORT_80_TCP_PROTO", "tcp"),
            ("MY_WEB_SERVICE_HOST", "10.96.0.5"),
            ("MY_WEB_SERVICE_PORT", "80"),
            ("MY_WEB_SERVICE_PORT_DNS", "53"),
            ("MY_WEB_SERVICE_PORT_HTTP", "80"),
        ];
        let found = variables(&services, "ns", true);
        assert_eq!(found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_services_in_sight_are_told() {
        let ports = || json!([{"port": 443}]);
        let services = [
            service("default", "kubernetes", "10.96.0.1", ports()),
            service("ns", "a", "10.96.0.2", ports()),
            service("ns", "headless", "None", ports()),
            service("other", "b", "10.96.0.3", ports()),
        ];
        let hosts = |namespace: &str, links: bool| {
            let found = variables(&services, namespace, links);
            found.into_keys().filter(|k| k.ends_with("_SERVICE_HOST")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(hosts("ns", true), "A_SERVICE_HOST KUBERNETES_SERVICE_HOST");
        assert_eq!(hosts("ns", false), "KUBERNETES_SERVICE_HOST");
    }
}
