//! However it came about, a snapshot equals the one built from scratch.

use std::collections::BTreeSet;

use ironclad_api::labels::Selector;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::counts::Namespaces;
use crate::fixture::{merge, node, pod, pod_info, typed_node};

#[derive(Clone, Debug)]
enum Step {
    SetNode { node: u8, cpu: u8, image: u8 },
    RemoveNode { node: u8 },
    Place { pod: u8, node: u8, version: u8, assumed: bool },
    Displace { pod: u8 },
    Count { label: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let (node, pod) = (0..4u8, 0..8u8);
    prop_oneof![
        2 => (node.clone(), 1..4u8, 0..3u8).prop_map(|(node, cpu, image)| Step::SetNode { node, cpu, image }),
        1 => node.clone().prop_map(|node| Step::RemoveNode { node }),
        5 => (pod.clone(), node, 0..6u8, any::<bool>())
            .prop_map(|(pod, node, version, assumed)| Step::Place { pod, node, version, assumed }),
        2 => pod.prop_map(|pod| Step::Displace { pod }),
        1 => (0..3u8).prop_map(|label| Step::Count { label }),
    ]
}

fn sort(label: u8) -> Sort {
    let namespaces = Namespaces::Of(BTreeSet::from(["default".to_owned()]));
    let selector = Selector::parse(&format!("v={label}")).unwrap();
    Sort { all_of: vec![(namespaces, selector)], with_deleting: false }
}

/// Versions differ in what they ask, bind, want and are labelled with.
fn version(pod_number: u8, version: u8) -> Arc<PodInfo> {
    let port = json!({ "containerPort": 1, "hostPort": 80 + u32::from(version) % 2 });
    let requests = json!({ "cpu": format!("{version}00m"), "example.com/gpu": version % 3 });
    let container = json!({ "name": "c", "ports": [port], "resources": { "requests": requests } });
    let term = json!({ "topologyKey": "zone", "labelSelector": {} });
    let anti = json!({ "requiredDuringSchedulingIgnoredDuringExecution": [term] });
    let mut object = pod(
        &format!("p{pod_number}"),
        "",
        "",
        json!({ "metadata": { "labels": { "v": (version % 3).to_string() } } }),
    );
    let affinity = if version > 3 { json!({ "podAntiAffinity": anti }) } else { Value::Null };
    merge(&mut object, json!({ "spec": { "containers": [container], "affinity": affinity } }));
    pod_info(&object)
}

fn apply(snapshot: &mut Snapshot, step: &Step) {
    match *step {
        Step::SetNode { node: number, cpu, image } => {
            let images = json!([{ "names": [format!("image-{image}")], "sizeBytes": 1 }]);
            let extra = json!({ "status": { "images": images } });
            snapshot.set_node(typed_node(&node(&format!("n{number}"), &cpu.to_string(), "1Gi", extra)));
        }
        Step::RemoveNode { node } => drop(snapshot.remove_node(&format!("n{node}"))),
        Step::Place { pod, node, version: number, assumed } => {
            drop(snapshot.place(version(pod, number), &format!("n{node}"), assumed));
        }
        Step::Displace { pod } => drop(snapshot.displace(&ObjectKey::new("default", format!("p{pod}")))),
        Step::Count { label } => drop(snapshot.count(&sort(label))),
    }
}

/// All that can be seen of a snapshot, in a fixed order.
fn seen(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    for node in snapshot.nodes() {
        let mut pods: Vec<_> = node.pods.iter().map(|pod| &pod.key).collect();
        pods.sort();
        let sums = (&node.requested, &node.non_zero_requested, &node.used_ports, &node.allocatable);
        seen.insert(format!("node {}", node.name), format!("{pods:?} {sums:?}"));
    }
    for image in 0..3 {
        let image = format!("image-{image}");
        seen.insert(image.clone(), snapshot.nodes_with_image(&image).to_string());
    }
    for label in 0..3 {
        let counts: BTreeMap<_, _> =
            snapshot.count(&sort(label)).iter().map(|(k, v)| (k.clone(), *v)).collect();
        seen.insert(format!("count {label}"), format!("{counts:?}"));
    }
    let keys = |pods: &mut dyn Iterator<Item = &Arc<PodInfo>>| {
        let on_node: Vec<_> =
            pods.map(|pod| (pod.key.clone(), snapshot.placed(&pod.key).map(|p| p.node.clone()))).collect();
        format!("{on_node:?}")
    };
    seen.insert("with terms".into(), keys(&mut snapshot.pods_with_terms()));
    seen.insert("with anti-affinity".into(), keys(&mut snapshot.pods_with_required_anti_affinity()));
    seen
}

fn from_scratch(snapshot: &Snapshot) -> Snapshot {
    let mut fresh = Snapshot::default();
    for node in snapshot.nodes() {
        fresh.set_node(node.node.clone());
    }
    for placed in snapshot.placed.values() {
        fresh.place(placed.pod.clone(), &placed.node, placed.assumed);
    }
    fresh
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_incremental_snapshot_equals_one_built_from_scratch(steps in prop::collection::vec(step(), 1..60)) {
        let mut snapshot = Snapshot::default();
        for step in &steps {
            apply(&mut snapshot, step);
        }
        prop_assert_eq!(seen(&snapshot), seen(&from_scratch(&snapshot)));
    }
}
