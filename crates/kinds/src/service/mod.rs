//! `v1 Service`.
//!
//! - [`defaults`], [`validate`], [`status`], [`warnings`]: upstream's rules.
//! - [`allocate`]: cluster IPs and node ports, which are *claims* of the service: the engine
//!   commits them with it, so that no two services ever hold the same.

mod allocate;
mod columns;
mod defaults;
mod status;
mod validate;
mod warnings;

use ipnet::IpNet;
use ironclad_api::validation::name::{self, NameRule};
use ironclad_api::{FieldError, GroupVersionKind, Object, Status};
use ironclad_engine::strategy::{
    KindSpec, Part, Preparation, Scope, SelectableField, Strategy, Subresource, SubresourceKind,
};
use k8s_openapi::api::core::v1 as core;

use crate::spec::{names, spec, typed};

/// The ports that node ports are taken from.
pub const NODE_PORTS: std::ops::RangeInclusive<i32> = 30_000..=32_767;
const NONE: &str = "None";

pub struct Service {
    spec: KindSpec,
    /// The network that cluster IPs are taken from.
    network: IpNet,
}

impl Service {
    pub fn new(network: IpNet) -> Self {
        let proxy = Subresource {
            name: "proxy".into(),
            kind: Some(GroupVersionKind::new("", "v1", "ServiceProxyOptions")),
            verbs: &["create", "delete", "get", "patch", "update"],
            does: SubresourceKind::Connect,
        };
        Self {
            spec: KindSpec {
                short_names: names(["svc"]),
                categories: names(["all"]),
                columns: columns::all(),
                selectable: vec![SelectableField::at("spec.clusterIP"), SelectableField::at("spec.type")],
                subresources: vec![proxy, Subresource::status()],
                storage_prefix: Some("services/specs".into()),
                ..spec("", "v1", "Service", "services", Scope::Namespaced)
            },
            network,
        }
    }
}

impl Strategy for Service {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    /// A DNS label since 1.36 (KEP-5311).
    fn name_rule(&self) -> NameRule {
        name::label
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn default(&self, service: &mut Object) {
        defaults::apply(service);
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        if preparation.part != Part::Main {
            return Ok(());
        }
        if old.is_none() {
            new.0.insert("status".into(), serde_json::json!({ "loadBalancer": {} }));
        }
        let mut service: core::Service = typed(new);
        if let Some(old) = old {
            allocate::carry_over(&mut service, &typed(old));
        }
        let errors = allocate::Allocation { network: &self.network, preparation }.fill(&mut service);
        if !errors.is_empty() {
            let kind = ironclad_api::GroupKind::new("", "Service");
            return Err(Status::invalid(&kind, new.name(), &errors));
        }
        if let Ok(spec) = serde_json::to_value(&service.spec) {
            new.0.insert("spec".into(), spec);
        }
        Ok(())
    }

    fn claims(&self, service: &Object) -> Vec<String> {
        allocate::claims(&typed(service))
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match (preparation.part, old) {
            (Part::Main, old) => validate::service(&typed(new), old.map(typed).as_ref()),
            (Part::Status, Some(old)) => status::updated(&typed(new), &typed(old)),
            (Part::Status | Part::Named(_), _) => Vec::new(),
        }
    }

    fn warnings(&self, new: &Object, _: Option<&Object>) -> Vec<String> {
        warnings::warnings(new)
    }
}

// === what a service is ===

fn is(service: &core::ServiceSpec, types: &[&str]) -> bool {
    types.contains(&service.type_.as_deref().unwrap_or("ClusterIP"))
}

fn is_headless(spec: &core::ServiceSpec) -> bool {
    spec.cluster_ip.as_deref() == Some(NONE)
        || spec.cluster_ips.as_ref().and_then(|ips| ips.first()).is_some_and(|ip| ip == NONE)
}

fn needs_cluster_ip(spec: &core::ServiceSpec) -> bool {
    is(spec, &["ClusterIP", "NodePort", "LoadBalancer"])
}

fn needs_node_ports(spec: &core::ServiceSpec) -> bool {
    is(spec, &["NodePort"])
        || is(spec, &["LoadBalancer"]) && spec.allocate_load_balancer_node_ports != Some(false)
}

fn needs_health_check_port(spec: &core::ServiceSpec) -> bool {
    is(spec, &["LoadBalancer"]) && spec.external_traffic_policy.as_deref() == Some("Local")
}

fn is_externally_accessible(spec: &core::ServiceSpec) -> bool {
    is(spec, &["NodePort", "LoadBalancer"])
        || is(spec, &["ClusterIP"]) && spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty())
}
