//! The same engine on real threads.

use std::sync::Arc;

use ironclad_api::params::ListOptions;
use ironclad_client::{Cache, Operation, PatchKind, Request};
use ironclad_engine::{Engine, EventType, Parts, Registry, Response};
use ironclad_env::RealEnv;
use ironclad_store::model::MemoryStore;
use serde_json::json;

use crate::kinds::{Plain, Widget};
use crate::world::{Gate, config_map, object, target, widget};

const WRITERS: usize = 8;
const EACH: usize = 40;

fn context() -> ironclad_engine::Context {
    ironclad_engine::Context::new(Arc::default(), "test")
}

async fn write_and_read_back(engine: Arc<Engine>, writer: usize) {
    let cache = engine.cache();
    let resource = target("v1/configmaps").resource.group_resource();
    for n in 0..EACH {
        let body = object(config_map(&format!("w{writer}-{n}"), json!({})));
        let request = Request::create(target("v1/configmaps ns/"), body);
        let created = engine.handle(&context(), request).await.expect("created");
        let key = created.into_object().expect("an object").key();
        assert!(cache.get(&resource, &key).is_some(), "whoever was answered reads its own write");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_and_watchers_on_several_threads_agree() {
    let gate = Arc::new(Gate::default());
    let registry = Registry::new([Plain::shared()]);
    let parts = Parts::new(RealEnv::shared(), MemoryStore::new(), registry, gate.clone(), gate);
    let engine = Engine::start(parts).await.expect("starts");
    let watchers: Vec<_> = (0..4)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let operation = Operation::Watch(ListOptions::default());
                let request = Request { target: target("v1/configmaps ns/"), operation };
                let Ok(Response::Watch(mut watch)) = engine.handle(&context(), request).await else {
                    panic!("no watch")
                };
                let mut last = 0;
                for _ in 0..WRITERS * EACH {
                    let event = watch.next().await.expect("an event");
                    assert!(event.event == EventType::Added);
                    last = last.max(event.revision);
                }
                last
            })
        })
        .collect();
    let writers: Vec<_> =
        (0..WRITERS).map(|n| tokio::spawn(write_and_read_back(engine.clone(), n))).collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    for watcher in watchers {
        assert_eq!(watcher.await.expect("a watcher"), (WRITERS * EACH) as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_patch_of_a_scale_does_not_mind_who_else_writes_its_parent() {
    let gate = Arc::new(Gate::default());
    let registry = Registry::new([Widget::shared()]);
    let parts = Parts::new(RealEnv::shared(), MemoryStore::new(), registry, gate.clone(), gate);
    let engine = Engine::start(parts).await.expect("starts");
    let body = object(widget("w", json!({"replicas": 2, "selector": "app=w"})));
    let created = Request::create(target("example.com/v1/widgets ns/"), body);
    engine.handle(&context(), created).await.expect("created");
    let patched = |path: &'static str, field: &'static str| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for n in 0..200 {
                let patch = json!({"spec": {field: n % 10}}).to_string();
                let request = Request::patch(target(path), PatchKind::Merge, patch);
                engine.handle(&context(), request).await.expect("no conflict");
            }
        })
    };
    let writers = [
        patched("example.com/v1/widgets ns/w scale", "replicas"),
        patched("example.com/v1/widgets ns/w scale", "replicas"),
        patched("example.com/v1/widgets ns/w", "size"),
        patched("example.com/v1/widgets ns/w", "size"),
    ];
    for writer in writers {
        writer.await.expect("a writer");
    }
}
