//! Keeps the store's history short, as upstream's API server does for etcd.

use std::sync::Arc;
use std::time::Duration;

use ironclad_env::Env;
use ironclad_store::Store;

/// History is kept for between one and two of these.
const PERIOD: Duration = Duration::from_secs(5 * 60);

/// Forgets, each period, what was already there a period before.
pub async fn run(env: Env, store: Arc<dyn Store>) {
    let mut before = store.revision();
    loop {
        env.sleep(PERIOD).await;
        let now = store.revision();
        if let Err(error) = store.compact(before).await {
            tracing::warn!(%error, "compacting the store failed; it is tried again later");
        }
        before = now;
    }
}
