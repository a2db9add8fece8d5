//! The chains and map entries of one service port.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ironclad_nft::{
    Bits, Data, Datum, Family, Field, Key, Kind, Name, NatTarget, Rule, Set, SetRef, SetSpec, Statement,
    Table, Test, Verdict, key,
};

use crate::choose::Chosen;
use crate::facts::NodeFacts;
use crate::names::*;
use crate::service::ServicePort;

/// The most clients that are remembered per endpoint; beyond it, the kernel
/// remembers none until others time out.
const AFFINITY_CLIENTS: u32 = 65_535;

/// Writes one service port into its family's table.
pub(crate) struct PortRules<'a> {
    pub(crate) family: Family,
    pub(crate) node: &'a NodeFacts,
    pub(crate) port: &'a ServicePort,
    pub(crate) chosen: &'a Chosen,
}

impl PortRules<'_> {
    pub(crate) fn write(&self, table: &mut Table) {
        table.set(&CLUSTER_IPS.into(), SetSpec::default).add(key([Datum::Addr(self.port.cluster_ip)]));
        self.capture_internal(table);
        self.capture_external(table);
        self.write_external_chain(table);
        self.write_firewall(table);
        self.write_endpoints(table, &self.port.names.cluster, &self.chosen.cluster);
        self.write_endpoints(table, &self.port.names.local, &self.chosen.local);
        self.write_affinity(table);
        self.write_hairpin(table);
    }

    /// The cluster IP: to the policy's chain, or refused for want of endpoints.
    fn capture_internal(&self, table: &mut Table) {
        let (chain, endpoints) = self.policy(self.port.internal_local);
        let ip = self.service_key(self.port.cluster_ip);
        match endpoints.is_empty() {
            false => enter(table, SERVICE_IPS, ip, Verdict::Goto(chain.clone())),
            true => enter(table, NO_ENDPOINT_SERVICES, ip, self.refusal()),
        }
    }

    /// External IPs, load balancers' IPs and the node port: to the external
    /// chain, which serves pods and this node even where nobody else is served.
    fn capture_external(&self, table: &mut Table) {
        let refused = self.policy(self.port.external_local).1.is_empty();
        let captured = Verdict::Goto(self.port.names.external.clone());
        for ip in self.port.external_ips.iter().chain(&self.port.load_balancer_ips) {
            if self.chosen.any {
                enter(table, SERVICE_IPS, self.service_key(*ip), captured.clone());
            }
            if refused {
                enter(table, NO_ENDPOINT_SERVICES, self.service_key(*ip), self.refusal());
            }
        }
        if let Some(port) = self.port.node_port {
            let node_port = || key([self.protocol(), Datum::Port(port)]);
            if self.chosen.any {
                enter(table, SERVICE_NODEPORTS, node_port(), captured);
            }
            if refused {
                enter(table, NO_ENDPOINT_NODEPORTS, node_port(), self.refusal());
            }
        }
    }

    fn write_external_chain(&self, table: &mut Table) {
        if !self.chosen.any || !self.port.is_external() {
            return;
        }
        let mut rules = match self.port.external_local {
            true => self.short_circuits(),
            // Another node's endpoint must answer through this node.
            false => vec![Rule::commented("masquerade", [Statement::MarkOr(MASQUERADE_MARK)])],
        };
        let (chain, endpoints) = self.policy(self.port.external_local);
        if !endpoints.is_empty() {
            rules.push(Rule::new([Statement::goto(chain)]));
        }
        table.chain(&self.port.names.external).rules = rules;
    }

    /// Under policy Local, traffic that starts inside goes to all endpoints, as
    /// if it had gone out to the load balancer and come back to some node.
    fn short_circuits(&self) -> Vec<Rule> {
        if self.chosen.cluster.is_empty() {
            return Vec::new();
        }
        let to_all = || Statement::goto(&self.port.names.cluster);
        let from_pods = self.node.cluster_cidrs(self.family).map(|net| {
            let from_pod = Statement::when(Field::SourceAddr, Test::Within(net));
            Rule::commented("short-circuit pod traffic", [from_pod, to_all()])
        });
        let from_node = || Statement::when(Field::SourceType, Test::Is(Datum::Index(Bits::LOCAL)));
        // The node's own source address may be the load balancer's.
        let mark =
            Rule::commented("masquerade local traffic", [from_node(), Statement::MarkOr(MASQUERADE_MARK)]);
        let local = Rule::commented("short-circuit local traffic", [from_node(), to_all()]);
        from_pods.chain([mark, local]).collect()
    }

    /// `loadBalancerSourceRanges`: everyone else is dropped before translation.
    fn write_firewall(&self, table: &mut Table) {
        if self.port.source_ranges.is_empty() || self.port.load_balancer_ips.is_empty() {
            return;
        }
        for ip in &self.port.load_balancer_ips {
            let chain = Verdict::Goto(self.port.names.firewall.clone());
            enter(table, FIREWALL_IPS, self.service_key(*ip), chain);
        }
        let others = Statement::when(Field::SourceAddr, Test::NotIn(self.allowed_sources()));
        table.chain(&self.port.names.firewall).rules =
            vec![Rule::new([others, Statement::Verdict(Verdict::Drop)])];
    }

    /// The ranges and, if the node itself is allowed, the load balancer's own
    /// addresses: traffic from the node to a local VIP has the VIP as source.
    fn allowed_sources(&self) -> SetRef {
        let mut nets = self.port.source_ranges.clone();
        let from_node = self.node.addresses.iter().any(|ip| nets.iter().any(|net| net.contains(ip)));
        if from_node {
            nets.extend(self.port.load_balancer_ips.iter().map(|ip| ipnet::IpNet::from(*ip)));
        }
        let spec = SetSpec { interval: true, ..SetSpec::of([self.family.addr_kind()]) };
        let mut set = Set::new(spec);
        for net in ipnet::IpNet::aggregate(&nets) {
            set.add_range(key([Datum::Addr(net.network())]), key([Datum::Addr(net.broadcast())]));
        }
        SetRef::inline(set)
    }

    /// A policy's chain: one endpoint of these, at random. With affinity, first
    /// the endpoint that the client had before.
    fn write_endpoints(&self, table: &mut Table, chain: &Name, endpoints: &[SocketAddr]) {
        let rules = match (endpoints, self.port.affinity) {
            ([], _) => return,
            (_, Some(_)) => self.sticky(endpoints),
            ([only], None) => vec![self.translate(NatTarget::To(only.ip(), only.port()))],
            (several, None) => vec![self.translate(self.random_of(several))],
        };
        table.chain(chain).rules = rules;
    }

    fn sticky(&self, endpoints: &[SocketAddr]) -> Vec<Rule> {
        let known = endpoints.iter().map(|endpoint| {
            let seen = SetRef::Named(self.port.names.affinity(endpoint));
            let seen = Statement::when(Field::SourceAddr, Test::In(seen));
            Rule::new([seen, Statement::goto(&self.port.names.endpoint(endpoint))])
        });
        let mut chains = Set::new(SetSpec::verdict_map([Kind::Index]));
        for (index, endpoint) in numbered(endpoints) {
            let goto = Verdict::Goto(self.port.names.endpoint(endpoint));
            chains.map(key([Datum::Index(index)]), Data::Verdict(goto));
        }
        let key = vec![Field::Random(count(endpoints))];
        let any = Rule::new([Statement::Dispatch { key, map: SetRef::inline(chains) }]);
        known.chain([any]).collect()
    }

    fn random_of(&self, endpoints: &[SocketAddr]) -> NatTarget {
        let spec = SetSpec::map([Kind::Index], [self.family.addr_kind(), Kind::Port]);
        let mut map = Set::new(spec);
        for (index, endpoint) in numbered(endpoints) {
            let to = key([Datum::Addr(endpoint.ip()), Datum::Port(endpoint.port())]);
            map.map(key([Datum::Index(index)]), Data::Values(to));
        }
        NatTarget::Lookup { key: vec![Field::Random(count(endpoints))], map: SetRef::inline(map) }
    }

    /// One chain per endpoint, which remembers the client and translates.
    fn write_affinity(&self, table: &mut Table) {
        let Some(timeout) = self.port.affinity else { return };
        for endpoint in self.chosen.reachable() {
            let set = self.port.names.affinity(&endpoint);
            table.set(&set, || affinity_spec(self.family, timeout));
            let key = vec![Field::SourceAddr];
            table.chain(&self.port.names.endpoint(&endpoint)).rules = vec![
                Rule::new([Statement::Remember { set, key, timeout: None }]),
                self.translate(NatTarget::To(endpoint.ip(), endpoint.port())),
            ];
        }
    }

    fn translate(&self, target: NatTarget) -> Rule {
        let protocol = Statement::when(Field::Protocol, Test::Is(self.protocol()));
        Rule::commented(&self.port.title, [protocol, Statement::Dnat(target)])
    }

    /// A pod that reaches itself would see its own address and answer itself.
    fn write_hairpin(&self, table: &mut Table) {
        let set = table.set(&HAIRPIN_CONNECTIONS.into(), SetSpec::default);
        for endpoint in &self.chosen.on_node {
            let addr = || Datum::Addr(endpoint.ip());
            set.add(key([addr(), addr(), self.protocol(), Datum::Port(endpoint.port())]));
        }
    }

    /// The chain and the endpoints of a traffic policy.
    fn policy(&self, local: bool) -> (&Name, &[SocketAddr]) {
        match local {
            true => (&self.port.names.local, &self.chosen.local),
            false => (&self.port.names.cluster, &self.chosen.cluster),
        }
    }

    /// What meets traffic for which there is no endpoint: an error at once where
    /// there is none in the whole cluster, silence where another node has one
    /// (the client, or its load balancer, is to try that).
    fn refusal(&self) -> Verdict {
        match self.chosen.any {
            true => Verdict::Drop,
            false => Verdict::Goto(REJECT.into()),
        }
    }

    fn protocol(&self) -> Datum {
        Datum::Protocol(self.port.protocol.number())
    }

    fn service_key(&self, ip: IpAddr) -> Key {
        key([Datum::Addr(ip), self.protocol(), Datum::Port(self.port.port)])
    }
}

fn affinity_spec(family: Family, timeout: Duration) -> SetSpec {
    SetSpec {
        dynamic: true,
        timeout: Some(timeout),
        size: Some(AFFINITY_CLIENTS),
        ..SetSpec::of([family.addr_kind()])
    }
}

/// Enters a verdict into a map. Where two services claim one address and port
/// the first by namespace and name has it.
fn enter(table: &mut Table, map: &str, key: Key, verdict: Verdict) {
    table.set(&map.into(), SetSpec::default).map(key, Data::Verdict(verdict));
}

fn numbered(endpoints: &[SocketAddr]) -> impl Iterator<Item = (u32, &SocketAddr)> {
    (0..).zip(endpoints)
}

fn count(endpoints: &[SocketAddr]) -> u32 {
    u32::try_from(endpoints.len()).unwrap_or(u32::MAX)
}
