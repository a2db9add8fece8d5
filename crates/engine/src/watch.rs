//! Watches: a cursor into a resource's log. A slow watcher costs nothing but its place;
//! when the log has passed it, it is told that its revision is too old.

mod event;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, select};
use ironclad_api::Entry;
use ironclad_api::field::{FieldError, Path};
use ironclad_api::params::{ListOptions, ResourceVersionMatch};
use ironclad_api::status::Status;
use ironclad_client::Target;
use ironclad_env::{BoxFuture, EnvironmentExt, Seldom};
use tokio::sync::watch;

pub use event::WatchEvent;

use crate::cache::log::Record;
use crate::cache::objects::{Look, Objects};
use crate::codec::EventType;
use crate::engine::Engine;
use crate::read::list::invalid_options;
use crate::read::select::Selection;
use crate::registry::Served;

/// How often a watch that asked for bookmarks gets one, as upstream.
const BOOKMARK_PERIOD: Duration = Duration::from_secs(60);

/// The last bookmark comes this long before the timeout, as upstream.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);

/// A watch without a timeout ends after between one and two times this, as upstream.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1800);

/// So many records are taken from the log at once.
const BATCH: usize = 256;

/// A running watch. Dropping it ends it.
pub struct Watch {
    engine: Arc<Engine>,
    served: Served,
    objects: Arc<Objects>,
    selection: Selection,
    /// The next place in the log.
    place: u64,
    /// The revision up to which everything has been taken from the log.
    seen: u64,
    news: watch::Receiver<Option<u64>>,
    /// What was there when the watch began and has not been sent yet.
    initial: std::vec::IntoIter<Arc<Entry>>,
    /// The revision of the bookmark that ends the initial events, until it has been sent.
    initial_end: Option<u64>,
    /// Changes that may be events for it: they must be converted before the selection says so.
    candidates: Vec<Arc<Record>>,
    ready: VecDeque<WatchEvent>,
    bookmarks: bool,
    timer: Timer,
    ends: Duration,
    over: bool,
}

/// Ends with the next bookmark or with the watch, whichever comes first.
type Timer = Seldom<BoxFuture<'static, ()>>;

/// Where a watch begins.
struct Start {
    place: u64,
    seen: u64,
    initial: Vec<Arc<Entry>>,
    initial_end: Option<u64>,
}

impl Engine {
    pub(crate) async fn watch(
        self: &Arc<Self>,
        served: &Served,
        target: &Target,
        options: &ListOptions,
    ) -> Result<Watch, Status> {
        check_options(options)?;
        let selection = Selection::new(served, target, options)?;
        let objects = served.kind.objects.clone();
        let news = objects.follow();
        let mut ready = VecDeque::new();
        let start = match self.start_of(&objects, &selection, options).await? {
            Ok(start) => start,
            Err(expired) => {
                ready.push_back(WatchEvent::error(&expired));
                Start { place: 0, seen: 0, initial: Vec::new(), initial_end: None }
            }
        };
        let timeout = options.timeout_seconds.filter(|seconds| *seconds > 0);
        let timeout = timeout.map_or_else(|| self.default_timeout(), Duration::from_secs);
        Ok(Watch {
            engine: self.clone(),
            served: served.clone(),
            objects,
            selection,
            place: start.place,
            seen: start.seen,
            news,
            initial: start.initial.into_iter(),
            initial_end: start.initial_end,
            over: !ready.is_empty(),
            candidates: Vec::new(),
            ready,
            bookmarks: options.allow_watch_bookmarks,
            timer: self.timer(timeout),
            ends: self.env.elapsed() + timeout,
        })
    }

    fn default_timeout(&self) -> Duration {
        DEFAULT_TIMEOUT + Duration::from_secs(self.env.random_u64() % DEFAULT_TIMEOUT.as_secs())
    }

    /// For a watch that has so much time left.
    fn timer(&self, left: Duration) -> Timer {
        Seldom::new(self.env.sleep(next_bookmark(left).min(left)))
    }

    /// Source: <https://kubernetes.io/docs/reference/using-api/api-concepts/#the-resourceversion-parameter>.
    /// The inner error is an event of the stream, as upstream sends it.
    async fn start_of(
        &self,
        objects: &Objects,
        selection: &Selection,
        options: &ListOptions,
    ) -> Result<Result<Start, Status>, Status> {
        let since = options.resource_version.filter(|revision| *revision > 0);
        let initial = options.send_initial_events.unwrap_or(since.is_none());
        if initial || since.is_none() {
            self.fresh(options.resource_version).await?;
            let (snapshot, place) = objects.snapshot_to_follow(&self.cluster.applied);
            let selection = selection.of_stored();
            let all = snapshot.sorted.range(selection.namespace.as_deref(), None);
            let initial = match initial {
                true => all.filter(|entry| selection.matches(entry)).cloned().collect(),
                false => Vec::new(),
            };
            let announced = options.send_initial_events == Some(true) && options.allow_watch_bookmarks;
            let initial_end = announced.then_some(snapshot.revision);
            return Ok(Ok(Start { place, seen: snapshot.revision, initial, initial_end }));
        }
        let since = since.unwrap_or_default();
        Ok(match objects.place_after(since) {
            Ok(place) => Ok(Start { place, seen: since, initial: Vec::new(), initial_end: None }),
            Err(floor) => Err(Status::too_old_resource_version(since, floor)),
        })
    }
}

/// When the next bookmark is due, with so much time left: each minute, and shortly before the end.
fn next_bookmark(left: Duration) -> Duration {
    match left.checked_sub(LAST_BOOKMARK) {
        Some(due) if !due.is_zero() => due.min(BOOKMARK_PERIOD),
        // The last one has been sent.
        _ => left + BOOKMARK_PERIOD,
    }
}

impl Watch {
    /// The next event; `None` when the watch is over. Cancel-safe.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        loop {
            if let Some(event) = self.take().await {
                return Some(event);
            }
            if self.over {
                return None;
            }
            self.wait().await;
        }
    }

    /// The next event if there is one already; for writing several at once.
    pub fn next_now(&mut self) -> Option<WatchEvent> {
        if self.served.strategy().converts_content() {
            // Nobody is asked to convert what might not be waited for.
            return None;
        }
        self.take().now_or_never().flatten()
    }

    pub fn served(&self) -> &Served {
        &self.served
    }

    /// The next event out of what is there, in the version asked for. Nothing is lost if the
    /// future is dropped: the event is taken out only when it is complete.
    async fn take(&mut self) -> Option<WatchEvent> {
        while self.ready.is_empty() {
            if self.candidates.is_empty() {
                self.gather();
            }
            match self.candidates.is_empty() {
                true => break,
                false => self.judge().await,
            }
        }
        if let Some(entry) = self.ready.front()?.entry_to_convert(&self.served) {
            let event = match self.engine.in_version(&self.served, vec![entry]).await {
                Ok(mut converted) => self.ready.front()?.converted(converted.pop()?),
                Err(status) => {
                    self.over = true;
                    WatchEvent::error(&status)
                }
            };
            self.ready.pop_front();
            return Some(event);
        }
        self.ready.pop_front()
    }

    /// Tells which candidates are events, by what they are in the version asked for. They are let
    /// go only when that is known.
    async fn judge(&mut self) {
        let both = |record: &Arc<Record>| [Some(record.entry.clone()), record.old.clone()];
        let entries = self.candidates.iter().flat_map(both).flatten().collect();
        match self.engine.in_version(&self.served, entries).await {
            Ok(converted) => {
                let mut converted = converted.into_iter();
                for record in std::mem::take(&mut self.candidates) {
                    let Some(entry) = converted.next() else { return };
                    let old = record.old.as_ref().and_then(|_| converted.next());
                    let record = Record::served(record.event, entry, old);
                    self.ready.extend(WatchEvent::of(&record, &self.selection));
                }
            }
            Err(status) => {
                self.candidates.clear();
                self.ready.push_back(WatchEvent::error(&status));
                self.over = true;
            }
        }
    }

    /// Fills `ready`, or `candidates`, from the initial objects, then from the log.
    fn gather(&mut self) {
        if self.over {
            return;
        }
        let initial = self.initial.by_ref().take(BATCH);
        match self.selection.is_of_converted() {
            true => self
                .candidates
                .extend(initial.map(|entry| Arc::new(Record::served(EventType::Added, entry, None)))),
            false => self.ready.extend(initial.map(WatchEvent::initial)),
        }
        if self.has_some() {
            return;
        }
        if let Some(revision) = self.initial_end.take() {
            self.ready.push_back(WatchEvent::bookmark(&self.served, revision, true));
            return;
        }
        while !self.has_some() {
            // Read before the log is looked at: when that finds nothing, all of this was seen.
            let applied = self.engine.cluster.applied.revision();
            match self.objects.look(self.place, BATCH) {
                Look::Records(records, next) => {
                    self.place = next;
                    // A revision that was in the first list already is not told again.
                    let records = records.into_iter().filter(|record| record.revision() > self.seen);
                    if self.selection.is_of_converted() {
                        let stored = self.selection.of_stored();
                        self.candidates.extend(records.filter(|record| stored.matches(&record.entry)));
                    } else {
                        let event = |record: Arc<Record>| WatchEvent::of(&record, &self.selection);
                        self.ready.extend(records.filter_map(event));
                    }
                }
                Look::Nothing => {
                    self.seen = self.seen.max(applied);
                    return;
                }
                Look::Forgotten { floor } => {
                    self.ready
                        .push_back(WatchEvent::error(&Status::too_old_resource_version(self.seen, floor)));
                    self.over = true;
                }
            }
        }
    }

    fn has_some(&self) -> bool {
        !self.ready.is_empty() || !self.candidates.is_empty()
    }

    /// Waits for news, for the time of a bookmark, or for the end.
    async fn wait(&mut self) {
        let news = {
            let news = std::pin::pin!(self.news.changed());
            match select(&mut self.timer, news).await {
                Either::Left(_) => None,
                Either::Right((news, _)) => Some(news),
            }
        };
        match news {
            Some(Ok(())) => self.over |= self.news.borrow().is_none(),
            Some(Err(_)) => self.over = true,
            None if self.left().is_zero() => self.over = true,
            None => self.bookmark(),
        }
    }

    fn left(&self) -> Duration {
        self.ends.saturating_sub(self.engine.env.elapsed())
    }

    fn bookmark(&mut self) {
        self.timer = self.engine.timer(self.left());
        if !self.bookmarks {
            return;
        }
        self.gather();
        if !self.has_some() {
            self.ready.push_back(WatchEvent::bookmark(&self.served, self.seen, false));
        }
    }
}

fn check_options(options: &ListOptions) -> Result<(), Status> {
    let mut errors = Vec::new();
    let path = Path::new("resourceVersionMatch");
    let matching = options.resource_version_match;
    if options.send_initial_events.is_some() && matching != Some(ResourceVersionMatch::NotOlderThan) {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(FieldError::forbidden(&path, why));
    }
    if let Some(matching) = matching {
        if options.send_initial_events.is_none() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(FieldError::forbidden(&path, why));
        }
        if matching != ResourceVersionMatch::NotOlderThan {
            errors.push(FieldError::not_supported(&path, "Exact", ["NotOlderThan"]));
        }
        if !options.continue_token.is_empty() {
            let why = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(&path, why));
        }
    }
    invalid_options(errors)
}
