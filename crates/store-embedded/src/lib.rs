//! The embedded engine: a checksummed log, an index in memory, one writer.
//!
//! Every change is appended to a log of segments (`block`, `record`, `segment`) and is
//! acknowledged once one `fdatasync` has made it, and all that queued up behind it,
//! durable. The index (`index`) says where each version of each key lies; values are
//! read from the log. Opening reads the log once (`recover`) and checks all of it.
//! A compaction forgets versions; what the log then wastes is given back a step at a
//! time (`reclaim`). Watches (`hub`, `watch`) are fed before the writer is answered.
//!
//! Guarantees: acknowledged means synced; a torn tail is cut off; anything else that
//! is not as it was written is refused with the file's name, when opening and at each
//! read; a full disk refuses writes and nothing else, and needs no restart.
//!
//! Why a log of our own and not a key-value library: docs/decisions/embedded-store.md.

mod ahead;
mod block;
mod directory;
mod failure;
mod hub;
mod index;
mod log;
mod plan;
mod reader;
mod reclaim;
mod record;
mod recover;
mod scan;
mod segment;
mod shared;
mod spare;
mod watch;
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use ironclad_env::BoxFuture;
use ironclad_store::{Range, RangeResult, Revision, Store, StoreError, Txn, TxnResult, Watch};
use tokio::sync::{mpsc, oneshot};

use crate::failure::{failed, stopped};
use crate::reader::Query;
use crate::shared::Shared;
use crate::watch::EmbeddedWatch;
use crate::writer::{Command, Writer};

/// How many transactions, and how many reads, may wait for their turn; more wait to be queued.
const QUEUE: usize = 1024;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Size of the files of the log, allocated in advance; two of them always exist.
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 8 << 20 }
    }
}

/// A store in a directory of this machine. Dropping it closes it cleanly.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    /// Both are there until the store is dropped.
    commands: Option<mpsc::Sender<Command>>,
    queries: Option<mpsc::Sender<Query>>,
    writer: Option<JoinHandle<()>>,
}

impl EmbeddedStore {
    /// Opens the store in the directory `path`, which is made if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] names the damaged file; [`StoreError::Unavailable`] says which
    /// process has the directory already, or what the operating system refused;
    /// [`StoreError::Full`] if there is no room to begin.
    pub fn open(path: &Path, options: Options) -> Result<Arc<Self>, StoreError> {
        // Offsets are 32 bits; smaller files than this would be all overhead.
        let segment_bytes = options.segment_bytes.clamp(64 << 10, 1 << 30).next_multiple_of(4096);
        let opened = recover::open(path, segment_bytes)?;
        let shared = Arc::new(Shared::new(opened.index, opened.segments));
        let (commands, receiver) = mpsc::channel(QUEUE);
        let (queries, questions) = mpsc::channel(QUEUE);
        let mut writer = Writer::new(shared.clone(), opened.log, opened.dropped);
        let hub = shared.clone();
        let writer = start("store-writer", path, move || {
            let ended = catch_unwind(AssertUnwindSafe(|| writer.run(receiver)));
            hub.hub.close();
            if ended.is_err() {
                tracing::error!("the store's writer has stopped: restart ironclad");
            }
        })?;
        let reading = shared.clone();
        start("store-reader", path, move || reader::run(&reading, questions))?;
        Ok(Arc::new(Self { shared, commands: Some(commands), queries: Some(queries), writer: Some(writer) }))
    }
}

fn start(
    name: &str,
    path: &Path,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| failed("starting a thread for", path, &error))
}

impl Store for EmbeddedStore {
    fn range(&self, range: Range) -> BoxFuture<'_, Result<RangeResult, StoreError>> {
        Box::pin(ask(self.queries.as_ref(), |reply| Query::Range(range, reply)))
    }

    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<TxnResult, StoreError>> {
        Box::pin(ask(self.commands.as_ref(), |reply| Command::Txn(txn, reply)))
    }

    fn watch(&self, prefix: Bytes, after: Revision) -> Result<Box<dyn Watch>, StoreError> {
        self.shared.state.read().check_available(after)?;
        if self.shared.hub.is_closed() {
            return Err(stopped());
        }
        let reader = self.queries.as_ref().ok_or_else(stopped)?.downgrade();
        Ok(Box::new(EmbeddedWatch::new(self.shared.clone(), reader, prefix, after)))
    }

    fn compact(&self, revision: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(ask(self.commands.as_ref(), move |reply| Command::Compact(revision, reply)))
    }

    fn revision(&self) -> Revision {
        self.shared.revision()
    }
}

/// Sends a request to one of the threads and waits for its answer.
async fn ask<C, T>(
    sender: Option<&mpsc::Sender<C>>,
    request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> C,
) -> Result<T, StoreError> {
    let (reply, answer) = oneshot::channel();
    sender.ok_or_else(stopped)?.send(request(reply)).await.map_err(|_| stopped())?;
    answer.await.unwrap_or_else(|_| Err(stopped()))
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.commands = None;
        self.queries = None;
        // What was queued is committed and answered; the lock is free once the writer is gone.
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
