//! Removes objects of kinds that live for a time only (events), counted from their last write.
//!
//! Nothing is stored for it: a version is older than its time to live if its revision was
//! already there that long ago. After a restart the count begins anew.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ironclad_env::Env;

use crate::engine::Engine;
use crate::registry::{Kind, Served};
use crate::write::commit::Change;

const PERIOD: Duration = Duration::from_secs(60);

/// At most this many objects of a kind are removed per period.
const MAX_REMOVALS: usize = 5_000;

/// The longest time to live that is kept track of.
const MAX_SAMPLES: usize = 24 * 60;

/// Runs until the engine is gone.
pub async fn run(engine: Weak<Engine>, env: Env) {
    let mut samples: VecDeque<(Duration, u64)> = VecDeque::new();
    loop {
        env.sleep(PERIOD).await;
        let Some(engine) = engine.upgrade() else { return };
        let now = env.elapsed();
        for kind in engine.registry().kinds().all() {
            let Some(ttl) = kind.strategy.time_to_live() else { continue };
            let passed = samples.iter().take_while(|(at, _)| *at + ttl <= now);
            if let Some((_, revision)) = passed.last() {
                engine.expire(kind, *revision).await;
            }
        }
        samples.push_back((now, engine.store.revision()));
        if samples.len() > MAX_SAMPLES {
            samples.pop_front();
        }
    }
}

impl Engine {
    /// Removes the objects of a kind that nobody has written since a revision.
    async fn expire(&self, kind: &Arc<Kind>, since: u64) {
        let Some(served) = Served::all(kind).into_iter().next() else { return };
        let old = kind.objects.list(None).into_iter().filter(|entry| entry.revision <= since);
        for entry in old.take(MAX_REMOVALS) {
            let key = entry.key.clone();
            let removed = match self.current_of(&served, entry).await {
                Ok(current) => self.commit(&served, &key, Some(&current), Change::Delete).await.map(drop),
                Err(status) => Err(status),
            };
            if let Err(status) = removed {
                tracing::warn!(%key, %status, "an object that has expired could not be removed");
                return;
            }
        }
    }
}
