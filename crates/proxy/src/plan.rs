//! From objects to what should be in the kernel.

use std::sync::Arc;

use ironclad_nft::{Family, Ruleset, TableId};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::base;
use crate::choose::choose;
use crate::endpoint::{Endpoint, Slices};
use crate::facts::NodeFacts;
use crate::health::{self, HealthCheck};
use crate::names::TABLE;
use crate::rules::PortRules;
use crate::service::{self, Protocol, ServicePort, identity};
use crate::stale::UdpServices;

/// What this node is to do for the cluster's services.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub ruleset: Arc<Ruleset>,
    /// Who answers for UDP services, to find connections to endpoints that left.
    pub udp: UdpServices,
    /// Ports where load balancers ask for local endpoints.
    pub health_checks: Vec<HealthCheck>,
}

/// The plan for these services and endpoints on that node. The order of the
/// objects does not matter. Objects that make no sense are left out.
pub fn plan(services: &[Arc<Service>], slices: &[Arc<EndpointSlice>], node: &NodeFacts) -> Plan {
    let slices = Slices::index(slices);
    let mut services: Vec<&Service> = services.iter().map(Arc::as_ref).collect();
    services.sort_by_key(|service| identity(service));
    let mut plan = Plan { udp: UdpServices::for_node(node), ..Plan::default() };
    let mut ruleset = Ruleset::default();
    for family in [Family::Ip, Family::Ip6] {
        if node.families.contains(&family) {
            let table = Planner { family, node, slices: &slices }.table(&services, &mut plan.udp);
            ruleset.0.insert(TableId::new(family, TABLE), table);
        }
    }
    plan.ruleset = Arc::new(ruleset);
    plan.health_checks = health::checks(&services, &slices, node);
    plan
}

struct Planner<'a> {
    family: Family,
    node: &'a NodeFacts,
    slices: &'a Slices<'a>,
}

impl Planner<'_> {
    fn table(&self, services: &[&Service], udp: &mut UdpServices) -> ironclad_nft::Table {
        let mut table = base::table(self.family, self.node);
        for service in services {
            for port in service::ports(service, self.family) {
                let endpoints = self.endpoints(service, &port);
                let chosen = choose(&port, &endpoints, self.node);
                let (family, node) = (self.family, self.node);
                PortRules { family, node, port: &port, chosen: &chosen }.write(&mut table);
                if port.protocol == Protocol::Udp {
                    udp.add(&port, &endpoints);
                }
            }
        }
        table
    }

    fn endpoints(&self, service: &Service, port: &ServicePort) -> Vec<Endpoint<'_>> {
        self.slices.endpoints(identity(service), self.family, (&port.port_name, port.protocol))
    }
}
