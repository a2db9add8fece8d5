//! What the parts of a pod's create and patch cost: `cargo run --release -p ironclad-kinds --example parts [create]`.
//!
//! Prints microseconds per operation on one thread, with nothing else running: what a profile of a server is held
//! against. With `create` it does only that, for a profile. The pod is the one of `ironclad bench --kind pod`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use ironclad_api::apply::{Manager, track_update};
use ironclad_api::params::WriteOptions;
use ironclad_api::status::Status;
use ironclad_api::{GroupVersionResource, Object, json};
use ironclad_client::{Body, Operation, Patch, PatchKind, Request, Target};
use ironclad_engine::{
    Admission, AdmissionRequest, Attributes, Authorizer, Context, Decision, Engine, Parts, Registry,
    SchemaRef, Strategy, User, codec, shape,
};
use ironclad_env::{BoxFuture, RealEnv};
use ironclad_kinds::pod::Pod;
use ironclad_store::model::MemoryStore;
use k8s_openapi::api::core::v1 as core;
use serde_json::json;

const TIMES: u32 = 20_000;

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

fn pod(name: &str) -> String {
    let variable = |n: usize| json!({"name": format!("VARIABLE_{n}"), "value": "x".repeat(40)});
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "bench", "n": "1"}, "annotations": {"note": "y".repeat(200)}},
        "spec": {"automountServiceAccountToken": false, "schedulerName": "bench",
            "containers": [{"name": "main", "image": "registry.example/app:1",
                "env": (0..12).map(variable).collect::<Vec<_>>(),
                "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}},
                "volumeMounts": [{"name": "a", "mountPath": "/a"}]}],
            "volumes": [{"name": "a", "emptyDir": {}}]}})
    .to_string()
}

fn report<T>(what: &str, mut part: impl FnMut() -> T) {
    let start = Instant::now();
    (0..TIMES).for_each(|_| drop(black_box(part())));
    println!("{what:<44} {:>8.2} µs", start.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES));
}

fn main() {
    let strategy: Arc<dyn Strategy> = Arc::new(Pod::new());
    let only_create = std::env::args().nth(1).as_deref() == Some("create");
    if !only_create {
        each_part(strategy.as_ref());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(engine(strategy, only_create));
}

fn each_part(strategy: &dyn Strategy) {
    let SchemaRef::Builtin(schema) = &strategy.spec().versions[0].schema else { return };
    let text = pod("pod-00000");
    let decoded = || json::decode(text.as_bytes()).expect("a pod").value;
    let fitted = || {
        let mut value = decoded();
        shape::fit(&mut value, &SchemaRef::Builtin(schema)).expect("a pod");
        value
    };
    let defaulted = || {
        let mut object = Object::from_value(fitted()).expect("a pod");
        strategy.default(&mut object);
        object
    };
    let manager = Manager { name: "bench", subresource: "", api_version: "v1" };
    let reset = strategy.reset_fields(ironclad_engine::strategy::Part::Main);
    let tracked = || {
        let mut value = defaulted().into_value();
        track_update(None, &mut value, schema, &manager, "2026-01-01T00:00:00Z", &reset);
        Object::from_value(value).expect("a pod")
    };
    println!("each line with all above it, and with letting go of what it made");
    report("decode", decoded);
    report("  against the schema", fitted);
    report("  defaults", defaulted);
    report("  owners of fields", tracked);
    println!("alone");
    let whole = tracked();
    report("copy", || whole.clone());
    report("decode into a type", || whole.to_typed::<core::Pod>().expect("a pod"));
    report("encode", || codec::encode(&whole));
}

async fn engine(strategy: Arc<dyn Strategy>, only_create: bool) {
    let registry = Registry::new([strategy]);
    let parts = Parts::new(RealEnv::shared(), MemoryStore::new(), registry, Arc::new(Open), Arc::new(Open));
    let engine = Engine::start(parts).await.expect("starts");
    let call = async |name: String, operation: Operation| {
        let context = Context::new(Arc::new(User::default()), "bench/1");
        let resource = GroupVersionResource::new("", "v1", "pods");
        let target = Target { resource, namespace: "default".into(), name, subresource: String::new() };
        engine.handle(&context, Request { target, operation }).await.expect("done")
    };
    println!("the engine, without disk, admission, TLS and HTTP");
    let start = Instant::now();
    for n in 0..TIMES {
        let body = Body::Json(pod(&format!("pod-{n:05}")).into());
        call(String::new(), Operation::Create(body, WriteOptions::default())).await;
    }
    println!("{:<44} {:>8.2} µs", "create", start.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES));
    let patched = if only_create { 0 } else { TIMES };
    let start = Instant::now();
    for n in 0..patched {
        let body = format!(r#"{{"metadata":{{"annotations":{{"n":"{n}"}}}}}}"#).into();
        let patch = Patch { kind: PatchKind::Merge, body };
        call(format!("pod-{n:05}"), Operation::Patch(patch, WriteOptions::default())).await;
    }
    println!("{:<44} {:>8.2} µs", "merge patch", start.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES));
}
