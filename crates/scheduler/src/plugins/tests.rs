//! Each plugin over small clusters. Where numbers are upstream's, they are from the tables of its
//! own tests of the plugin.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::decide::{Filters, score};
use crate::fixture::{Cluster, labeled, node, on, pod, pod_info};

/// Which nodes will do for the pod (`""`), and why others will not.
fn check_filter(what: &str, cluster: &Cluster, pod: Value, expected: &[(&str, &str)]) {
    let pod = pod_info(&pod);
    let filters = match Filters::prepare(&pod, cluster.world()) {
        Ok(filters) => filters,
        Err(unfit) => panic!("{what}: {unfit:?}"),
    };
    let verdict = |name: &str| {
        let node = cluster.snapshot.node(name).expect("a node of the cluster");
        filters.check(node).err().map(|(_, why)| why.reasons.join(", ")).unwrap_or_default()
    };
    let actual: Vec<_> = expected.iter().map(|(name, _)| (*name, verdict(name))).collect();
    let expected: Vec<_> = expected.iter().map(|(name, why)| (*name, (*why).to_owned())).collect();
    assert_eq!(actual, expected, "{what}");
}

/// What one plugin scores, weighted, for the nodes named.
fn check_score(what: &str, plugin: &str, cluster: &Cluster, pod: Value, expected: &[(&str, i64)]) {
    let pod = pod_info(&pod);
    let plugin = named(plugin).expect("a plugin of the list");
    let nodes: Vec<_> = expected
        .iter()
        .map(|(name, _)| cluster.snapshot.node(name).expect("a node of the cluster"))
        .collect();
    let scores = score(&pod, cluster.world(), &nodes, &[plugin]);
    let actual: Vec<_> =
        expected.iter().zip(scores).map(|((name, _), score)| (*name, score / plugin.weight())).collect();
    assert_eq!(actual, expected, "{what}");
}

fn spec(spec: Value) -> Value {
    pod("p", "", "", json!({ "spec": spec }))
}

fn labels(labels: Value) -> Value {
    pod("p", "", "", json!({ "metadata": { "labels": labels } }))
}

#[test]
fn the_list_has_upstreams_names_and_weights() {
    let list: Vec<_> = ALL.iter().map(|plugin| (plugin.name(), plugin.weight())).collect();
    let expected = [
        ("SchedulingGates", 0),
        ("NodeUnschedulable", 0),
        ("NodeName", 0),
        ("TaintToleration", 3),
        ("NodeAffinity", 2),
        ("NodePorts", 0),
        ("NodeResourcesFit", 1),
        ("PodTopologySpread", 2),
        ("InterPodAffinity", 2),
        ("DefaultPreemption", 0),
        ("NodeResourcesBalancedAllocation", 1),
        ("ImageLocality", 1),
    ];
    assert_eq!(list, expected);
}

#[test]
fn cordoned_nodes_take_only_pods_that_tolerate_it() {
    let cluster = Cluster::new(&[node("a", "1", "1Gi", json!({"spec": {"unschedulable": true}}))], &[]);
    check_filter("any pod", &cluster, spec(json!({})), &[("a", "node(s) were unschedulable")]);
    let toleration = json!({"key": "node.kubernetes.io/unschedulable", "operator": "Exists"});
    check_filter("tolerant", &cluster, spec(json!({"tolerations": [toleration]})), &[("a", "")]);
}

#[test]
fn taints_keep_pods_away() {
    let taint = |effect: &str| json!({"spec": {"taints": [{"key": "k", "value": "v", "effect": effect}]}});
    let nodes = [
        node("no", "1", "1Gi", taint("NoSchedule")),
        node("out", "1", "1Gi", taint("NoExecute")),
        node("rather-not", "1", "1Gi", taint("PreferNoSchedule")),
    ];
    let cluster = Cluster::new(&nodes, &[]);
    let tainted = "node(s) had untolerated taint(s)";
    let check = |toleration: Value, no: &str, out: &str| {
        let pod = spec(json!({"tolerations": [toleration]}));
        check_filter(&toleration.to_string(), &cluster, pod, &[("no", no), ("out", out), ("rather-not", "")]);
    };
    check(json!({"key": "other", "operator": "Exists"}), tainted, tainted);
    check(json!({"key": "k", "value": "v"}), "", "");
    check(json!({"key": "k", "operator": "Equal", "value": "w"}), tainted, tainted);
    check(json!({"key": "k", "operator": "Exists", "effect": "NoSchedule"}), "", tainted);
    check(json!({"operator": "Exists"}), "", "");
    check_score(
        "soft taints",
        "TaintToleration",
        &cluster,
        spec(json!({})),
        &[("no", 100), ("rather-not", 0)],
    );
}

#[test]
fn node_affinity_selects_nodes() {
    let nodes = [
        labeled("a", json!({"zone": "1", "cores": "8"})),
        labeled("b", json!({"zone": "2"})),
        labeled("c", json!({})),
    ];
    let cluster = Cluster::new(&nodes, &[]);
    let no = "node(s) didn't match Pod's node affinity/selector";
    let check = |what: &str, spec_: Value, a: &str, b: &str, c: &str| {
        check_filter(what, &cluster, spec(spec_), &[("a", a), ("b", b), ("c", c)]);
    };
    let terms = |terms: Value| json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}});
    let expression = |key: &str, operator: &str, values: Value| {
        terms(json!([{"matchExpressions": [{"key": key, "operator": operator, "values": values}]}]))
    };
    check("selector", json!({"nodeSelector": {"zone": "1"}}), "", no, no);
    check("In", expression("zone", "In", json!(["1", "2"])), "", "", no);
    check("NotIn", expression("zone", "NotIn", json!(["1"])), no, "", "");
    check("Exists", expression("zone", "Exists", json!([])), "", "", no);
    check("DoesNotExist", expression("zone", "DoesNotExist", json!([])), no, no, "");
    check("Gt", expression("cores", "Gt", json!(["4"])), "", no, no);
    check("Lt", expression("cores", "Lt", json!(["4"])), no, no, no);
    check("an unknown operator matches nothing", expression("zone", "Is", json!(["1"])), no, no, no);
    check("an empty term matches nothing", terms(json!([{}])), no, no, no);
    let by_name = |operator: &str, name: &str| json!({"matchFields": [{"key": "metadata.name", "operator": operator, "values": [name]}]});
    check("by name", terms(json!([by_name("In", "b")])), no, "", no);
    check("not by name", terms(json!([by_name("NotIn", "b")])), "", no, "");
    check("one of two terms", terms(json!([by_name("In", "b"), by_name("In", "c")])), no, "", "");
}

#[test]
fn preferred_node_affinity_adds_up() {
    let nodes = [
        labeled("a", json!({"zone": "1", "disk": "fast"})),
        labeled("b", json!({"zone": "1"})),
        labeled("c", json!({})),
    ];
    let cluster = Cluster::new(&nodes, &[]);
    let term = |weight: i32, key: &str| json!({"weight": weight, "preference": {"matchExpressions": [{"key": key, "operator": "Exists"}]}});
    let terms = json!([term(2, "zone"), term(6, "disk")]);
    let affinity = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}});
    let expected = [("a", 100), ("b", 25), ("c", 0)];
    check_score("weights", "NodeAffinity", &cluster, spec(json!({"affinity": affinity})), &expected);
}

#[test]
fn a_host_port_is_bound_once_per_node() {
    let with_port = |name: &str, node: Option<&str>, port: Value| {
        pod(name, "", "", json!({"spec": {"nodeName": node, "containers": [{"name": "c", "ports": [port]}]}}))
    };
    let port = |ip: &str, protocol: &str| json!({"hostPort": 80, "hostIP": ip, "protocol": protocol, "containerPort": 80});
    let nodes = [labeled("a", json!({}))];
    let taken = "node(s) didn't have free ports for the requested pod ports";
    let check = |used: Value, wanted: Value, expected: &str| {
        let cluster = Cluster::new(&nodes, &[with_port("q", Some("a"), used.clone())]);
        check_filter(&format!("{used} {wanted}"), &cluster, with_port("p", None, wanted), &[("a", expected)]);
    };
    check(port("", "TCP"), port("", "TCP"), taken);
    check(port("", "TCP"), port("", "UDP"), "");
    check(port("127.0.0.1", "TCP"), port("127.0.0.2", "TCP"), "");
    check(port("127.0.0.1", "TCP"), port("0.0.0.0", "TCP"), taken);
    check(port("", "TCP"), port("127.0.0.1", "TCP"), taken);
    check(json!({"containerPort": 80}), port("", "TCP"), "");
}

#[test]
fn a_node_has_room_for_what_pods_ask() {
    let nodes =
        [node("a", "1", "1Gi", json!({"status": {"allocatable": {"example.com/gpu": "1", "pods": "2"}}}))];
    let gpu = |count: &str| {
        let requests = json!({"example.com/gpu": count});
        json!({"containers": [{"name": "c", "resources": {"requests": requests}}]})
    };
    let used = |extra: Value| pod("q", "600m", "512Mi", json!({"spec": extra}));
    let cluster = Cluster::new(&nodes, &[used(json!({"nodeName": "a"}))]);
    let check =
        |what: &str, pod: Value, expected: &str| check_filter(what, &cluster, pod, &[("a", expected)]);
    check("fits", pod("p", "400m", "512Mi", json!({})), "");
    check("cpu", pod("p", "401m", "", json!({})), "Insufficient cpu");
    check("both", pod("p", "401m", "513Mi", json!({})), "Insufficient cpu, Insufficient memory");
    check("gpu", spec(gpu("1")), "");
    check("gpus", spec(gpu("2")), "Insufficient example.com/gpu");
    let full = Cluster::new(&nodes, &[on("a", "q", json!({})), on("a", "r", json!({}))]);
    check_filter("count", &full, spec(json!({})), &[("a", "Too many pods")]);
}

#[test]
fn the_emptiest_node_is_best() {
    let nodes = [node("a", "4000m", "10000", json!({})), node("b", "6000m", "10000", json!({}))];
    let cluster = Cluster::new(&nodes, &[]);
    check_score(
        "empty",
        "NodeResourcesFit",
        &cluster,
        pod("p", "0", "0", json!({})),
        &[("a", 100), ("b", 100)],
    );
    let asks = pod("p", "3000m", "5000", json!({}));
    check_score("asks", "NodeResourcesFit", &cluster, asks, &[("a", 37), ("b", 50)]);
    let large = pod("p", "5000m", "11000", json!({}));
    check_score("too much for one", "NodeResourcesFit", &cluster, large, &[("a", 0), ("b", 8)]);
}

#[test]
fn balanced_nodes_are_better() {
    let plugin = "NodeResourcesBalancedAllocation";
    let cluster =
        Cluster::new(&[node("a", "4000m", "10000", json!({})), node("b", "6000m", "10000", json!({}))], &[]);
    let asks = || pod("p", "3000m", "5000", json!({}));
    check_score("empty nodes", plugin, &cluster, asks(), &[("a", 68), ("b", 75)]);
    let nodes = [node("a", "10000m", "20000", json!({})), node("b", "10000m", "50000", json!({}))];
    let pods = [
        pod("q", "3000m", "0", json!({"spec": {"nodeName": "a"}})),
        pod("r", "3000m", "5000", json!({"spec": {"nodeName": "b"}})),
    ];
    check_score("used nodes", plugin, &Cluster::new(&nodes, &pods), asks(), &[("a", 73), ("b", 70)]);
}

#[test]
fn large_images_draw_pods() {
    let with_image = |name: &str, image: &str, mib: i64| {
        let images = json!([{"names": [image], "sizeBytes": mib * 1024 * 1024}]);
        node(name, "1", "1Gi", json!({"status": {"images": images}}))
    };
    let nodes = [with_image("a", "gcr.io/40:latest", 40), with_image("b", "gcr.io/250:latest", 250)];
    let cluster = Cluster::new(&nodes, &[]);
    let containers =
        json!([{"name": "x", "image": "gcr.io/40"}, {"name": "y", "image": "gcr.io/250:latest"}]);
    let pod = spec(json!({"containers": containers}));
    check_score("half the nodes each", "ImageLocality", &cluster, pod, &[("a", 0), ("b", 5)]);
}

fn spread(max_skew: i32, key: &str, when: &str) -> Value {
    let selector = json!({"matchLabels": {"foo": ""}});
    json!({"maxSkew": max_skew, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": selector})
}

/// `count` pods labelled `foo` on each node.
fn foos(counts: &[(&str, usize)]) -> Vec<Value> {
    let pods = counts.iter().flat_map(|(node, count)| (0..*count).map(move |n| (node, n)));
    pods.map(|(node, n)| on(node, &format!("{node}-{n}"), json!({"foo": ""}))).collect()
}

fn spreading(constraints: Value) -> Value {
    let spec = json!({"topologySpreadConstraints": constraints});
    pod("p", "", "", json!({"metadata": {"labels": {"foo": ""}}, "spec": spec}))
}

#[test]
fn hard_spread_constraints_bound_the_skew() {
    let zone = |name: &str, zone: &str| labeled(name, json!({"zone": zone}));
    let nodes = [zone("a", "1"), zone("b", "1"), zone("x", "2"), zone("y", "2"), labeled("z", json!({}))];
    let pods = foos(&[("a", 2), ("b", 1), ("x", 0), ("y", 2)]);
    let cluster = Cluster::new(&nodes, &pods);
    let (full, unlabeled) = (
        "node(s) didn't match pod topology spread constraints",
        "node(s) didn't match pod topology spread constraints (missing required label)",
    );
    let hard = |key: &str| spread(1, key, "DoNotSchedule");
    check_filter(
        "3 against 2 by zone",
        &cluster,
        spreading(json!([hard("zone")])),
        &[("a", full), ("b", full), ("x", ""), ("y", ""), ("z", unlabeled)],
    );
    check_filter(
        "by zone and host",
        &cluster,
        spreading(json!([hard("zone"), hard("kubernetes.io/hostname")])),
        &[("a", full), ("b", full), ("x", ""), ("y", full)],
    );
    let mut two_domains = spread(3, "zone", "DoNotSchedule");
    two_domains["minDomains"] = 3.into();
    check_filter(
        "with too few domains the least filled counts as empty",
        &cluster,
        spreading(json!([two_domains])),
        &[("a", full), ("x", "")],
    );
    let mut narrowed = spreading(json!([hard("zone")]));
    narrowed["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": "a"});
    check_filter("nodes ruled out by affinity are no domains", &cluster, narrowed, &[("a", "")]);
}

#[test]
fn soft_spread_constraints_prefer_the_least_filled() {
    let plugin = "PodTopologySpread";
    let nodes = ["a", "b", "c", "d"].map(|name| labeled(name, json!({})));
    let cluster = Cluster::new(&nodes, &foos(&[("a", 2), ("b", 1), ("d", 3)]));
    let by_host = |skew| spreading(json!([spread(skew, "kubernetes.io/hostname", "ScheduleAnyway")]));
    check_score("skew 1", plugin, &cluster, by_host(1), &[("a", 20), ("b", 60), ("c", 100), ("d", 0)]);
    check_score("skew 2", plugin, &cluster, by_host(2), &[("a", 33), ("b", 66), ("c", 100), ("d", 16)]);
    let zone = |name: &str, zone: &str| labeled(name, json!({"zone": zone}));
    let nodes = [zone("a", "1"), zone("b", "1"), zone("x", "2"), zone("y", "2")];
    let cluster = Cluster::new(&nodes, &foos(&[("a", 2), ("b", 1), ("x", 2), ("y", 4)]));
    let both =
        json!([spread(1, "zone", "ScheduleAnyway"), spread(1, "kubernetes.io/hostname", "ScheduleAnyway")]);
    check_score("two of four nodes", plugin, &cluster, spreading(both), &[("a", 100), ("x", 63)]);
}

#[test]
fn pods_of_a_service_or_an_owner_spread_by_default() {
    let nodes = ["a", "b"].map(|name| labeled(name, json!({})));
    let mut cluster = Cluster::new(&nodes, &foos(&[("a", 1)]));
    let pod = || labels(json!({"foo": ""}));
    check_score("alone", "PodTopologySpread", &cluster, pod(), &[("a", 0), ("b", 0)]);
    cluster.facts.services = vec![BTreeMap::from([("foo".to_owned(), String::new())])];
    // One pod of ln(4) and a skew of 3 - 1 make 3, none makes 2: 100 * (3 + 2 - 3) / 3.
    check_score("service", "PodTopologySpread", &cluster, pod(), &[("a", 66), ("b", 100)]);
    cluster.facts.services = vec![BTreeMap::from([("foo".to_owned(), "other".to_owned())])];
    check_score("other service", "PodTopologySpread", &cluster, pod(), &[("a", 0), ("b", 0)]);
}

fn term(key: &str, label: &str) -> Value {
    json!({"topologyKey": key, "labelSelector": {"matchLabels": {label: ""}}})
}

fn required(kind: &str, terms: Value) -> Value {
    json!({"spec": {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}})
}

#[test]
fn required_affinity_seeks_company_and_anti_affinity_flees_it() {
    let zone = |name: &str, zone: &str| labeled(name, json!({"zone": zone}));
    let nodes = [zone("a", "1"), zone("b", "1"), zone("x", "2"), labeled("z", json!({}))];
    let cluster = Cluster::new(&nodes, &foos(&[("a", 1)]));
    let near = || required("podAffinity", json!([term("zone", "foo")]));
    let apart = || required("podAntiAffinity", json!([term("zone", "foo")]));
    let (alone, crowded) =
        ("node(s) didn't match pod affinity rules", "node(s) didn't match pod anti-affinity rules");
    let check = |what: &str, cluster: &Cluster, extra: Value, expected: [&str; 4]| {
        let expected: Vec<_> = ["a", "b", "x", "z"].into_iter().zip(expected).collect();
        check_filter(what, cluster, pod("p", "", "", extra), &expected);
    };
    check("near", &cluster, near(), ["", "", alone, alone]);
    check("apart", &cluster, apart(), [crowded, crowded, "", ""]);
    let empty = Cluster::new(&nodes, &[]);
    check("nobody to be near", &empty, near(), [alone, alone, alone, alone]);
    let mut first = near();
    first["metadata"] = json!({"labels": {"foo": ""}});
    check("the first of its kind", &empty, first, ["", "", "", alone]);
}

#[test]
fn running_pods_keep_others_away_too() {
    let nodes = ["a", "b"].map(|name| labeled(name, json!({})));
    let mut guard = required("podAntiAffinity", json!([term("kubernetes.io/hostname", "foo")]));
    guard["spec"]["nodeName"] = "a".into();
    let cluster = Cluster::new(&nodes, &[pod("guard", "", "", guard)]);
    let kept_out = "node(s) didn't satisfy existing pods anti-affinity rules";
    check_filter("matching", &cluster, labels(json!({"foo": ""})), &[("a", kept_out), ("b", "")]);
    check_filter("another", &cluster, labels(json!({"bar": ""})), &[("a", ""), ("b", "")]);
}

#[test]
fn affinity_reaches_namespaces_by_name_and_by_label() {
    let nodes = ["a", "b"].map(|name| labeled(name, json!({})));
    let mut elsewhere = on("a", "q", json!({"foo": ""}));
    elsewhere["metadata"]["namespace"] = "team".into();
    let mut cluster = Cluster::new(&nodes, &[elsewhere]);
    cluster.facts.namespaces.insert("team".into(), [("kind".to_owned(), "team".to_owned())].into());
    let alone = "node(s) didn't match pod affinity rules";
    let check = |what: &str, reach: Value, a: &str| {
        let mut term = term("kubernetes.io/hostname", "foo");
        crate::fixture::merge(&mut term, reach);
        let pod = pod("p", "", "", required("podAffinity", json!([term])));
        check_filter(what, &cluster, pod, &[("a", a), ("b", alone)]);
    };
    check("its own only", json!({}), alone);
    check("by name", json!({"namespaces": ["team"]}), "");
    check("by label", json!({"namespaceSelector": {"matchLabels": {"kind": "team"}}}), "");
    check("by another label", json!({"namespaceSelector": {"matchLabels": {"kind": "x"}}}), alone);
    check("all", json!({"namespaceSelector": {}}), "");
}

#[test]
fn preferred_affinity_scores_domains() {
    let region = |name: &str, region: &str| labeled(name, json!({"region": region}));
    let nodes =
        [region("n1", "China"), region("n2", "India"), region("n3", "China"), labeled("n4", json!({}))];
    let preferred = |kind: &str, label: &str| {
        let weighted = json!([{"weight": 5, "podAffinityTerm": term("region", label)}]);
        json!({"spec": {"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": weighted}}}})
    };
    let plugin = "InterPodAffinity";
    let cluster = Cluster::new(&nodes, &foos(&[("n1", 2), ("n2", 1)]));
    let near = pod("p", "", "", preferred("podAffinity", "foo"));
    check_score("near", plugin, &cluster, near, &[("n1", 100), ("n2", 50), ("n3", 100), ("n4", 0)]);
    let apart = pod("p", "", "", preferred("podAntiAffinity", "foo"));
    check_score("apart", plugin, &cluster, apart, &[("n1", 0), ("n2", 50), ("n3", 0), ("n4", 100)]);
    let mut host = preferred("podAffinity", "bar");
    host["spec"]["nodeName"] = "n2".into();
    let cluster = Cluster::new(&nodes, &[pod("host", "", "", host)]);
    let guest = labels(json!({"bar": ""}));
    check_score("invited", plugin, &cluster, guest, &[("n1", 0), ("n2", 100), ("n3", 0), ("n4", 0)]);
}
