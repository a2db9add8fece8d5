//! Keeps the store's history short, as upstream's API server does for etcd.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ironclad_env::Env;
use ironclad_store::Store;

/// How often history is cut.
const PERIOD: Duration = Duration::from_secs(150);

/// History is kept for so many periods: five minutes, as upstream.
const KEPT: usize = 2;

/// The revision up to which history is forgotten. Lists that began before it have expired,
/// even where the cache could still answer them, so that they do so alike on every server.
#[derive(Default)]
pub struct Compacted(AtomicU64);

impl Compacted {
    pub fn revision(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Forgets, each period, what was there already so many periods before.
pub async fn run(env: Env, store: Arc<dyn Store>, compacted: Arc<Compacted>) {
    let mut kept = VecDeque::from([store.revision()]);
    loop {
        env.sleep(PERIOD).await;
        if kept.len() >= KEPT
            && let Some(revision) = kept.pop_front()
        {
            match store.compact(revision).await {
                Ok(()) => compacted.0.store(revision, Ordering::Release),
                Err(error) => tracing::warn!(%error, "compacting the store failed; it is tried again later"),
            }
        }
        kept.push_back(store.revision());
    }
}
