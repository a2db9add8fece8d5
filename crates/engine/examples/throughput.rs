//! What the engine alone costs per operation, over the store's model in memory:
//! `cargo run --release -p ironclad-engine --example throughput`.
//!
//! Prints microseconds of wall time per operation on one task. No disk, TLS or HTTP.

use std::sync::Arc;
use std::time::Instant;

use ironclad_api::params::{DeleteOptions, GetOptions, ListOptions, WriteOptions};
use ironclad_api::schema::Catalog;
use ironclad_api::status::Status;
use ironclad_api::{GroupVersionKind, GroupVersionResource};
use ironclad_client::{Body, Operation, Patch, PatchKind, Request, Target};
use ironclad_engine::strategy::ALL_VERBS;
use ironclad_engine::{
    Admission, AdmissionRequest, Attributes, Authorizer, Context, Decision, Engine, KindSpec, Parts,
    Registry, Response, SchemaRef, Scope, SelectableField, Strategy, Subresource, User, VersionSpec,
};
use ironclad_env::{BoxFuture, RealEnv};
use ironclad_store::model::MemoryStore;
use serde_json::{Value, json};

const OBJECTS: usize = 10_000;
const WATCHERS: usize = 100;

struct Pods(KindSpec);

impl Pods {
    fn shared() -> Arc<dyn Strategy> {
        let kind = GroupVersionKind::new("", "v1", "Pod");
        let schema = SchemaRef::Builtin(Catalog::builtin().schema(&kind).expect("in the catalog"));
        Arc::new(Self(KindSpec {
            group: "".into(),
            kind: "Pod".into(),
            resource: "pods".into(),
            singular: "pod".into(),
            short_names: Vec::new(),
            categories: Vec::new(),
            scope: Scope::Namespaced,
            versions: vec![VersionSpec::stored("v1", schema)],
            subresources: vec![Subresource::status()],
            verbs: ALL_VERBS,
            columns: Vec::new(),
            selectable: ["spec.nodeName", "status.phase", "spec.serviceAccountName"]
                .map(SelectableField::at)
                .into(),
            generation: true,
            storage_prefix: None,
        }))
    }
}

impl Strategy for Pods {
    fn spec(&self) -> &KindSpec {
        &self.0
    }
}

struct Open;

impl Authorizer for Open {
    fn authorize<'a>(&'a self, _: &'a Attributes) -> BoxFuture<'a, Decision> {
        Box::pin(std::future::ready(Decision::Allow { reason: String::new() }))
    }
}

impl Admission for Open {
    fn mutate<'a>(&'a self, _: &'a mut AdmissionRequest<'_>) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn validate<'a>(&'a self, _: &'a AdmissionRequest<'_>) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// About 3 KiB, as pods of a Deployment are.
fn pod(name: &str) -> Value {
    let container = |n: usize| {
        json!({"name": format!("c{n}"), "image": "registry.example.com/team/service:1.2.3", "imagePullPolicy": "IfNotPresent",
            "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
            "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "token", "mountPath": "/token", "readOnly": true}]})
    };
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "service", "tier": "back"}},
        "spec": {"containers": [container(0), container(1)], "serviceAccountName": "default", "restartPolicy": "Always",
            "volumes": [{"name": "data", "emptyDir": {}}, {"name": "token", "secret": {"secretName": "t"}}],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}]}})
}

fn target(name: &str) -> Target {
    let resource = GroupVersionResource::new("", "v1", "pods");
    Target { resource, namespace: "default".into(), name: name.into(), subresource: String::new() }
}

async fn call(engine: &Arc<Engine>, name: &str, operation: Operation) -> Response {
    let context = Context::new(Arc::new(User::default()), "bench/1");
    let request = Request { target: target(name), operation };
    match engine.handle(&context, request).await {
        Ok(response) => response,
        Err(status) => panic!("{status}"),
    }
}

fn report(what: &str, start: Instant, count: usize) {
    println!("{what:<40} {:>10.2} µs", start.elapsed().as_secs_f64() * 1e6 / count as f64);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let store = MemoryStore::new();
    let parts = || {
        let registry = Registry::new([Pods::shared()]);
        Parts::new(RealEnv::shared(), store.clone(), registry, Arc::new(Open), Arc::new(Open))
    };
    let engine = Engine::start(parts()).await.expect("starts");
    let bodies: Vec<_> =
        (0..OBJECTS).map(|n| bytes::Bytes::from(pod(&format!("pod-{n:05}")).to_string())).collect();

    let start = Instant::now();
    for body in &bodies {
        call(&engine, "", Operation::Create(Body::Json(body.clone()), WriteOptions::default())).await;
    }
    report("create", start, OBJECTS);

    let start = Instant::now();
    for n in 0..OBJECTS {
        call(&engine, &format!("pod-{n:05}"), Operation::Get(GetOptions::default())).await;
    }
    report("get", start, OBJECTS);

    let start = Instant::now();
    for n in 0..2_000 {
        let body = format!(r#"{{"metadata":{{"annotations":{{"n":"{n}"}}}}}}"#).into();
        let patch = Patch { kind: PatchKind::Strategic, body };
        call(&engine, &format!("pod-{n:05}"), Operation::Patch(patch, WriteOptions::default())).await;
    }
    report("strategic merge patch", start, 2_000);

    let start = Instant::now();
    for _ in 0..100 {
        let Response::List(list) = call(&engine, "", Operation::List(ListOptions::default())).await else {
            return;
        };
        assert_eq!(list.entries.len(), OBJECTS);
    }
    report("list of 10,000", start, 100);

    let mut watches = Vec::new();
    for _ in 0..WATCHERS {
        let options = ListOptions {
            send_initial_events: None,
            resource_version: Some(12_000),
            ..ListOptions::default()
        };
        let Response::Watch(watch) = call(&engine, "", Operation::Watch(options)).await else { return };
        watches.push(watch);
    }
    for n in 0..500 {
        let patch = Patch {
            kind: PatchKind::Merge,
            body: format!(r#"{{"metadata":{{"annotations":{{"m":"{n}"}}}}}}"#).into(),
        };
        call(&engine, &format!("pod-{n:05}"), Operation::Patch(patch, WriteOptions::default())).await;
    }
    let start = Instant::now();
    let mut delivered = 0;
    for watch in &mut watches {
        delivered += std::iter::from_fn(|| watch.next_now()).count();
    }
    report(&format!("watch event ({delivered} delivered)"), start, delivered);

    let start = Instant::now();
    Engine::start(parts()).await.expect("starts");
    report("start with 10,000 objects", start, 1);

    let start = Instant::now();
    for n in 0..2_000 {
        call(&engine, &format!("pod-{n:05}"), Operation::Delete(DeleteOptions::default())).await;
    }
    report("delete", start, 2_000);
}
