//! What who writes a Service is told.

use ironclad_api::validation::ip::{cidr_warnings, ip_warning};
use ironclad_api::{Object, Path, goprint};
use k8s_openapi::api::core::v1::{Service, ServiceSpec};

use super::{NONE, is};
use crate::spec::typed;

const OLD_HINTS: &str = "service.kubernetes.io/topology-aware-hints";
const TOPOLOGY_MODE: &str = "service.kubernetes.io/topology-mode";

/// Upstream's `GetWarningsForService`, in its order.
pub(super) fn warnings(object: &Object) -> Vec<String> {
    let service: Service = typed(object);
    let spec = service.spec.unwrap_or_default();
    let path = Path::new("spec");
    let external = spec.external_ips.as_deref().unwrap_or_default();
    let headless = is(&spec, &["ClusterIP"]) && spec.cluster_ip.as_deref() == Some(NONE);
    let alias = is(&spec, &["ExternalName"]);

    let mut warnings = Vec::new();
    if object.annotation(OLD_HINTS).is_some() {
        warnings.push(format!("annotation {OLD_HINTS} is deprecated, please use {TOPOLOGY_MODE} instead"));
    }
    if spec.cluster_ip.as_deref().is_some_and(|ip| !ip.is_empty() && ip != NONE) {
        warnings.extend(addresses(spec.cluster_ips.as_deref(), &path.child("clusterIPs")));
    }
    if headless {
        warnings.extend(ignored_by_headless(&spec));
    }
    warnings.extend(addresses(Some(external), &path.child("externalIPs")));
    if !external.is_empty() && !headless && !alias {
        warnings
            .push("spec.externalIPs is deprecated and may no longer be implemented in some clusters".into());
    }
    let balancer = spec.load_balancer_ip.as_deref().filter(|ip| !ip.is_empty());
    warnings.extend(balancer.and_then(|ip| ip_warning(&path.child("loadBalancerIP"), ip)));
    let sources = spec.load_balancer_source_ranges.iter().flatten().enumerate();
    let of_source = |(index, cidr): (usize, &String)| {
        cidr_warnings(&path.child("loadBalancerSourceRanges").index(index), cidr)
    };
    warnings.extend(sources.flat_map(of_source));
    warnings.extend(of_type(&spec, alias));
    warnings
}

fn addresses(ips: Option<&[String]>, path: &Path) -> Vec<String> {
    let ips = ips.unwrap_or_default().iter().enumerate();
    ips.filter_map(|(index, ip)| ip_warning(&path.index(index), ip)).collect()
}

fn ignored_by_headless(spec: &ServiceSpec) -> impl Iterator<Item = String> + use<> {
    let set = |value: &Option<String>| value.as_deref().is_some_and(|text| !text.is_empty());
    let fields = [
        ("loadBalancerIP", set(&spec.load_balancer_ip)),
        ("externalIPs", spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty())),
        // Spelled as upstream does.
        ("SessionAffinity", spec.session_affinity.as_deref() != Some(NONE)),
    ];
    let set = fields.into_iter().filter(|(_, set)| *set);
    set.map(|(field, _)| format!("spec.{field} is ignored for headless services"))
}

fn of_type(spec: &ServiceSpec, alias: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    let kind = goprint::quote("ExternalName");
    if alias && spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty()) {
        warnings.push(format!("spec.externalIPs is ignored when spec.type is {kind}"));
    }
    if !alias && spec.external_name.as_ref().is_some_and(|name| !name.is_empty()) {
        warnings.push(format!("spec.externalName is ignored when spec.type is not {kind}"));
    }
    if spec.traffic_distribution.as_deref() == Some("PreferClose") {
        let (old, new) = (goprint::quote("PreferClose"), goprint::quote("PreferSameZone"));
        warnings.push(format!("spec.trafficDistribution: {old} is deprecated; use {new}"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Service;
    use crate::testing;

    fn check(spec: Value, want: &[&str]) {
        let service = Service::new("10.96.0.0/16".parse().expect("a network"));
        let new = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec});
        testing::check_warnings(&service, new, want);
    }

    #[test]
    fn who_writes_a_service_is_told_what_upstream_tells() {
        check(json!({"ports": [{"port": 80}]}), &[]);
        check(
            json!({"externalIPs": ["192.0.2.1"]}),
            &["spec.externalIPs is deprecated and may no longer be implemented in some clusters"],
        );
        check(
            json!({"clusterIP": "None", "externalIPs": ["192.0.2.1"], "sessionAffinity": "ClientIP"}),
            &[
                "spec.externalIPs is ignored for headless services",
                "spec.SessionAffinity is ignored for headless services",
            ],
        );
        check(
            json!({"type": "ExternalName", "externalName": "a.b", "externalIPs": ["192.0.2.1"]}),
            &["spec.externalIPs is ignored when spec.type is \"ExternalName\""],
        );
        check(
            json!({"externalName": "a.b", "trafficDistribution": "PreferClose", "loadBalancerIP": "::0:1"}),
            &[
                "spec.loadBalancerIP: IPv6 address \"::0:1\" should be in RFC 5952 canonical format (\"::1\")",
                "spec.externalName is ignored when spec.type is not \"ExternalName\"",
                "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"",
            ],
        );
    }
}
