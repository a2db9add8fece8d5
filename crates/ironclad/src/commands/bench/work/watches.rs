//! Fan-out: how long after a patch is sent does each of many watchers have it.

use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{ObjectKey, Status};
use ironclad_client::{Cache, Change, Observer};
use ironclad_env::EnvironmentExt;
use ironclad_remote::{RemoteCache, WatchSpec};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::Figures;
use crate::commands::bench::Bench;

const CHANGES: usize = 200;
const LIMIT: Duration = Duration::from_secs(30);
const NAME: &str = "watched";

/// One watcher: passes on when it saw a new state of the object.
struct Watcher {
    env: ironclad_env::Env,
    key: ObjectKey,
    seen: mpsc::UnboundedSender<Duration>,
    revision: Mutex<u64>,
}

impl Observer for Watcher {
    fn changed(&self, change: &Change) {
        let Some(entry) = change.new.as_ref().filter(|entry| entry.key == self.key) else { return };
        let mut newest = self.revision.lock();
        if entry.revision > *newest {
            *newest = entry.revision;
            // The bench may have ended; nobody counts then.
            let _ = self.seen.send(self.env.elapsed());
        }
    }
}

pub async fn watch(bench: Arc<Bench>) -> Result<Vec<Figures>, Status> {
    bench.create(0, NAME.into()).await?;
    // Bounded by watchers times changes, since the next change waits for all watchers.
    let (seen, mut arrivals) = mpsc::unbounded_channel();
    let caches = watchers(&bench, &seen).await?;
    wait(&bench, &mut arrivals).await?;
    let before = bench.servers.now();
    let began = bench.env.elapsed();
    let mut latencies = Vec::with_capacity(CHANGES * bench.watchers);
    // From 1: the object is made with step 0, and a patch that changes nothing is no event.
    for change in 1..=CHANGES {
        let sent = bench.env.elapsed();
        bench.patch(change, NAME.into(), change).await?;
        let arrived = wait(&bench, &mut arrivals).await?;
        latencies.extend(arrived.into_iter().map(|at| at.saturating_sub(sent)));
    }
    let took = bench.env.elapsed().saturating_sub(began);
    let figures =
        Figures::new(format!("watch ×{}", bench.watchers), latencies, took, bench.servers.since(before));
    drop(caches);
    Ok(vec![figures])
}

async fn watchers(
    bench: &Bench,
    seen: &mpsc::UnboundedSender<Duration>,
) -> Result<Vec<Arc<RemoteCache>>, Status> {
    let spec = || WatchSpec {
        namespace: Some(bench.cluster.namespace.clone()),
        ..WatchSpec::all(bench.kind.kind(), bench.kind.plural(), true).selecting("metadata.name", NAME)
    };
    let mut caches = Vec::with_capacity(bench.watchers);
    for number in 0..bench.watchers {
        let cache = RemoteCache::start(&bench.env, bench.cluster.client(number), vec![spec()]);
        let key = bench.cluster.key(NAME.into());
        let watcher = Watcher { env: bench.env.clone(), key, seen: seen.clone(), revision: Mutex::new(0) };
        cache.observe(&[bench.kind.resource().group_resource()], Arc::new(watcher));
        caches.push(cache);
    }
    for cache in &caches {
        let synced = bench.env.timeout(LIMIT, cache.synced()).await;
        synced.ok_or_else(|| Status::timeout("a watch did not begin in time", 0))?;
    }
    Ok(caches)
}

/// When each watcher saw the newest state.
async fn wait(
    bench: &Bench,
    arrivals: &mut mpsc::UnboundedReceiver<Duration>,
) -> Result<Vec<Duration>, Status> {
    let mut seen = Vec::with_capacity(bench.watchers);
    while seen.len() < bench.watchers {
        match bench.env.timeout(LIMIT, arrivals.recv()).await {
            Some(Some(at)) => seen.push(at),
            _ => {
                let (got, all) = (seen.len(), bench.watchers);
                return Err(Status::timeout(format!("only {got} of {all} watchers saw a change"), 0));
            }
        }
    }
    Ok(seen)
}
