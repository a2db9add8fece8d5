use serde_json::{Value, json};

use super::rank::ContainerUsage;
use super::signal::{Amount, defaults};
use super::*;

const MI: u64 = 1 << 20;

fn pod(uid: &str, priority: i32, requests: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"uid": uid, "name": uid},
        "spec": {"priority": priority, "containers": [{"name": "a", "resources": {"requests": requests}}]},
    }))
    .unwrap()
}

fn memory(bytes: u64) -> Usage {
    let containers = [("a".to_owned(), ContainerUsage { memory_bytes: bytes, disk_bytes: 0 })].into();
    Usage { memory_bytes: bytes, containers, ..Default::default() }
}

fn observed(signal: Signal, available: u64, capacity: u64) -> BTreeMap<Signal, Observation> {
    [(signal, Observation { available, capacity })].into()
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn those_beyond_their_requests_go_first_then_the_less_important_then_the_greedy() {
    let pods = [
        (pod("within", 0, json!({"memory": "100Mi"})), Some(memory(50 * MI))),
        (pod("beyond-important", 10, json!({"memory": "10Mi"})), Some(memory(90 * MI))),
        (pod("beyond-little", 0, json!({"memory": "10Mi"})), Some(memory(20 * MI))),
        (pod("beyond-much", 0, json!({"memory": "10Mi"})), Some(memory(80 * MI))),
        (pod("unknown", 100, json!({})), None),
    ];
    let candidates: Vec<_> =
        pods.iter().map(|(pod, usage)| Candidate { pod, usage: usage.as_ref() }).collect();
    let order = rank::in_order(candidates, Signal::MemoryAvailable);
    let names: Vec<_> = order.iter().map(|c| spec::uid(c.pod)).collect();
    assert_eq!(names, ["unknown", "beyond-much", "beyond-little", "beyond-important", "within"]);
}

#[test]
fn a_node_short_of_memory_ends_one_pod_with_the_reason() {
    let (a, b) = (pod("a", 0, json!({"memory": "10Mi"})), pod("b", 2_000_000_000, json!({})));
    let (usage_a, usage_b) = (memory(20 * MI), memory(500 * MI));
    let pods = [Candidate { pod: &a, usage: Some(&usage_a) }, Candidate { pod: &b, usage: Some(&usage_b) }];
    let mut evictions = Evictions::new(defaults());
    let short = observed(Signal::MemoryAvailable, 50 * MI, 1000 * MI);
    let decision = evictions.observe(s(0), Timestamp::UNIX_EPOCH, &short, &pods);
    assert!(decision.pressure.memory);
    let (uid, eviction) = decision.evict.unwrap();
    assert_eq!((uid.as_str(), eviction.grace_s), ("a", Some(1)));
    assert_eq!(
        eviction.message,
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container a was using \
         20Mi, request is 10Mi, has larger consumption of memory. "
    );
    assert_eq!(eviction.condition.unwrap().reason.as_deref(), Some("TerminationByKubelet"));

    let enough = observed(Signal::MemoryAvailable, 500 * MI, 1000 * MI);
    let later = evictions.observe(s(299), Timestamp::UNIX_EPOCH, &enough, &pods);
    assert!(later.pressure.memory && later.evict.is_none());
    assert!(!evictions.observe(s(300), Timestamp::UNIX_EPOCH, &enough, &pods).pressure.memory);
}

#[test]
fn a_full_disk_is_cleaned_before_any_pod_goes() {
    let a = pod("a", 0, json!({}));
    let usage = Usage { disk_bytes: MI, ..Default::default() };
    let pods = [Candidate { pod: &a, usage: Some(&usage) }];
    let mut evictions = Evictions::new(defaults());
    let short = observed(Signal::NodeFsAvailable, 5, 100);
    let first = evictions.observe(s(0), Timestamp::UNIX_EPOCH, &short, &pods);
    assert!(first.reclaim_disk && first.evict.is_none() && first.pressure.disk);
    let second = evictions.observe(s(10), Timestamp::UNIX_EPOCH, &short, &pods);
    assert!(!second.reclaim_disk && second.evict.is_some());
}

#[test]
fn a_soft_threshold_waits_and_wants_more_before_it_is_content() {
    let a = pod("a", 0, json!({}));
    let usage = memory(MI);
    let pods = [Candidate { pod: &a, usage: Some(&usage) }];
    let mut evictions = Evictions::new(vec![Threshold {
        signal: Signal::MemoryAvailable,
        least: Amount::Part(0.5),
        grace: s(60),
        min_reclaim: Some(Amount::Absolute(10)),
        max_pod_grace_s: 20,
    }]);
    let mut check = |at: u64, available: u64, evicts: bool| {
        let observations = observed(Signal::MemoryAvailable, available, 100);
        let decision = evictions.observe(s(at), Timestamp::UNIX_EPOCH, &observations, &pods);
        assert_eq!(decision.evict.is_some(), evicts, "at {at}");
        assert!(decision.evict.is_none_or(|(_, eviction)| eviction.grace_s == Some(20)));
    };
    check(0, 40, false);
    check(59, 40, false);
    check(60, 55, true);
    check(61, 60, false);
    check(62, 40, false);
}

#[test]
fn a_pod_that_outgrows_its_storage_goes() {
    let check = |spec: Value, usage: Usage, expected: Option<&str>| {
        let pod: Pod = serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap();
        assert_eq!(limits::exceeded(&pod, &usage).map(|e| e.message).as_deref(), expected, "{spec}");
    };
    let dir = json!({"containers": [], "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}]});
    let volume = |bytes| Usage { volumes: [("v".to_owned(), bytes)].into(), ..Default::default() };
    check(dir.clone(), volume(MI), None);
    check(dir, volume(MI + 1), Some("Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". "));
    let limited =
        json!({"containers": [{"name": "a", "resources": {"limits": {"ephemeral-storage": "2Mi"}}}]});
    let used = |pod, own| Usage {
        disk_bytes: pod,
        containers: [("a".to_owned(), ContainerUsage { memory_bytes: 0, disk_bytes: own })].into(),
        ..Default::default()
    };
    check(limited.clone(), used(MI, MI), None);
    check(
        limited.clone(),
        used(3 * MI, MI),
        Some("Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. "),
    );
    check(
        limited,
        used(MI, 3 * MI),
        Some("Container a exceeded its local ephemeral storage limit \"2Mi\". "),
    );
}
