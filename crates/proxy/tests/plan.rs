//! Objects in, rules out: each case says what a service adds to the ruleset of
//! a node without services.

mod objects;

use std::sync::Arc;

use ironclad_proxy::{Family, NodeFacts, NodePortAddresses, PodMasquerade, Ruleset, plan, render};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use objects::{node, service, slice, slice_of};
use serde_json::json;

/// Every element and rule as one line: `set: element`, `chain: rule`.
fn lines(ruleset: &Ruleset) -> Vec<String> {
    let mut lines = Vec::new();
    let mut place = String::new();
    for line in render(ruleset).lines() {
        let depth = line.len() - line.trim_start_matches('\t').len();
        let words = line.trim();
        match words.strip_suffix(" {") {
            Some(opened) if depth == 1 => place = opened.rsplit(' ').next().unwrap_or_default().into(),
            _ if words.ends_with('}') && depth < 2 || words.starts_with("elements") => {}
            _ if depth >= 2 && words != "}" => {
                lines.push(format!("{place}: {}", words.trim_end_matches(',')));
            }
            _ => {}
        }
    }
    lines
}

/// Compares what the objects add to the node's ruleset with the expected lines.
fn check_on(node: &NodeFacts, services: &[Arc<Service>], slices: &[Arc<EndpointSlice>], expected: &str) {
    let empty = lines(&plan(&[], &[], node).ruleset);
    let full = lines(&plan(services, slices, node).ruleset);
    assert!(empty.iter().all(|line| full.contains(line)), "the base is always there");
    let added: Vec<String> = full.into_iter().filter(|line| !empty.contains(line)).collect();
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    assert_eq!(added.join("\n"), expected.join("\n"));
}

fn check(service: Arc<Service>, endpoints: &[&str], expected: &str) {
    check_on(&node(), &[service], &[slice(endpoints)], expected);
}

#[test]
fn a_node_without_services() {
    let masquerade = PodMasquerade::Except(vec!["192.168.0.0/16".parse().expect("net")]);
    let mut node = NodeFacts { pod_masquerade: masquerade, ..node() };
    node.families.push(Family::Ip6);
    node.cluster_cidrs.push("fd00:10:244::/48".parse().expect("net"));
    node.service_cidrs.push("fd00:10:96::/112".parse().expect("net"));
    node.node_ports = NodePortAddresses::All;
    insta::assert_snapshot!("base", render(&plan(&[], &[], &node).ruleset));
}

#[test]
fn a_cluster_ip_leads_to_its_only_endpoint() {
    check(
        service(json!({})),
        &["10.244.0.5 @here"],
        "cluster-ips: 10.96.0.10
         hairpin-connections: 10.244.0.5 . 10.244.0.5 . tcp . 8080
         service-ips: 10.96.0.10 . tcp . 80 : goto service-default/web/tcp/http
         service-default/web/tcp/http: meta l4proto tcp dnat to 10.244.0.5:8080 comment \"default/web:http\"",
    );
}

#[test]
fn several_endpoints_are_chosen_at_random_and_only_local_ones_can_be_hairpins() {
    check(
        service(json!({})),
        &["10.244.1.5 @there", "10.244.0.5 @here"],
        "cluster-ips: 10.96.0.10
         hairpin-connections: 10.244.0.5 . 10.244.0.5 . tcp . 8080
         service-ips: 10.96.0.10 . tcp . 80 : goto service-default/web/tcp/http
         service-default/web/tcp/http: meta l4proto tcp dnat ip addr . port to numgen random mod 2 map { 0 : 10.244.0.5 . 8080, 1 : 10.244.1.5 . 8080 } comment \"default/web:http\"",
    );
}

#[test]
fn without_endpoints_all_addresses_are_refused() {
    let object = service(json!({
        "spec": {"type": "LoadBalancer", "externalIPs": ["1.2.3.4"], "ports": [
            {"name": "http", "protocol": "UDP", "port": 53, "nodePort": 30053},
        ]},
        "status": {"loadBalancer": {"ingress": [{"ip": "5.6.7.8"}]}},
    }));
    check(
        object,
        &["10.244.0.5 @here unready"],
        "cluster-ips: 10.96.0.10
         no-endpoint-nodeports: udp . 30053 : goto reject-chain
         no-endpoint-services: 1.2.3.4 . udp . 53 : goto reject-chain
         no-endpoint-services: 5.6.7.8 . udp . 53 : goto reject-chain
         no-endpoint-services: 10.96.0.10 . udp . 53 : goto reject-chain",
    );
}

#[test]
fn external_addresses_go_through_the_external_chain_and_are_masqueraded() {
    let object = service(json!({
        "spec": {"type": "LoadBalancer", "externalIPs": ["1.2.3.4", "fd00::1"], "ports": [
            {"name": "http", "port": 80, "nodePort": 30080},
        ]},
        "status": {"loadBalancer": {"ingress": [
            {"ip": "5.6.7.8", "ipMode": "VIP"}, {"ip": "5.6.7.9", "ipMode": "Proxy"}, {"hostname": "h"},
        ]}},
    }));
    check(
        object,
        &["10.244.1.5 @there"],
        "cluster-ips: 10.96.0.10
         service-ips: 1.2.3.4 . tcp . 80 : goto external-default/web/tcp/http
         service-ips: 5.6.7.8 . tcp . 80 : goto external-default/web/tcp/http
         service-ips: 10.96.0.10 . tcp . 80 : goto service-default/web/tcp/http
         service-nodeports: tcp . 30080 : goto external-default/web/tcp/http
         external-default/web/tcp/http: meta mark set meta mark | 0x00004000 comment \"masquerade\"
         external-default/web/tcp/http: goto service-default/web/tcp/http
         service-default/web/tcp/http: meta l4proto tcp dnat to 10.244.1.5:8080 comment \"default/web:http\"",
    );
}

const NODE_PORT_LOCAL: fn() -> Arc<Service> = || {
    service(json!({"spec": {
        "type": "NodePort",
        "externalTrafficPolicy": "Local",
        "ports": [{"name": "http", "port": 80, "nodePort": 30080}],
    }}))
};

const SHORT_CIRCUITS: &str = "
    external-default/web/tcp/http: ip saddr 10.244.0.0/16 goto service-default/web/tcp/http comment \"short-circuit pod traffic\"
    external-default/web/tcp/http: fib saddr type local meta mark set meta mark | 0x00004000 comment \"masquerade local traffic\"
    external-default/web/tcp/http: fib saddr type local goto service-default/web/tcp/http comment \"short-circuit local traffic\"";

#[test]
fn external_policy_local_keeps_to_this_node_and_keeps_the_source() {
    check(
        NODE_PORT_LOCAL(),
        &["10.244.0.5 @here", "10.244.1.5 @there"],
        &format!(
            "cluster-ips: 10.96.0.10
             hairpin-connections: 10.244.0.5 . 10.244.0.5 . tcp . 8080
             service-ips: 10.96.0.10 . tcp . 80 : goto service-default/web/tcp/http
             service-nodeports: tcp . 30080 : goto external-default/web/tcp/http
             {SHORT_CIRCUITS}
             external-default/web/tcp/http: goto local-default/web/tcp/http
             local-default/web/tcp/http: meta l4proto tcp dnat to 10.244.0.5:8080 comment \"default/web:http\"
             service-default/web/tcp/http: meta l4proto tcp dnat ip addr . port to numgen random mod 2 map {{ 0 : 10.244.0.5 . 8080, 1 : 10.244.1.5 . 8080 }} comment \"default/web:http\""
        ),
    );
}

#[test]
fn external_policy_local_without_a_local_endpoint_drops_what_comes_from_outside() {
    check(
        NODE_PORT_LOCAL(),
        &["10.244.1.5 @there"],
        &format!(
            "cluster-ips: 10.96.0.10
             no-endpoint-nodeports: tcp . 30080 : drop
             service-ips: 10.96.0.10 . tcp . 80 : goto service-default/web/tcp/http
             service-nodeports: tcp . 30080 : goto external-default/web/tcp/http
             {SHORT_CIRCUITS}
             service-default/web/tcp/http: meta l4proto tcp dnat to 10.244.1.5:8080 comment \"default/web:http\""
        ),
    );
}

#[test]
fn internal_policy_local_keeps_the_cluster_ip_to_this_node() {
    let object = || service(json!({"spec": {"internalTrafficPolicy": "Local"}}));
    check(
        object(),
        &["10.244.0.5 @here", "10.244.1.5 @there"],
        "cluster-ips: 10.96.0.10
         hairpin-connections: 10.244.0.5 . 10.244.0.5 . tcp . 8080
         service-ips: 10.96.0.10 . tcp . 80 : goto local-default/web/tcp/http
         local-default/web/tcp/http: meta l4proto tcp dnat to 10.244.0.5:8080 comment \"default/web:http\"",
    );
    check(
        object(),
        &["10.244.1.5 @there"],
        "cluster-ips: 10.96.0.10
         no-endpoint-services: 10.96.0.10 . tcp . 80 : drop",
    );
    check(
        object(),
        &["10.244.1.5 @there unready"],
        "cluster-ips: 10.96.0.10
         no-endpoint-services: 10.96.0.10 . tcp . 80 : goto reject-chain",
    );
}

#[test]
fn source_ranges_guard_the_load_balancer_only() {
    let object = service(json!({
        "spec": {
            "type": "LoadBalancer",
            "loadBalancerSourceRanges": ["192.168.77.0/25 ", "192.168.77.128/25", "203.0.113.0/24", "fd00::/8"],
            "ports": [{"name": "http", "port": 80, "nodePort": 30080}],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "5.6.7.8"}]}},
    }));
    check(
        object,
        &["10.244.1.5 @there"],
        "cluster-ips: 10.96.0.10
         firewall-ips: 5.6.7.8 . tcp . 80 : goto firewall-default/web/tcp/http
         service-ips: 5.6.7.8 . tcp . 80 : goto external-default/web/tcp/http
         service-ips: 10.96.0.10 . tcp . 80 : goto service-default/web/tcp/http
         service-nodeports: tcp . 30080 : goto external-default/web/tcp/http
         external-default/web/tcp/http: meta mark set meta mark | 0x00004000 comment \"masquerade\"
         external-default/web/tcp/http: goto service-default/web/tcp/http
         firewall-default/web/tcp/http: ip saddr != { 5.6.7.8, 192.168.77.0-192.168.77.255, 203.0.113.0-203.0.113.255 } drop
         service-default/web/tcp/http: meta l4proto tcp dnat to 10.244.1.5:8080 comment \"default/web:http\"",
    );
}

#[test]
fn affinity_remembers_the_endpoint_of_each_client() {
    let object = service(json!({"spec": {
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 600}},
    }}));
    check(
        object,
        &["10.244.0.5 @here", "10.244.1.5 @there"],
        "affinity-default/web/tcp/http__10.244.0.5/8080: type ipv4_addr;
         affinity-default/web/tcp/http__10.244.0.5/8080: size 65535;
         affinity-default/web/tcp/http__10.244.0.5/8080: flags dynamic,timeout;
         affinity-default/web/tcp/http__10.244.0.5/8080: timeout 600s;
         affinity-default/web/tcp/http__10.244.1.5/8080: type ipv4_addr;
         affinity-default/web/tcp/http__10.244.1.5/8080: size 65535;
         affinity-default/web/tcp/http__10.244.1.5/8080: flags dynamic,timeout;
         affinity-default/web/tcp/http__10.244.1.5/8080: timeout 600s;
         cluster-ips: 10.96.0.10
         hairpin-connections: 10.244.0.5 . 10.244.0.5 . tcp . 8080
         service-ips: 10.96.0.10 . tcp . 80 : goto service-default/web/tcp/http
         endpoint-default/web/tcp/http__10.244.0.5/8080: update @affinity-default/web/tcp/http__10.244.0.5/8080 { ip saddr }
         endpoint-default/web/tcp/http__10.244.0.5/8080: meta l4proto tcp dnat to 10.244.0.5:8080 comment \"default/web:http\"
         endpoint-default/web/tcp/http__10.244.1.5/8080: update @affinity-default/web/tcp/http__10.244.1.5/8080 { ip saddr }
         endpoint-default/web/tcp/http__10.244.1.5/8080: meta l4proto tcp dnat to 10.244.1.5:8080 comment \"default/web:http\"
         service-default/web/tcp/http: ip saddr @affinity-default/web/tcp/http__10.244.0.5/8080 goto endpoint-default/web/tcp/http__10.244.0.5/8080
         service-default/web/tcp/http: ip saddr @affinity-default/web/tcp/http__10.244.1.5/8080 goto endpoint-default/web/tcp/http__10.244.1.5/8080
         service-default/web/tcp/http: numgen random mod 2 vmap { 0 : goto endpoint-default/web/tcp/http__10.244.0.5/8080, 1 : goto endpoint-default/web/tcp/http__10.244.1.5/8080 }",
    );
}

/// The endpoints that `default/web` leads to.
fn check_chosen(endpoints: &[&str], expected: &[&str]) {
    let plan = plan(&[service(json!({}))], &[slice(endpoints)], &node());
    let lines = lines(&plan.ruleset);
    let chosen = |ip: &&str| {
        let rule = |line: &&String| line.starts_with("service-default/web");
        let tail = [format!("{ip}:8080"), format!("{ip} . 8080")];
        lines.iter().filter(rule).any(|line| tail.iter().any(|tail| line.contains(tail)))
    };
    let ips = endpoints.iter().map(|words| words.split(' ').next().expect("address"));
    assert_eq!(ips.filter(chosen).collect::<Vec<_>>(), expected, "of {endpoints:?}");
}

#[test]
fn ready_endpoints_come_first_and_serving_ones_that_terminate_last() {
    check_chosen(&["10.244.0.1", "10.244.0.2 unready"], &["10.244.0.1"]);
    check_chosen(&["10.244.0.1", "10.244.0.2 terminating"], &["10.244.0.1"]);
    check_chosen(&["10.244.0.1 unready", "10.244.0.2 terminating"], &["10.244.0.2"]);
    check_chosen(&["10.244.0.1 unready"], &[]);
}

#[test]
fn hints_count_when_all_ready_endpoints_have_them_and_some_are_for_us() {
    check_chosen(&["10.244.0.1 zone=z1", "10.244.0.2 zone=z2"], &["10.244.0.1"]);
    check_chosen(&["10.244.0.1 zone=z1", "10.244.0.2"], &["10.244.0.1", "10.244.0.2"]);
    check_chosen(&["10.244.0.1 zone=z2", "10.244.0.2 zone=z3"], &["10.244.0.1", "10.244.0.2"]);
    check_chosen(&["10.244.0.1 zone=z1 unready", "10.244.0.2 zone=z2"], &["10.244.0.2"]);
    check_chosen(&["10.244.0.1 zone=z1 node=here", "10.244.0.2 zone=z1 node=there"], &["10.244.0.1"]);
    check_chosen(&["10.244.0.1 zone=z1 node=there", "10.244.0.2 zone=z2 node=elsewhere"], &["10.244.0.1"]);
}

#[test]
fn an_address_in_two_states_counts_as_the_living() {
    check_chosen(&["10.244.0.1 terminating", "10.244.0.1"], &["10.244.0.1", "10.244.0.1"]);
    check_chosen(&["10.244.0.1", "10.244.0.1 terminating"], &["10.244.0.1", "10.244.0.1"]);
}

#[test]
fn services_that_are_not_ours_leave_no_trace() {
    let strangers = [
        json!({"spec": {"clusterIP": "None", "clusterIPs": ["None"]}}),
        json!({"spec": {"type": "ExternalName", "clusterIP": "", "clusterIPs": [], "externalName": "example.org"}}),
        json!({"spec": {"type": "ExternalName"}}),
        json!({"spec": {"clusterIP": null, "clusterIPs": null}}),
        json!({"spec": {"clusterIP": "fd00::1", "clusterIPs": ["fd00::1"]}}),
        json!({"metadata": {"labels": {"service.kubernetes.io/service-proxy-name": "other"}}}),
        json!({"metadata": {"name": "bad name; drop"}}),
        json!({"metadata": {"name": "n".repeat(300)}}),
        json!({"spec": {"clusterIPs": ["nonsense"], "clusterIP": "999.1.1.1"}}),
        json!({"spec": null}),
    ];
    for stranger in strangers {
        check(service(stranger), &["10.244.0.5"], "");
    }
    let odd_ports = json!([{"port": 0}, {"port": -1}, {"port": 70000}, {"port": 80, "protocol": "ICMP"}]);
    check(service(json!({"spec": {"ports": odd_ports}})), &["10.244.0.5"], "");
}

#[test]
fn endpoints_that_make_no_sense_are_left_out() {
    let ports = json!([{"name": "http", "port": 8080}, {"name": "http", "port": 0}, {"name": "http"}]);
    let mut odd = (*slice_of("web", ports, &["nonsense", "10.244.0.5"])).clone();
    let endpoints = odd.endpoints.get_or_insert_default();
    endpoints.push(k8s_openapi::api::discovery::v1::Endpoint::default());
    check_on(
        &node(),
        &[service(json!({}))],
        &[Arc::new(odd), slice_of("other", json!([{"name": "http", "port": 9}]), &["10.244.0.6"])],
        "cluster-ips: 10.96.0.10
         service-ips: 10.96.0.10 . tcp . 80 : goto service-default/web/tcp/http
         service-default/web/tcp/http: meta l4proto tcp dnat to 10.244.0.5:8080 comment \"default/web:http\"",
    );
}

#[test]
fn two_families_have_a_table_each() {
    let mut node = node();
    node.families.push(Family::Ip6);
    let object = service(json!({"spec": {
        "clusterIPs": ["10.96.0.10", "fd00:10:96::a"],
        "ports": [{"port": 80, "protocol": "SCTP"}],
    }}));
    let port = || json!([{"name": "", "port": 8080, "protocol": "SCTP"}]);
    check_on(
        &node,
        &[object],
        &[slice_of("web", port(), &["10.244.0.5"]), slice_of("web", port(), &["fd00:10:244::5 @here"])],
        "cluster-ips: 10.96.0.10
         service-ips: 10.96.0.10 . sctp . 80 : goto service-default/web/sctp
         service-default/web/sctp: meta l4proto sctp dnat to 10.244.0.5:8080 comment \"default/web\"
         cluster-ips: fd00:10:96::a
         hairpin-connections: fd00:10:244::5 . fd00:10:244::5 . sctp . 8080
         service-ips: fd00:10:96::a . sctp . 80 : goto service-default/web/sctp
         service-default/web/sctp: meta l4proto sctp dnat to [fd00:10:244::5]:8080 comment \"default/web\"",
    );
}

#[test]
fn the_first_by_name_has_an_address_that_two_services_claim() {
    let claim = |name: &str, cluster_ip: &str| {
        service(json!({
            "metadata": {"name": name},
            "spec": {"clusterIP": cluster_ip, "clusterIPs": [cluster_ip], "externalIPs": ["1.2.3.4"]},
        }))
    };
    let services = [claim("b", "10.96.0.2"), claim("a", "10.96.0.1")];
    let ports = || json!([{"name": "http", "port": 8080}]);
    let slices = [slice_of("a", ports(), &["10.244.0.1"]), slice_of("b", ports(), &["10.244.0.2"])];
    let plan = plan(&services, &slices, &node());
    let claimed: Vec<_> = lines(&plan.ruleset).into_iter().filter(|line| line.contains("1.2.3.4")).collect();
    assert_eq!(claimed, ["service-ips: 1.2.3.4 . tcp . 80 : goto external-default/a/tcp/http"]);
}

#[test]
fn one_endpoint_more_is_a_small_transaction() {
    let services: Vec<_> = (0..200)
        .map(|index| {
            let ip = format!("10.96.1.{index}");
            service(json!({
                "metadata": {"name": format!("web-{index}")},
                "spec": {"clusterIP": ip, "clusterIPs": [ip]},
            }))
        })
        .collect();
    let ports = || json!([{"name": "http", "port": 8080}]);
    let mut slices: Vec<_> = (0..200)
        .map(|index| slice_of(&format!("web-{index}"), ports(), &[&format!("10.244.1.{index}")]))
        .collect();
    let before = plan(&services, &slices, &node());
    slices[7] = slice_of("web-7", ports(), &["10.244.1.7", "10.244.2.7"]);
    let after = plan(&services, &slices, &node());
    let transaction = ironclad_proxy::diff(&before.ruleset, &after.ruleset);
    let said: Vec<String> = transaction.ops.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "flush chain ip ironclad service-default/web-7/tcp/http",
            "add rule to ip ironclad service-default/web-7/tcp/http",
        ]
    );
}

#[test]
fn health_checks_count_ready_local_addresses() {
    let object = service(json!({"spec": {
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "healthCheckNodePort": 31000,
    }}));
    let answer = |endpoints: &[&str]| {
        let checks = plan(std::slice::from_ref(&object), &[slice(endpoints)], &node()).health_checks;
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].port, 31000);
        checks[0].answer()
    };
    let body = |count| {
        format!(
            "{{\"service\":{{\"namespace\":\"default\",\"name\":\"web\"}},\
             \"localEndpoints\":{count},\"serviceProxyHealthy\":true}}"
        )
    };
    assert_eq!(answer(&["10.244.0.5 @here", "10.244.1.5 @there"]), (200, body(1)));
    assert_eq!(answer(&["10.244.0.5 @here unready", "10.244.1.5 @there"]), (503, body(0)));
}

#[test]
fn a_big_cluster_is_planned_in_a_moment() {
    let services: Vec<_> = (0..2000)
        .map(|index: u32| {
            let ip = format!("10.96.{}.{}", index / 200, index % 200);
            service(json!({
                "metadata": {"name": format!("web-{index}")},
                "spec": {"clusterIP": ip, "clusterIPs": [ip]},
            }))
        })
        .collect();
    let ports = || json!([{"name": "http", "port": 8080}]);
    let slices: Vec<_> = (0..2000)
        .map(|index: u32| {
            let ips: Vec<String> =
                (0..5).map(|last| format!("10.{}.{}.{last}", 100 + index / 200, index % 200)).collect();
            slice_of(&format!("web-{index}"), ports(), &ips.iter().map(String::as_str).collect::<Vec<_>>())
        })
        .collect();
    let started = std::time::Instant::now();
    let first = plan(&services, &slices, &node());
    let planned = started.elapsed();
    let second = plan(&services, &slices[1..], &node());
    let before_diff = std::time::Instant::now();
    let transaction = ironclad_proxy::diff(&first.ruleset, &second.ruleset);
    println!("plan {planned:?}, diff {:?}", before_diff.elapsed());
    assert_eq!(transaction.ops.len(), 3);
}
