//! What the engine makes of stores that fail, and of bytes that are sealed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use ironclad_api::GroupResource;
use ironclad_engine::codec::Plain;
use ironclad_engine::{AtRest, AtRestError, Engine, Parts, Registry, Response};
use ironclad_env::{BoxFuture, SimEnv};
use ironclad_store::model::MemoryStore;
use ironclad_store::{Range, RangeResult, Revision, Store, StoreError, Txn, TxnResult, Watch, WatchItem};
use serde_json::{Value, json};

use crate::kinds;
use crate::world::{Call, World, config_map};

/// Fails when it is told to.
struct Flaky {
    inner: Arc<MemoryStore>,
    full: AtomicBool,
    /// The next item of a watch is lost and the watch broken.
    broken: Arc<AtomicBool>,
    /// History is gone when the engine comes back.
    forgetful: AtomicBool,
}

struct FlakyWatch(Box<dyn Watch>, Arc<AtomicBool>);

impl Watch for FlakyWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<WatchItem, StoreError>> {
        Box::pin(async move {
            let item = self.0.next().await;
            let broken = self.1.swap(false, Ordering::Relaxed);
            if broken { Err(StoreError::Overrun { limit: 1 }) } else { item }
        })
    }
}

impl Store for Flaky {
    fn range(&self, range: Range) -> BoxFuture<'_, Result<RangeResult, StoreError>> {
        self.inner.range(range)
    }

    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<TxnResult, StoreError>> {
        if self.full.load(Ordering::Relaxed) {
            let full = StoreError::Full { what: "the store".to_owned() };
            return Box::pin(std::future::ready(Err(full)));
        }
        self.inner.txn(txn)
    }

    fn watch(&self, prefix: Bytes, after: Revision) -> Result<Box<dyn Watch>, StoreError> {
        if self.forgetful.swap(false, Ordering::Relaxed) {
            return Err(StoreError::Compacted { requested: after, oldest: self.inner.revision() });
        }
        Ok(Box::new(FlakyWatch(self.inner.watch(prefix, after)?, self.broken.clone())))
    }

    fn compact(&self, revision: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.compact(revision)
    }

    fn revision(&self) -> Revision {
        self.inner.revision()
    }
}

fn flaky() -> (World, Arc<Flaky>) {
    let inner = MemoryStore::new();
    let front = Arc::new(Flaky {
        inner: inner.clone(),
        full: AtomicBool::new(false),
        broken: Arc::default(),
        forgetful: AtomicBool::new(false),
    });
    (World::with(SimEnv::new(1), inner, front.clone(), Arc::new(Plain)), front)
}

#[test]
fn a_full_store_refuses_writes_and_answers_reads() {
    let (world, store) = flaky();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    store.full.store(true, Ordering::Relaxed);
    let message = "no space left for the store: free some disk space; writes resume by themselves";
    world.check_error(
        "create",
        "v1/configmaps ns/",
        config_map("b", json!({})),
        &Call::default(),
        503,
        message,
    );
    world.check("get", "v1/configmaps ns/a", (), 200, json!({}));
    store.full.store(false, Ordering::Relaxed);
    world.check("create", "v1/configmaps ns/", config_map("b", json!({})), 201, json!({}));
}

fn watch(world: &World) -> Box<ironclad_engine::Watch> {
    let mut call = Call::default();
    call.list.resource_version = Some(1);
    match world.response("watch", "v1/configmaps ns/", (), &call).0 {
        Ok(Response::Watch(watch)) => watch,
        _ => panic!("no watch"),
    }
}

fn types(watch: &mut ironclad_engine::Watch) -> Vec<&'static str> {
    std::iter::from_fn(|| watch.next_now()).map(|event| event.event.as_str()).collect()
}

#[test]
fn a_broken_watch_goes_on_where_it_was() {
    let (world, store) = flaky();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    let mut watch = watch(&world);
    store.broken.store(true, Ordering::Relaxed);
    world.check("create", "v1/configmaps ns/", config_map("b", json!({})), 201, json!({}));
    world.check("delete", "v1/configmaps ns/a", (), 200, json!({}));
    assert_eq!(types(&mut watch), ["ADDED", "DELETED"]);
}

#[test]
fn after_a_gap_in_history_watchers_list_anew() {
    let (world, store) = flaky();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    let mut before = watch(&world);
    store.broken.store(true, Ordering::Relaxed);
    store.forgetful.store(true, Ordering::Relaxed);
    world.check("create", "v1/configmaps ns/", config_map("b", json!({})), 201, json!({}));
    let error: Value = serde_json::from_slice(&before.next_now().expect("an event").frame).expect("JSON");
    assert_eq!((&error["type"], &error["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert!(world.run(async move { before.next().await.is_none() }));
    let list = json!({"metadata": {"resourceVersion": "2"}, "items": [{}, {}]});
    world.check("list", "v1/configmaps ns/", (), 200, list);
    world.check(
        "create",
        "v1/configmaps ns/",
        config_map("c", json!({})),
        201,
        json!({"metadata": {"resourceVersion": "3"}}),
    );
}

/// Turns every byte around, for config maps.
struct Upside;

fn turned(bytes: &Bytes) -> Bytes {
    bytes.iter().map(|byte| !byte).collect()
}

impl AtRest for Upside {
    fn seal(&self, _: &GroupResource, _: &[u8], plain: Bytes) -> Result<Bytes, AtRestError> {
        Ok(turned(&plain))
    }

    fn open(&self, _: &GroupResource, _: &[u8], stored: Bytes) -> Result<Bytes, AtRestError> {
        match stored.first() {
            Some(0x84) => Ok(turned(&stored)),
            _ => Err(AtRestError("no key fits".to_owned())),
        }
    }
}

#[test]
fn sealed_objects_are_unreadable_in_the_store_only() {
    let (env, store) = (SimEnv::new(1), MemoryStore::new());
    let world = World::with(env.clone(), store.clone(), store.clone(), Arc::new(Upside));
    world.check("create", "v1/configmaps ns/", config_map("a", json!({"k": "secret"})), 201, json!({}));
    world.check(
        "merge",
        "v1/configmaps ns/a",
        json!({"data": {"l": "m"}}),
        200,
        json!({"data": {"k": "secret", "l": "m"}}),
    );
    let raw = store.clone();
    let stored = world.run(async move { raw.range(Range::default()).await.expect("reads").items });
    assert!(stored.iter().all(|item| !item.value.windows(6).any(|bytes| bytes == b"secret")));
    let world = World::with(env, store, world.store.clone(), Arc::new(Upside));
    world.check("get", "v1/configmaps ns/a", (), 200, json!({"data": {"k": "secret"}}));
}

#[test]
fn an_engine_refuses_to_start_on_what_it_cannot_read() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    let registry = Registry::new([kinds::Plain::shared()]);
    let parts =
        Parts::new(world.env.shared(), world.store.clone(), registry, world.gate.clone(), world.gate.clone());
    let parts = Parts { at_rest: Arc::new(Upside), ..parts };
    let error = world.run(async move { Engine::start(parts).await.expect_err("refused").to_string() });
    assert_eq!(error, "the stored object /registry/configmaps/ns/a cannot be decrypted: no key fits");
}
