//! The task that follows the store and writes the cache.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ironclad_api::{Entry, GroupResource};
use ironclad_client::Change;
use ironclad_env::Env;
use ironclad_store::{self as store, Event, Revision, Store, StoreError, Watch, WatchItem};
use tokio::sync::{mpsc, oneshot};

use super::entries;
use super::load::{LoadError, claim};
use super::log::{Record, removed};
use super::objects::Objects;
use super::sorted::Sorted;
use super::{Cluster, Subscription};
use crate::codec::EventType;
use crate::registry::{Kind, Kinds};
use crate::strategy::Strategy;

/// How long the applier waits before it tries again to reach the store: this much more
/// after each failure, up to the limit.
const RETRY_STEP: Duration = Duration::from_millis(100);
const RETRY_LIMIT: Duration = Duration::from_secs(5);

/// Kinds that wait to be added or removed. Few: CRDs change seldom.
const COMMANDS: usize = 64;

/// A change of the served kinds. It goes through the applier, so that the new kind's
/// objects are those of exactly one revision and nothing falls in between.
pub enum Command {
    Put(Arc<dyn Strategy>, oneshot::Sender<Result<(), LoadError>>),
    Remove(GroupResource, oneshot::Sender<()>),
}

pub struct Applier {
    cluster: Arc<Cluster>,
    store: Arc<dyn Store>,
    env: Env,
    watch: Box<dyn Watch>,
    commands: mpsc::Receiver<Command>,
}

/// One change of one object, made ready outside of all locks.
struct Prepared {
    kind: Arc<Kind>,
    record: Arc<Record>,
}

impl Applier {
    /// Loads what the store holds and is ready to follow it.
    pub async fn start(
        cluster: Arc<Cluster>,
        store: Arc<dyn Store>,
        env: Env,
    ) -> Result<(Self, mpsc::Sender<Command>), LoadError> {
        let kinds = cluster.registry.kinds();
        let loaded = cluster.read_all(&*store, &kinds).await?;
        let watch = store.watch(Bytes::from_static(b"/"), loaded.revision)?;
        cluster.install(loaded, &kinds);
        let (sender, commands) = mpsc::channel(COMMANDS);
        Ok((Self { cluster, store, env, watch, commands }, sender))
    }

    /// Runs until the engine is dropped.
    pub async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                item = self.watch.next() => match item {
                    Ok(WatchItem::Events(events)) => self.cluster.apply(events),
                    Ok(WatchItem::Progress(revision)) => self.cluster.progress(revision),
                    Err(error) => self.recover(&error).await,
                },
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => return,
                },
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Put(strategy, done) => drop(done.send(self.put(strategy).await)),
            Command::Remove(resource, done) => {
                if let Some(kind) = self.cluster.kind(&resource) {
                    self.cluster.registry.remove(&resource);
                    self.cluster.forget(&kind);
                }
                let _ = done.send(());
            }
        }
    }

    async fn put(&mut self, strategy: Arc<dyn Strategy>) -> Result<(), LoadError> {
        let kind = Kind::with_objects(strategy, Arc::new(Objects::default()));
        let revision = self.cluster.applied.revision();
        let sorted = self.cluster.read_kind(&*self.store, &kind, revision).await?;
        self.cluster.replace(Arc::new(kind), sorted, revision);
        Ok(())
    }

    /// The watch broke: go on from what was applied, or take over the state anew if the
    /// store has forgotten what came after it.
    async fn recover(&mut self, error: &StoreError) {
        tracing::warn!(%error, "the store's watch broke");
        let mut pause = Duration::ZERO;
        loop {
            match follow_again(&self.cluster, &self.store).await {
                Ok(watch) => {
                    self.watch = watch;
                    return;
                }
                Err(error) => tracing::error!(%error, "cannot follow the store; trying again"),
            }
            pause = (pause + RETRY_STEP).min(RETRY_LIMIT);
            self.env.sleep(pause).await;
        }
    }
}

/// A watch that goes on after what was applied.
async fn follow_again(cluster: &Cluster, store: &Arc<dyn Store>) -> Result<Box<dyn Watch>, LoadError> {
    match store.watch(Bytes::from_static(b"/"), cluster.applied.revision()) {
        Err(StoreError::Compacted { .. }) => {
            let kinds = cluster.registry.kinds();
            let loaded = cluster.read_all(&**store, &kinds).await?;
            let watch = store.watch(Bytes::from_static(b"/"), loaded.revision)?;
            cluster.take_over(loaded, &kinds);
            Ok(watch)
        }
        watch => Ok(watch?),
    }
}

impl Cluster {
    /// Applies the events of one revision.
    fn apply(&self, events: Vec<Event>) {
        let Some(revision) = events.first().map(|event| event.revision) else { return };
        let kinds = self.registry.kinds();
        let prepare = |event| contained("making an entry", || self.prepare(&kinds, event)).flatten();
        let prepared: Vec<Prepared> = events.into_iter().filter_map(prepare).collect();
        let observers = self.observers.lock();
        for changes in prepared.chunk_by(|a, b| Arc::ptr_eq(&a.kind, &b.kind)) {
            if let Some(first) = changes.first() {
                first.kind.objects.apply(changes.iter().map(|change| change.record.clone()));
            }
        }
        for Prepared { kind, record } in &prepared {
            let new = (record.event != EventType::Deleted).then(|| record.entry.clone());
            let change = Change { resource: kind.resource.clone(), old: record.old.clone(), new };
            tell(&observers, &change);
        }
        drop(observers);
        self.applied.advance(revision);
        for changes in prepared.chunk_by(|a, b| Arc::ptr_eq(&a.kind, &b.kind)) {
            changes.iter().take(1).for_each(|change| change.kind.objects.wake());
        }
    }

    fn progress(&self, revision: Revision) {
        if revision > self.applied.revision() {
            self.applied.advance(revision);
        }
    }

    /// Makes the record of an event; claims are applied at once. `None` for what is not an object of a kind.
    fn prepare(&self, kinds: &Kinds, event: Event) -> Option<Prepared> {
        if let Some(claim) = claim(&event.key) {
            match event.change {
                store::Change::Put { value, .. } => drop(self.claims.write().insert(claim, value)),
                store::Change::Delete { .. } => drop(self.claims.write().remove(&claim)),
            }
            return None;
        }
        let (kind, rest) = kinds.by_store_key(&event.key)?;
        let old = kind.objects.get(&kind.object_key(rest));
        let record = match event.change {
            store::Change::Put { value, .. } => {
                let happened = if old.is_some() { EventType::Modified } else { EventType::Added };
                let made = entries::framed(kind, &*self.at_rest, &event.key, value, event.revision, happened);
                let (entry, frame) = made.inspect_err(|why| undecodable(&event.key, why)).ok()?;
                Record::new(happened, entry, old, frame)
            }
            store::Change::Delete { .. } => {
                let old = old?;
                let (entry, frame) = removed(&old, event.revision);
                Record::new(EventType::Deleted, entry, Some(old), frame)
            }
        };
        Some(Prepared { kind: kind.clone(), record: Arc::new(record) })
    }

    /// Serves `kind` with these objects instead of what stood under its resource.
    fn replace(&self, kind: Arc<Kind>, sorted: Sorted, revision: Revision) {
        let before = self.kind(&kind.resource);
        let observers = self.observers.lock();
        kind.objects.load(sorted, revision);
        self.registry.put(&kind);
        let old = before.as_ref().map(|before| before.objects.list(None)).unwrap_or_default();
        let old = Sorted::from_ordered(old);
        for change in differences(&kind, &old, &kind.objects.list(None)) {
            tell(&observers, &change);
        }
        drop(observers);
        if let Some(before) = before {
            before.objects.close();
        }
    }

    /// Tells that the objects of a kind are no longer served.
    fn forget(&self, kind: &Arc<Kind>) {
        let observers = self.observers.lock();
        for entry in kind.objects.list(None) {
            let change = Change { resource: kind.resource.clone(), old: Some(entry), new: None };
            tell(&observers, &change);
        }
        drop(observers);
        kind.objects.close();
    }

    /// Takes over the store's state after a gap in its history.
    fn take_over(&self, mut loaded: super::load::Loaded, kinds: &Kinds) {
        let observers = self.observers.lock();
        for kind in kinds.all() {
            let sorted = loaded.take(kind);
            let old = Sorted::from_ordered(kind.objects.list(None));
            kind.objects.reload(sorted, loaded.revision);
            for change in differences(kind, &old, &kind.objects.list(None)) {
                tell(&observers, &change);
            }
        }
        *self.claims.write() = loaded.claims;
        drop(observers);
        self.applied.advance(loaded.revision);
    }
}

fn tell(observers: &[Subscription], change: &Change) {
    let wanted = observers.iter().filter(|subscription| subscription.wants(&change.resource));
    wanted.for_each(|subscription| {
        contained("an observer", || subscription.observer.changed(change));
    });
}

/// Runs what belongs to a kind or a controller. Its panic must not end the applier, without
/// which nothing would be seen any more.
fn contained<T>(what: &str, run: impl FnOnce() -> T) -> Option<T> {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    outcome.inspect_err(|_| tracing::error!("{what} panicked; the cache goes on without it")).ok()
}

/// What an observer has to be told to get from the old state to the new one.
fn differences(kind: &Kind, old: &Sorted, new: &[Arc<Entry>]) -> Vec<Change> {
    let change = |old, new| Change { resource: kind.resource.clone(), old, new };
    let mut gone = old.clone();
    let mut changes = Vec::new();
    for entry in new {
        match gone.remove(&entry.key) {
            Some(before) if before.revision == entry.revision && before.json == entry.json => {}
            before => changes.push(change(before, Some(entry.clone()))),
        }
    }
    changes.extend(gone.range(None, None).map(|entry| change(Some(entry.clone()), None)));
    changes
}

fn undecodable(key: &[u8], why: &entries::EntryError) {
    let key = String::from_utf8_lossy(key);
    tracing::error!(%key, %why, "a stored object cannot be served; the version before it stays");
}
