//! One suite that every engine passes.
//!
//! An engine's tests call [`run`] with a maker of empty stores. Each case is a
//! named function over a fresh store; the name says what must hold. The cases need
//! no runtime of their own: they run wherever the engine does.

mod compaction;
mod concurrency;
mod histories;
mod reading;
mod watching;
mod writing;

use std::sync::Arc;

use bytes::Bytes;
use ironclad_env::BoxFuture;

use crate::{
    Change, Compare, Event, Expect, KeyValue, Op, Range, RangeResult, Revision, Store, StoreError, Txn,
    TxnResult, Watch, WatchItem,
};

/// A case: its name, and what it does with an empty store.
struct Case(&'static str, fn(Arc<dyn Store>) -> BoxFuture<'static, ()>);

/// Makes a [`Case`] of an `async fn(Arc<dyn Store>)`; its name is the function's.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        pub(super) const CASES: &[super::Case] =
            &[$(super::Case(stringify!($name), |store| Box::pin($name(store)))),*];
    };
}
use cases;

/// Runs every case, each on a store of its own from `make`, which must be empty.
///
/// # Panics
/// On the first case that does not hold; its name is printed before it starts.
pub async fn run<F, M>(make: M)
where
    M: Fn() -> F,
    F: Future<Output = Arc<dyn Store>>,
{
    let tables = [writing::CASES, reading::CASES, watching::CASES, compaction::CASES, concurrency::CASES];
    for Case(name, case) in tables.into_iter().flatten() {
        println!("store conformance: {name}");
        case(make().await).await;
    }
    for seed in 1..=histories::SEEDS {
        println!("store conformance: a random history equals the model's, seed {seed}");
        histories::run(make().await, seed, histories::STEPS).await;
    }
}

/// Holds one random history against the model: for longer runs than [`run`] makes.
pub async fn random_history(store: Arc<dyn Store>, seed: u64, steps: usize) {
    histories::run(store, seed, steps).await;
}

/// The same for an engine that keeps its data: the store is dropped and opened again by
/// `open` every few steps, and must be what it was.
pub async fn reopened_history(open: impl AsyncFn() -> Arc<dyn Store>, seed: u64, steps: usize) {
    histories::reopening(open, seed, steps).await;
}

fn bytes(text: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(text.as_ref())
}

fn put(key: &str, value: &str) -> Op {
    Op::Put { key: bytes(key), value: bytes(value) }
}

fn delete(key: &str) -> Op {
    Op::Delete { key: bytes(key) }
}

fn absent(key: &str) -> Compare {
    Compare { key: bytes(key), expect: Expect::Absent }
}

fn modified_at(key: &str, revision: Revision) -> Compare {
    Compare { key: bytes(key), expect: Expect::ModifiedAt(revision) }
}

fn entry(key: &str, value: &str, created: Revision, modified: Revision) -> KeyValue {
    KeyValue { key: bytes(key), value: bytes(value), created, modified }
}

fn prefix(prefix: &str) -> Range {
    Range { prefix: bytes(prefix), ..Range::default() }
}

async fn txn(store: &dyn Store, compares: Vec<Compare>, ops: Vec<Op>) -> TxnResult {
    store.txn(Txn { compares, ops }).await.expect("the transaction is answered")
}

/// Commits `ops` without conditions and says at which revision.
async fn write(store: &dyn Store, ops: Vec<Op>) -> Revision {
    match txn(store, Vec::new(), ops).await {
        TxnResult::Committed { revision } => revision,
        conflict => panic!("a transaction without compares conflicts: {conflict:?}"),
    }
}

async fn range(store: &dyn Store, range: Range) -> RangeResult {
    let asked = format!("{range:?}");
    store.range(range).await.unwrap_or_else(|error| panic!("{asked}: {error}"))
}

async fn keys(store: &dyn Store, wanted: Range) -> Vec<String> {
    let items = range(store, wanted).await.items;
    items.iter().map(|item| String::from_utf8_lossy(&item.key).into_owned()).collect()
}

fn watch(store: &dyn Store, prefix: &str, after: Revision) -> Box<dyn Watch> {
    store.watch(bytes(prefix), after).expect("the watch starts")
}

/// The next events, past any progress.
async fn next_events(watch: &mut dyn Watch) -> Vec<Event> {
    loop {
        if let WatchItem::Events(events) = watch.next().await.expect("the watch goes on") {
            return events;
        }
    }
}

/// Every event up to and including `through`, which must be one the watch sees or is told of.
async fn events_through(watch: &mut dyn Watch, through: Revision) -> Vec<Event> {
    let mut seen: Vec<Event> = Vec::new();
    let mut last = 0;
    while last < through {
        last = match watch.next().await.expect("the watch goes on") {
            WatchItem::Progress(revision) => {
                assert!(revision >= last, "progress goes back from {last} to {revision}");
                revision
            }
            WatchItem::Events(events) => {
                let revision = check_item(&events);
                assert!(revision > last, "revision {revision} comes after {last}");
                seen.extend(events);
                revision
            }
        };
    }
    seen
}

/// An item of events is never empty and is of one revision, which is returned.
fn check_item(events: &[Event]) -> Revision {
    let revision = events.first().expect("an item of events is never empty").revision;
    assert!(events.iter().all(|event| event.revision == revision), "an item mixes revisions: {events:?}");
    revision
}

/// How a watch that must not start fails: at once, or as its first item.
async fn watch_error(store: &dyn Store, prefix: &str, after: Revision) -> StoreError {
    match store.watch(bytes(prefix), after) {
        Err(error) => error,
        Ok(mut watch) => watch.next().await.expect_err("the watch must fail"),
    }
}

/// `key=value@revision`, `key deleted@revision`: events as a line each, for comparing.
fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(line).collect()
}

fn line(event: &Event) -> String {
    let key = String::from_utf8_lossy(&event.key);
    match &event.change {
        Change::Put { value, .. } => format!("{key}={}@{}", String::from_utf8_lossy(value), event.revision),
        Change::Delete { .. } => format!("{key} deleted@{}", event.revision),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ironclad_env::SimEnv;

    use super::*;
    use crate::model::MemoryStore;

    #[test]
    fn the_model_passes_its_own_suite() {
        let finished = SimEnv::new(1).block_on(Duration::from_secs(1), async {
            run(|| async { MemoryStore::new() as Arc<dyn Store> }).await;
        });
        assert!(finished.is_some(), "a case waits for something that never comes");
    }
}
