//! The single writer: takes what has queued up, decides it, makes it durable with one
//! sync, shows it to the watches, and only then answers.
//!
//! It has a thread of its own. A caller that finds nobody else there commits on its own thread
//! ([`at_once`]): on a fast disk a sync takes less time than waking a thread and being woken by it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ironclad_store::{Change, Revision, StoreError, Txn, TxnResult};
use parking_lot::Mutex;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::failure::stopped;
use crate::index::{Place, Presence, Version};
use crate::log::{Appended, Body, Known, Log, Purpose};
use crate::plan::{Commit, Group};
use crate::reclaim::{Need, Reclaim};
use crate::record::{Kind, Record};
use crate::shared::Shared;

/// The most transactions, and about the most bytes, that share one sync.
const GROUP_TXNS: usize = 512;
const GROUP_BYTES: usize = 1 << 20;
/// How long an asynchronous task may be kept from its thread: for about as long as it takes to wake another.
const QUICK: Duration = Duration::from_micros(250);

pub enum Command {
    Txn(Txn, Reply<TxnResult>),
    Compact(Revision, Reply<()>),
    /// There is garbage to collect.
    Reclaim,
}

pub type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// The writer, for whom it works next. It is gone once it has panicked.
pub type Desk = Mutex<Option<Writer>>;

pub struct Writer {
    pub shared: Arc<Shared>,
    pub log: Log,
    /// The last segment that was dropped.
    pub dropped: u32,
    pub reclaim: Reclaim,
    body: Body,
    /// Nobody queued up behind the last transaction, and writing it took not long.
    idle: bool,
}

/// Serves commands until nobody can send any more.
pub fn run(desk: &Desk, mut commands: mpsc::Receiver<Command>) {
    let mut is_pending = false;
    loop {
        // While there is garbage to collect, that is done between commands.
        let command = match is_pending {
            false => commands.blocking_recv().ok_or(TryRecvError::Disconnected),
            true => commands.try_recv(),
        };
        let mut desk = desk.lock();
        let pending = contained(&mut desk, |writer| {
            match command {
                Ok(command) => writer.serve(command, &mut commands),
                Err(TryRecvError::Empty) => writer.reclaim(),
                Err(TryRecvError::Disconnected) => return None,
            }
            Some(writer.reclaim.is_pending())
        });
        let Some(pending) = pending.flatten() else { return };
        is_pending = pending;
    }
}

/// Commits on the caller's thread if nobody waits and that is quick; else gives the transaction back.
pub fn at_once(
    desk: &Desk,
    commands: &mpsc::Sender<Command>,
    txn: Txn,
) -> Result<Result<TxnResult, StoreError>, Txn> {
    let nobody_waits = commands.capacity() == commands.max_capacity();
    let Some(mut desk) = desk.try_lock().filter(|_| nobody_waits) else { return Err(txn) };
    if !desk.as_ref().is_some_and(|writer| writer.idle && !writer.reclaim.is_pending()) {
        return Err(txn);
    }
    let done = contained(&mut desk, |writer| (writer.commit_alone(txn), writer.reclaim.is_pending()));
    let Some((result, is_pending)) = done else { return Ok(Err(stopped())) };
    if is_pending {
        // A full queue wakes the thread as well.
        let _ = commands.try_send(Command::Reclaim);
    }
    Ok(result)
}

/// Lets the writer work. If it panics it is gone, and so are the watches: what it left half done is not gone on with.
fn contained<T>(desk: &mut Option<Writer>, work: impl FnOnce(&mut Writer) -> T) -> Option<T> {
    let writer = desk.as_mut()?;
    let shared = writer.shared.clone();
    let done = catch_unwind(AssertUnwindSafe(|| work(writer)));
    if done.is_err() {
        *desk = None;
        shared.hub.close();
        tracing::error!("the store's writer has stopped: restart ironclad");
    }
    done.ok()
}

impl Writer {
    pub fn new(shared: Arc<Shared>, log: Log, dropped: u32) -> Self {
        Self { shared, log, dropped, reclaim: Reclaim::default(), body: Body::new(), idle: false }
    }

    fn serve(&mut self, first: Command, commands: &mut mpsc::Receiver<Command>) {
        let mut next = Some(first);
        while let Some(command) = next.take() {
            match command {
                Command::Compact(revision, reply) => {
                    let result = self.compact(revision);
                    // A caller that gave up does not want the answer.
                    let _ = reply.send(result);
                }
                Command::Txn(txn, reply) => next = self.commit(txn, reply, commands),
                Command::Reclaim => {}
            }
        }
    }

    fn commit_alone(&mut self, txn: Txn) -> Result<TxnResult, StoreError> {
        let (result, commits) = {
            let state = self.shared.state.read();
            let mut group = Group::new(&state.index, &*state);
            (group.add(txn), group.commits())
        };
        self.write(commits)?;
        result
    }

    /// Commits a transaction and those that queued up behind it. Returns the command that ended the group.
    fn commit(
        &mut self,
        txn: Txn,
        reply: Reply<TxnResult>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Option<Command> {
        let (mut replies, mut size, mut other) = (Vec::new(), 0, None);
        let commits = {
            let state = self.shared.state.read();
            let mut group = Group::new(&state.index, &*state);
            let mut next = Some((txn, reply));
            while let Some((txn, reply)) = next.take() {
                size += bytes_of(&txn);
                replies.push((group.add(txn), reply));
                if replies.len() < GROUP_TXNS && size < GROUP_BYTES {
                    match commands.try_recv() {
                        Ok(Command::Txn(txn, reply)) => next = Some((txn, reply)),
                        command => other = command.ok(),
                    }
                }
            }
            group.commits()
        };
        let failure = self.write(commits).err();
        self.idle &= replies.len() == 1;
        for (result, reply) in replies {
            let _ = reply.send(failure.clone().map_or(result, Err));
        }
        other
    }

    /// Makes commits durable and visible.
    fn write(&mut self, commits: Vec<Commit>) -> Result<(), StoreError> {
        if commits.is_empty() {
            return Ok(());
        }
        self.body.clear();
        let mut places = Vec::with_capacity(commits.len());
        for event in commits.iter().flat_map(|commit| &commit.events) {
            places.push(self.body.push(&match &event.change {
                Change::Put { value, created, .. } => {
                    Record::put(event.revision, *created, &event.key, value)
                }
                Change::Delete { .. } => Record::delete(event.revision, &event.key),
            }));
        }
        let (known, since) = (self.known(), Instant::now());
        let appended = self.log.append(&mut self.body, known, Purpose::Change);
        self.idle = since.elapsed() < QUICK;
        let appended = match appended {
            Ok(appended) => appended,
            Err(error) => {
                let full = matches!(error, StoreError::Full { .. });
                self.reclaim.look(&self.shared, if full { Need::Urgent } else { Need::Usual });
                return Err(error);
            }
        };
        self.publish(commits, &appended, &places);
        self.reclaim.look(&self.shared, Need::Usual);
        Ok(())
    }

    fn publish(&self, commits: Vec<Commit>, appended: &Appended, places: &[(u32, u32)]) {
        let segment = &appended.segment;
        let mut state = self.shared.state.write();
        state.segments.entry(segment.head.id).or_insert_with(|| segment.clone());
        segment.publish(appended.end);
        let events = commits.iter().flat_map(|commit| &commit.events);
        for (event, (at, len)) in events.zip(places) {
            let place = Place { segment: segment.head.id, offset: appended.base + at, len: *len };
            let presence = match &event.change {
                Change::Put { created, .. } => Presence::Present { created: *created, place },
                Change::Delete { .. } => Presence::Deleted,
            };
            state.index.apply(&event.key, Version { modified: event.revision, state: presence });
        }
        let revision = state.index.revision();
        drop(state);
        self.shared.advance(revision);
        self.shared.hub.publish(commits.into_iter().map(Arc::new).collect());
    }

    fn compact(&mut self, revision: Revision) -> Result<(), StoreError> {
        let (newest, compacted) = {
            let state = self.shared.state.read();
            (state.index.revision(), state.index.compacted())
        };
        if revision > newest {
            return Err(StoreError::Future { requested: revision, newest });
        }
        if revision <= compacted {
            return Ok(());
        }
        self.control(Record::control(Kind::Compacted, revision))?;
        self.shared.state.write().index.compact(revision);
        self.reclaim.look(&self.shared, Need::Usual);
        Ok(())
    }

    /// Writes one record about the log itself.
    pub fn control(&mut self, record: Record<'_>) -> Result<(), StoreError> {
        let mut body = Body::new();
        body.push(&record);
        let appended = self.log.append(&mut body, self.known(), Purpose::Control)?;
        self.publish(Vec::new(), &appended, &[]);
        Ok(())
    }

    pub fn known(&self) -> Known {
        let state = self.shared.state.read();
        let (revision, compacted) = (state.index.revision(), state.index.compacted());
        Known { revision, compacted, dropped: self.dropped }
    }
}

fn bytes_of(txn: &Txn) -> usize {
    txn.ops
        .iter()
        .map(|op| match op {
            ironclad_store::Op::Put { key, value } => key.len() + value.len(),
            ironclad_store::Op::Delete { key } => key.len(),
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ironclad_store::{Op, Store};

    use super::*;
    use crate::{EmbeddedStore, Options};

    fn put(key: &'static str) -> Txn {
        let (key, value) = (Bytes::from_static(key.as_bytes()), Bytes::from_static(b"{}"));
        Txn { compares: Vec::new(), ops: vec![Op::Put { key, value }] }
    }

    #[test]
    fn a_caller_commits_itself_only_where_nobody_works_or_waits() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = EmbeddedStore::open(directory.path(), Options::default()).expect("a store");
        let commands = store.commands.as_ref().expect("an open store");
        let set = |idle| store.desk.lock().as_mut().expect("a writer").idle = idle;
        set(false);
        assert!(at_once(&store.desk, commands, put("/a")).is_err(), "the disk is slow, or others come");
        set(true);
        let worked = store.desk.lock();
        assert!(at_once(&store.desk, commands, put("/a")).is_err(), "somebody works");
        drop(worked);
        let done = at_once(&store.desk, commands, put("/a"));
        assert!(matches!(done, Ok(Ok(TxnResult::Committed { revision: 1 }))), "{done:?}");
        assert_eq!(store.revision(), 1);
    }

    #[test]
    fn a_writer_that_panicked_is_not_asked_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = EmbeddedStore::open(directory.path(), Options::default()).expect("a store");
        let outcome = contained(&mut store.desk.lock(), |_| panic!("half done"));
        assert_eq!(outcome, None::<()>);
        let commands = store.commands.as_ref().expect("an open store");
        assert!(at_once(&store.desk, commands, put("/a")).is_err());
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert!(runtime.block_on(store.txn(put("/a"))).is_err());
        assert_eq!(store.revision(), 0);
    }
}
