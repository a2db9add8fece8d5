//! A store that now and then does not answer.

use std::sync::Arc;

use bytes::Bytes;
use ironclad_env::{BoxFuture, Env, EnvironmentExt};
use ironclad_store::{Range, RangeResult, Revision, Store, StoreError, Txn, TxnResult, Watch};
use parking_lot::Mutex;

/// Passes everything on to `store`, but for some transactions: half of those fail before they
/// were applied and half after, so that the caller cannot know.
pub struct FaultyStore {
    store: Arc<dyn Store>,
    env: Env,
    /// How many of a thousand transactions fail.
    per_mille: Mutex<u64>,
}

impl FaultyStore {
    pub fn new(store: Arc<dyn Store>, env: Env) -> Arc<Self> {
        Arc::new(Self { store, env, per_mille: Mutex::new(0) })
    }

    pub fn fail(&self, per_mille: u64) {
        *self.per_mille.lock() = per_mille;
    }

    fn draw(&self) -> Fault {
        let roll = self.env.random_u64() % 2000;
        let half = *self.per_mille.lock();
        match roll {
            roll if roll < half => Fault::Before,
            roll if roll < 2 * half => Fault::After,
            _ => Fault::None,
        }
    }
}

enum Fault {
    None,
    Before,
    After,
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("the simulated disk did not answer".into())
}

impl Store for FaultyStore {
    fn range(&self, range: Range) -> BoxFuture<'_, Result<RangeResult, StoreError>> {
        self.store.range(range)
    }

    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<TxnResult, StoreError>> {
        Box::pin(async move {
            match self.draw() {
                Fault::None => self.store.txn(txn).await,
                Fault::Before => Err(unavailable()),
                Fault::After => {
                    self.store.txn(txn).await?;
                    Err(unavailable())
                }
            }
        })
    }

    fn watch(&self, prefix: Bytes, after: Revision) -> Result<Box<dyn Watch>, StoreError> {
        self.store.watch(prefix, after)
    }

    fn compact(&self, revision: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.compact(revision)
    }

    fn revision(&self) -> Revision {
        self.store.revision()
    }
}
