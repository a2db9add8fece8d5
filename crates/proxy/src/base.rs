//! The part of a table that does not depend on services: base chains, the maps
//! that services are entered in, and the rules that look into them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use ironclad_nft::{
    Bits, Chain, ChainKind, Datum, Family, Field, Hook, Kind, Name, RejectWith, Rule, SetRef, SetSpec,
    Statement, Table, Test, Verdict, key,
};

use crate::facts::NodeFacts;
use crate::names::*;

/// What a packet to a service is looked up by.
const SERVICE_KEY: [Field; 3] = [Field::DestAddr, Field::Protocol, Field::DestPort];
const NODEPORT_KEY: [Field; 2] = [Field::Protocol, Field::DestPort];

/// A family's table without any service in it.
pub(crate) fn table(family: Family, node: &NodeFacts) -> Table {
    let mut table = Table::default();
    add_sets(&mut table, family, node);
    add_base_chains(&mut table);
    add_services_chain(&mut table, family, node);
    add_checks(&mut table, family, node);
    add_masquerading(&mut table, family, node);
    table
}

fn add_sets(table: &mut Table, family: Family, node: &NodeFacts) {
    let addr = family.addr_kind();
    let sets = [
        (CLUSTER_IPS, SetSpec::of([addr])),
        (HAIRPIN_CONNECTIONS, SetSpec::of([addr, addr, Kind::Protocol, Kind::Port])),
        (SERVICE_IPS, SetSpec::verdict_map([addr, Kind::Protocol, Kind::Port])),
        (SERVICE_NODEPORTS, SetSpec::verdict_map([Kind::Protocol, Kind::Port])),
        (FIREWALL_IPS, SetSpec::verdict_map([addr, Kind::Protocol, Kind::Port])),
        (NO_ENDPOINT_SERVICES, SetSpec::verdict_map([addr, Kind::Protocol, Kind::Port])),
        (NO_ENDPOINT_NODEPORTS, SetSpec::verdict_map([Kind::Protocol, Kind::Port])),
    ];
    for (name, spec) in sets {
        table.set(&name.into(), || spec);
    }
    if let Some(addresses) = node.node_port_addresses(family) {
        let set = table.set(&NODEPORT_IPS.into(), || SetSpec::of([addr]));
        addresses.into_iter().for_each(|addr| set.add(key([Datum::Addr(addr)])));
    }
}

fn add_base_chains(table: &mut Table) {
    const BEFORE_DNAT: i32 = -110;
    const DNAT: i32 = -100;
    const FILTER: i32 = 0;
    const SNAT: i32 = 100;
    let (filter, nat) = (ChainKind::Filter, ChainKind::Nat);
    // Before Linux 5.9 `reject` works only in input, forward and output.
    let chains: [(&str, ChainKind, Hook, i32, &[&str]); 8] = [
        ("filter-prerouting-pre-dnat", filter, Hook::Prerouting, BEFORE_DNAT, &[FIREWALL_CHECK]),
        ("filter-output-pre-dnat", filter, Hook::Output, BEFORE_DNAT, &[FIREWALL_CHECK]),
        ("nat-prerouting", nat, Hook::Prerouting, DNAT, &[SERVICES]),
        ("nat-output", nat, Hook::Output, DNAT, &[SERVICES]),
        ("filter-input", filter, Hook::Input, FILTER, &[NODEPORT_ENDPOINTS_CHECK, SERVICE_ENDPOINTS_CHECK]),
        ("filter-forward", filter, Hook::Forward, FILTER, &[SERVICE_ENDPOINTS_CHECK, CLUSTER_IPS_CHECK]),
        ("filter-output", filter, Hook::Output, FILTER, &[SERVICE_ENDPOINTS_CHECK, CLUSTER_IPS_CHECK]),
        ("nat-postrouting", nat, Hook::Postrouting, SNAT, &[MASQUERADING]),
    ];
    for (name, kind, hook, priority, jumps) in chains {
        let rules = jumps.iter().map(|chain| jump(kind, &(*chain).into())).collect();
        table.chains.insert(name.into(), Chain { rules, ..Chain::base(kind, hook, priority) });
    }
}

/// Packets of known connections pass filters unseen; nat chains see none of them.
fn jump(kind: ChainKind, chain: &Name) -> Rule {
    let new = Statement::when(Field::CtState, Test::Any(Bits::NEW));
    match kind {
        ChainKind::Filter => Rule::new([new, Statement::jump(chain)]),
        ChainKind::Nat => Rule::new([Statement::jump(chain)]),
    }
}

fn add_services_chain(table: &mut Table, family: Family, node: &NodeFacts) {
    let mut rules = Vec::new();
    let to_cluster_ip = Statement::when(Field::DestAddr, Test::In(SetRef::named(CLUSTER_IPS)));
    let mark = Statement::MarkOr(MASQUERADE_MARK);
    let outside = outside(Field::SourceAddr, node.cluster_cidrs(family));
    if node.masquerade_all {
        rules.push(Rule::commented("masquerade all to cluster IPs", [to_cluster_ip, mark]));
    } else if !outside.is_empty() {
        let comment = "masquerade to cluster IPs from outside the cluster";
        let statements: Vec<_> = [to_cluster_ip].into_iter().chain(outside).chain([mark]).collect();
        rules.push(Rule::commented(comment, statements));
    }
    rules.push(Rule::new([dispatch(&SERVICE_KEY, SERVICE_IPS)]));
    let mut to_node_port = to_node(family, node, Some(Bits::LOCAL));
    to_node_port.push(dispatch(&NODEPORT_KEY, SERVICE_NODEPORTS));
    rules.push(Rule::new(to_node_port));
    table.chain(&SERVICES.into()).rules = rules;
}

/// Tests for destinations that have NodePorts. `local` also asks whether an
/// address is this machine's, where that is not clear already.
fn to_node(family: Family, node: &NodeFacts, local: Option<u32>) -> Vec<Statement> {
    if node.node_port_addresses(family).is_some() {
        return vec![Statement::when(Field::DestAddr, Test::In(SetRef::named(NODEPORT_IPS)))];
    }
    let local = local.map(|kind| Statement::when(Field::DestType, Test::Is(Datum::Index(kind))));
    let not_loopback = Statement::when(Field::DestAddr, Test::Outside(loopback(family)));
    local.into_iter().chain([not_loopback]).collect()
}

fn add_checks(table: &mut Table, family: Family, node: &NodeFacts) {
    let reject: Name = REJECT.into();
    let tcp = Statement::when(Field::Protocol, Test::Is(Datum::Protocol(6)));
    table.chain(&reject).rules = vec![
        Rule::new([tcp, Statement::Reject(RejectWith::TcpReset)]),
        Rule::new([Statement::Reject(RejectWith::PortUnreachable)]),
    ];
    table.chain(&FIREWALL_CHECK.into()).rules = vec![Rule::new([dispatch(&SERVICE_KEY, FIREWALL_IPS)])];
    table.chain(&SERVICE_ENDPOINTS_CHECK.into()).rules =
        vec![Rule::new([dispatch(&SERVICE_KEY, NO_ENDPOINT_SERVICES)])];
    let mut to_node_port = to_node(family, node, None);
    to_node_port.push(dispatch(&NODEPORT_KEY, NO_ENDPOINT_NODEPORTS));
    table.chain(&NODEPORT_ENDPOINTS_CHECK.into()).rules = vec![Rule::new(to_node_port)];

    let in_use = Statement::when(Field::DestAddr, Test::In(SetRef::named(CLUSTER_IPS)));
    let refuse = Rule::commented("unused ports of cluster IPs", [in_use, Statement::goto(&reject)]);
    // Some may be addresses of this machine, as that of the node's own DNS is.
    let elsewhere = || Statement::when(Field::DestType, Test::IsNot(Datum::Index(Bits::LOCAL)));
    let drop_unused = node.service_cidrs(family).map(|net| {
        let within = Statement::when(Field::DestAddr, Test::Within(net));
        let drop = Statement::Verdict(Verdict::Drop);
        Rule::commented("unused cluster IPs", [within, elsewhere(), drop])
    });
    table.chain(&CLUSTER_IPS_CHECK.into()).rules = [refuse].into_iter().chain(drop_unused).collect();
}

fn add_masquerading(table: &mut Table, family: Family, node: &NodeFacts) {
    let masquerade = || Statement::Masquerade { random_port: true };
    let marked = Statement::when(Field::Mark, Test::Any(MASQUERADE_MARK));
    let hairpin = Statement::Match {
        key: vec![Field::SourceAddr, Field::DestAddr, Field::Protocol, Field::DestPort],
        test: Test::In(SetRef::named(HAIRPIN_CONNECTIONS)),
    };
    let translated = Statement::when(Field::CtStatus, Test::Any(Bits::DNAT));
    let mut rules = vec![
        Rule::new([marked, Statement::MarkXor(MASQUERADE_MARK), masquerade()]),
        Rule::commented("a pod to itself, through its service", [translated, hairpin, masquerade()]),
    ];
    let sources = |_| node.cluster_cidrs(family).chain(node.behind(family));
    for net in node.unmasqueraded(family).iter().flat_map(sources) {
        let near = node.unmasqueraded(family).unwrap_or_default();
        let from_pod = Statement::when(Field::SourceAddr, Test::Within(net));
        let far = outside(Field::DestAddr, near.into_iter().chain([multicast(family)]));
        let statements: Vec<_> = [from_pod].into_iter().chain(far).chain([masquerade()]).collect();
        rules.push(Rule::commented("pods to outside the cluster", statements));
    }
    table.chain(&MASQUERADING.into()).rules = rules;
}

fn dispatch(key: &[Field], map: &str) -> Statement {
    Statement::Dispatch { key: key.to_vec(), map: SetRef::Named(Arc::from(map)) }
}

/// Tests that an address is in none of the nets.
fn outside(field: Field, nets: impl Iterator<Item = IpNet>) -> Vec<Statement> {
    nets.map(|net| Statement::when(field, Test::Outside(net))).collect()
}

fn loopback(family: Family) -> IpNet {
    match family {
        Family::Ip => Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into(),
        Family::Ip6 => IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    }
}

fn multicast(family: Family) -> IpNet {
    match family {
        Family::Ip => Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4).into(),
        Family::Ip6 => Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8).into(),
    }
}
