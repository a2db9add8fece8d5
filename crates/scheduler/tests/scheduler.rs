//! The whole scheduler on a simulated clock, over a cluster that is a map.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ironclad_api::entry::{EntryMeta, FieldReader, Fields};
use ironclad_api::status::Status;
use ironclad_api::{Entry, GroupResource, Object, ObjectKey};
use ironclad_client::{Body, Cache, CachedResource, Change, Client, Observer, Operation, Request};
use ironclad_env::{BoxFuture, SimEnv};
use ironclad_scheduler::Scheduler;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// The fields of pods that the scheduler asks for.
struct Selectable;

impl FieldReader for Selectable {
    fn position(&self, name: &str) -> Option<usize> {
        ["spec.nodeName", "spec.schedulerName"].iter().position(|known| *known == name)
    }

    fn read(&self, json: &[u8]) -> Box<[Box<str>]> {
        let pod: Value = serde_json::from_slice(json).expect("JSON");
        let text = |field| pod["spec"][field].as_str().unwrap_or_default().into();
        ["nodeName", "schedulerName"].map(text).into()
    }
}

/// Cache and API at once: what is written is seen at once.
#[derive(Default)]
struct Cluster {
    state: Mutex<State>,
    observers: Mutex<Vec<Arc<dyn Observer>>>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<(GroupResource, ObjectKey), Arc<Entry>>,
    revision: u64,
    events: Vec<String>,
    failures: u32,
}

impl Cluster {
    fn put(&self, resource: &str, object: Value) {
        let resource = GroupResource::new("", resource.to_owned());
        let object = Object::from_value(object).expect("an object");
        let mut state = self.state.lock();
        state.revision += 1;
        let fields = Fields::read_by(Arc::new(Selectable));
        let meta =
            EntryMeta { key: object.key(), uid: object.uid().to_owned(), fields, ..EntryMeta::default() };
        let json = Bytes::from(serde_json::to_vec(&object).expect("JSON"));
        let new = Arc::new(Entry::new(meta, state.revision, json));
        let old = state.entries.insert((resource.clone(), object.key()), new.clone());
        drop(state);
        self.tell(&Change { resource, old, new: Some(new) });
    }

    fn remove(&self, resource: &GroupResource, key: &ObjectKey) {
        let old = self.state.lock().entries.remove(&(resource.clone(), key.clone()));
        if old.is_some() {
            self.tell(&Change { resource: resource.clone(), old, new: None });
        }
    }

    fn tell(&self, change: &Change) {
        self.observers.lock().iter().for_each(|observer| observer.changed(change));
    }

    fn pod(&self, name: &str) -> Object {
        let key = ObjectKey::new("default", name);
        self.get(&GroupResource::new("", "pods"), &key).map(|entry| entry.object()).unwrap_or_default()
    }

    fn node_of(&self, name: &str) -> String {
        self.pod(name).str_at(&["spec", "nodeName"]).to_owned()
    }

    fn answer(&self, request: Request) -> Result<Object, Status> {
        let key = request.target.key();
        if request.target.resource.resource == "events" {
            if let Operation::Create(Body::Tree(event), _) = &request.operation {
                let text = ["type", "reason", "message"].map(|field| event.str_at(&[field]).to_owned());
                self.state.lock().events.push(text.join(": "));
            }
            return Ok(Object::default());
        }
        let mut pod = self.pod(&key.name);
        match request.operation {
            Operation::Create(Body::Tree(binding), _) if request.target.subresource == "binding" => {
                let mut state = self.state.lock();
                if state.failures > 0 {
                    state.failures -= 1;
                    return Err(Status::internal_error("the store is away"));
                }
                drop(state);
                pod.section_mut("spec").insert("nodeName".into(), binding.str_at(&["target", "name"]).into());
                self.put("pods", pod.clone().into_value());
            }
            Operation::Patch(patch, _) if request.target.subresource == "status" => {
                let patch: Value = serde_json::from_slice(&patch.body).expect("JSON");
                for (field, value) in patch["status"].as_object().expect("a status") {
                    pod.section_mut("status").insert(field.clone(), value.clone());
                }
                self.put("pods", pod.clone().into_value());
            }
            Operation::Delete(_) => self.remove(&request.target.resource.group_resource(), &key),
            other => panic!("unexpected: {other:?}"),
        }
        Ok(pod)
    }
}

impl Client for Cluster {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Object, Status>> {
        let answer = self.answer(request);
        Box::pin(async move { answer })
    }
}

impl Cache for Cluster {
    fn get(&self, resource: &GroupResource, key: &ObjectKey) -> Option<Arc<Entry>> {
        self.state.lock().entries.get(&(resource.clone(), key.clone())).cloned()
    }

    fn list(&self, resource: &GroupResource, namespace: Option<&str>) -> Vec<Arc<Entry>> {
        let state = self.state.lock();
        let of_kind = state.entries.iter().filter(|((kind, _), _)| kind == resource);
        let here = of_kind.filter(|((_, key), _)| namespace.is_none_or(|wanted| wanted == key.namespace));
        here.map(|(_, entry)| entry.clone()).collect()
    }

    fn observe(&self, _: &[GroupResource], observer: Arc<dyn Observer>) {
        for ((resource, _), entry) in &self.state.lock().entries {
            observer.changed(&Change { resource: resource.clone(), old: None, new: Some(entry.clone()) });
        }
        self.observers.lock().push(observer);
    }

    fn resources(&self) -> Vec<CachedResource> {
        Vec::new()
    }

    fn revision(&self) -> u64 {
        self.state.lock().revision
    }
}

fn node(name: &str, cpu: &str) -> Value {
    json!({ "metadata": { "name": name }, "status": { "allocatable": { "cpu": cpu, "pods": "110" } } })
}

fn pod(name: &str, cpu: &str, priority: i32) -> Value {
    let container = json!({ "name": "c", "resources": { "requests": { "cpu": cpu } } });
    json!({
        "metadata": { "name": name, "namespace": "default", "uid": format!("uid-{name}") },
        "spec": { "containers": [container], "priority": priority },
    })
}

fn start() -> (Arc<SimEnv>, Arc<Cluster>, ironclad_scheduler::Running) {
    let (env, cluster) = (SimEnv::new(1), Arc::new(Cluster::default()));
    cluster.put("nodes", node("a", "1"));
    let running = Scheduler::start(env.shared(), cluster.clone(), cluster.clone());
    (env, cluster, running)
}

#[test]
fn a_pod_is_bound_without_any_time_passing() {
    let (env, cluster, _running) = start();
    env.run_for(Duration::ZERO);
    cluster.put("pods", pod("p", "500m", 0));
    env.run_for(Duration::ZERO);
    assert_eq!(cluster.node_of("p"), "a");
    assert_eq!(cluster.state.lock().events, ["Normal: Scheduled: Successfully assigned default/p to a"]);
}

#[test]
fn a_pod_that_fits_nowhere_says_why_and_is_bound_when_there_is_room() {
    let (env, cluster, _running) = start();
    cluster.put("pods", pod("first", "800m", 0));
    cluster.put("pods", pod("second", "800m", 0));
    env.run_for(Duration::from_secs(1));
    let waits = if cluster.node_of("first").is_empty() { "first" } else { "second" };
    let condition = cluster.pod(waits).at(&["status", "conditions"]).unwrap()[0].clone();
    let why = "0/1 nodes are available: 1 Insufficient cpu. \
               preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
    assert_eq!(condition["type"], "PodScheduled");
    assert_eq!((&condition["status"], &condition["reason"]), (&json!("False"), &json!("Unschedulable")));
    assert_eq!(condition["message"], why);
    assert!(cluster.state.lock().events.contains(&format!("Warning: FailedScheduling: {why}")));
    cluster.put("nodes", node("b", "1"));
    env.run_for(Duration::from_secs(1));
    assert_eq!(cluster.node_of(waits), "b");
}

#[test]
fn anothers_pods_are_left_alone_and_take_their_room_all_the_same() {
    let (env, cluster, _running) = start();
    let anothers = |name: &str, node: &str| {
        let mut pod = pod(name, "800m", 0);
        (pod["spec"]["schedulerName"], pod["spec"]["nodeName"]) = (json!("another"), json!(node));
        pod
    };
    cluster.put("pods", anothers("waits", ""));
    cluster.put("pods", anothers("placed", "a"));
    cluster.put("pods", pod("ours", "800m", 0));
    env.run_for(Duration::from_secs(1));
    assert_eq!([cluster.node_of("waits"), cluster.node_of("ours")], ["", ""]);
    cluster.put("nodes", node("b", "1"));
    env.run_for(Duration::from_secs(1));
    assert_eq!([cluster.node_of("waits"), cluster.node_of("ours")], ["", "b"]);
}

#[test]
fn a_binding_that_fails_is_tried_again() {
    let (env, cluster, _running) = start();
    cluster.state.lock().failures = 2;
    cluster.put("pods", pod("p", "500m", 0));
    env.run_for(Duration::from_millis(2900));
    assert_eq!(cluster.node_of("p"), "");
    env.run_for(Duration::from_millis(200));
    assert_eq!(cluster.node_of("p"), "a");
}

#[test]
fn a_more_important_pod_takes_the_place_of_another() {
    let (env, cluster, _running) = start();
    cluster.put("pods", pod("low", "800m", 0));
    env.run_for(Duration::from_secs(1));
    assert_eq!(cluster.node_of("low"), "a");
    cluster.put("pods", pod("high", "800m", 10));
    env.run_for(Duration::from_secs(2));
    assert!(cluster.pod("low").0.is_empty(), "evicted");
    assert_eq!(cluster.node_of("high"), "a");
    let preempted = "Normal: Preempted: Preempted by pod uid-high on node a".to_owned();
    assert!(cluster.state.lock().events.contains(&preempted));
}

#[test]
fn many_pods_fill_the_nodes_evenly() {
    let (env, cluster, _running) = start();
    for name in ["b", "c", "d"] {
        cluster.put("nodes", node(name, "1"));
    }
    for number in 0..40 {
        cluster.put("pods", pod(&format!("p{number}"), "100m", 0));
    }
    env.run_for(Duration::from_millis(1));
    let mut counts = BTreeMap::<String, usize>::new();
    (0..40).for_each(|number| *counts.entry(cluster.node_of(&format!("p{number}"))).or_default() += 1);
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [10, 10, 10, 10]);
}

#[test]
fn a_dropped_scheduler_does_nothing_more() {
    let (env, cluster, running) = start();
    env.run_for(Duration::ZERO);
    drop(running);
    cluster.put("pods", pod("p", "500m", 0));
    env.run_for(Duration::from_secs(600));
    assert_eq!(cluster.node_of("p"), "");
}
