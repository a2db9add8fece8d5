//! The single writer: takes what has queued up, decides it, makes it durable with one
//! sync, shows it to the watches, and only then answers.

use std::sync::Arc;

use ironclad_store::{Change, Revision, StoreError, Txn, TxnResult};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::index::{Place, Presence, Version};
use crate::log::{Appended, Body, Known, Log, Purpose};
use crate::plan::{Commit, Group};
use crate::reclaim::{Need, Reclaim};
use crate::record::{Kind, Record};
use crate::shared::Shared;

/// The most transactions, and about the most bytes, that share one sync.
const GROUP_TXNS: usize = 512;
const GROUP_BYTES: usize = 1 << 20;

pub enum Command {
    Txn(Txn, Reply<TxnResult>),
    Compact(Revision, Reply<()>),
}

pub type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

pub struct Writer {
    pub shared: Arc<Shared>,
    pub log: Log,
    /// The last segment that was dropped.
    pub dropped: u32,
    pub reclaim: Reclaim,
    body: Body,
}

impl Writer {
    pub fn new(shared: Arc<Shared>, log: Log, dropped: u32) -> Self {
        Self { shared, log, dropped, reclaim: Reclaim::default(), body: Body::new() }
    }

    /// Serves commands until nobody can send any more.
    pub fn run(&mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            if !self.reclaim.is_pending() {
                let Some(command) = commands.blocking_recv() else { return };
                self.serve(command, &mut commands);
                continue;
            }
            // While there is garbage to collect, that is done between commands.
            match commands.try_recv() {
                Ok(command) => self.serve(command, &mut commands),
                Err(TryRecvError::Empty) => self.reclaim(),
                Err(TryRecvError::Disconnected) => return,
            }
        }
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
            }
        }
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
        let known = self.known();
        let appended = match self.log.append(&mut self.body, known, Purpose::Change) {
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
