//! What is wrong with the status of a Service: where its load balancer is reached.

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service};

use super::is;

const MODES: [&str; 2] = ["Proxy", "VIP"];

/// Upstream's `ValidateServiceStatusUpdate`.
pub(super) fn updated(new: &Service, old: &Service) -> Vec<FieldError> {
    let path = Path::new("status").child("loadBalancer").child("ingress");
    let points = ingress(new);
    if !points.is_empty() && !new.spec.as_ref().is_some_and(|spec| is(spec, &["LoadBalancer"])) {
        return vec![FieldError::forbidden(&path, "may only be used when `spec.type` is 'LoadBalancer'")];
    }
    let stored: Vec<&str> = ingress(old).iter().filter_map(|point| point.ip.as_deref()).collect();
    points.iter().enumerate().flat_map(|(index, point)| one(point, &stored, &path.index(index))).collect()
}

fn ingress(service: &Service) -> &[LoadBalancerIngress] {
    let balancer = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    balancer.and_then(|balancer| balancer.ingress.as_deref()).unwrap_or_default()
}

fn one(point: &LoadBalancerIngress, stored: &[&str], path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let ip = point.ip.as_deref().filter(|ip| !ip.is_empty());
    errors.extend(ip.into_iter().flat_map(|ip| validation::ip::legacy_ip(&path.child("ip"), ip, stored)));
    let mode = path.child("ipMode");
    match (point.ip_mode.as_deref(), ip) {
        (None, None) => {}
        (None, Some(_)) => errors.push(FieldError::required(&mode, "must be specified when `ip` is set")),
        (Some(_), None) => {
            errors.push(FieldError::forbidden(&mode, "may not be specified when `ip` is not set"))
        }
        (Some(given), Some(_)) if MODES.contains(&given) => {}
        (Some(given), Some(_)) => errors.push(FieldError::not_supported(&mode, given, MODES)),
    }
    if let Some(host) = point.hostname.as_deref().filter(|host| !host.is_empty()) {
        let path = path.child("hostname");
        let faults = validation::name::subdomain(host, false);
        errors.extend(validation::invalid_each(&path, host, faults));
        if validation::ip::parse_ip(host).is_some() {
            errors.push(FieldError::invalid(&path, host, "must be a DNS name, not an IP address"));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(kind: &str, ingress: Value, want: &[&str]) {
        let service = |ingress: &Value| -> Service {
            let status = json!({"loadBalancer": {"ingress": ingress}});
            serde_json::from_value(json!({"spec": {"type": kind}, "status": status})).expect("a service")
        };
        let old = service(&json!([{"ip": "010.0.0.1", "ipMode": "VIP"}]));
        let errors: Vec<String> = updated(&service(&ingress), &old).iter().map(ToString::to_string).collect();
        assert_eq!(errors, want, "{ingress}");
    }

    #[test]
    fn a_load_balancer_is_reached_at_addresses_and_names() {
        check(
            "LoadBalancer",
            json!([{"ip": "192.0.2.1", "ipMode": "VIP"}, {"hostname": "a.example.com"}]),
            &[],
        );
        check("LoadBalancer", json!([{"ip": "010.0.0.1", "ipMode": "Proxy"}]), &[]);
        check("ClusterIP", json!([]), &[]);
        check(
            "ClusterIP",
            json!([{"hostname": "a"}]),
            &["status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"],
        );
        check(
            "LoadBalancer",
            json!([{"ip": "x"}, {"ipMode": "VIP"}, {"ip": "192.0.2.1", "ipMode": "Foo"}, {"hostname": "192.0.2.1"}]),
            &[
                "status.loadBalancer.ingress[0].ip: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
                "status.loadBalancer.ingress[0].ipMode: Required value: must be specified when `ip` is set",
                "status.loadBalancer.ingress[1].ipMode: Forbidden: may not be specified when `ip` is not set",
                "status.loadBalancer.ingress[2].ipMode: Unsupported value: \"Foo\": supported values: \"Proxy\", \"VIP\"",
                "status.loadBalancer.ingress[3].hostname: Invalid value: \"192.0.2.1\": must be a DNS name, not an IP address",
            ],
        );
    }
}
