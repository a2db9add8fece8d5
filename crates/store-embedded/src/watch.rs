//! One watch: from the log until it has caught up, then from the hub.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use ironclad_env::BoxFuture;
use ironclad_store::{Revision, StoreError, Watch, WatchItem};
use tokio::sync::{mpsc, oneshot};

use crate::failure::stopped;
use crate::hub::Step;
use crate::plan::Commit;
use crate::reader::{Query, Replay, Replayed, Spot};
use crate::shared::Shared;

pub struct EmbeddedWatch {
    shared: Arc<Shared>,
    /// Weak, so that a forgotten watch does not keep the reader of a closed store running.
    reader: mpsc::WeakSender<Query>,
    id: u64,
    prefix: Bytes,
    replayed: VecDeque<Commit>,
    spot: Option<Spot>,
    pending: Option<oneshot::Receiver<Result<Replayed, StoreError>>>,
    failed: Option<StoreError>,
}

impl EmbeddedWatch {
    pub fn new(shared: Arc<Shared>, reader: mpsc::WeakSender<Query>, prefix: Bytes, after: Revision) -> Self {
        let id = shared.hub.register(prefix.clone(), after);
        let replayed = VecDeque::new();
        Self { shared, reader, id, prefix, replayed, spot: None, pending: None, failed: None }
    }

    async fn advance(&mut self) -> Result<WatchItem, StoreError> {
        loop {
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            if let Some(commit) = self.replayed.pop_front() {
                return Ok(WatchItem::Events(commit.events));
            }
            if self.pending.is_some() {
                self.receive().await?;
                continue;
            }
            match poll_fn(|context| self.shared.hub.poll(self.id, context)).await? {
                Step::Yield(item) => return Ok(item),
                Step::Read(after) => self.ask(after).await?,
            }
        }
    }

    async fn ask(&mut self, after: Revision) -> Result<(), StoreError> {
        let (reply, pending) = oneshot::channel();
        let replay = Replay { prefix: self.prefix.clone(), after, from: self.spot };
        let reader = self.reader.upgrade().ok_or_else(stopped)?;
        reader.send(Query::Replay(replay, reply)).await.map_err(|_| stopped())?;
        self.pending = Some(pending);
        Ok(())
    }

    /// Takes the answer of the reader. Dropped while it waits, it is simply called again.
    async fn receive(&mut self) -> Result<(), StoreError> {
        let Some(pending) = &mut self.pending else { return Ok(()) };
        let answer = pending.await.unwrap_or_else(|_| Err(stopped()));
        self.pending = None;
        let replayed = answer?;
        self.spot = Some(replayed.next);
        self.replayed = replayed.commits.into();
        self.shared.hub.has_read(self.id, replayed.through);
        Ok(())
    }
}

impl Watch for EmbeddedWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<WatchItem, StoreError>> {
        Box::pin(async move {
            let item = self.advance().await;
            self.failed = item.as_ref().err().cloned();
            item
        })
    }
}

impl Drop for EmbeddedWatch {
    fn drop(&mut self) {
        self.shared.hub.remove(self.id);
    }
}
