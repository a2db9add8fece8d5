//! The same engine on real threads.

use std::sync::Arc;

use ironclad_api::params::ListOptions;
use ironclad_client::{Cache, Operation, Request};
use ironclad_engine::{Engine, EventType, Parts, Registry, Response};
use ironclad_env::RealEnv;
use ironclad_store::model::MemoryStore;
use serde_json::json;

use crate::kinds::Plain;
use crate::world::{Gate, config_map, object, target};

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
