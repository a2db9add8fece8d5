//! The writes that wait to be charged, by namespace. One of them at a time charges for all.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ironclad_api::Status;
use ironclad_quota::Charge;
use parking_lot::Mutex;

/// A write in the line.
#[derive(Clone)]
pub(super) struct Waiting {
    pub(super) charge: Charge,
    pub(super) dry_run: bool,
}

/// Why a write was not charged.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// A quota does not allow it; in upstream's words.
    Quota(String),
    /// The quota could not be written.
    Failed(Status),
}

pub(super) type Verdict = Result<(), Refusal>;

/// The lines of all namespaces in which something waits now. Bounded by the writes in flight.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<String, Arc<Line>>>);

#[derive(Default)]
pub(super) struct Line {
    /// Held by the write that charges.
    pub(super) turn: futures::lock::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    waiting: BTreeMap<u64, Waiting>,
    verdicts: HashMap<u64, Verdict>,
}

/// A write's place. Who gives it up (the client went away) leaves nothing behind.
pub(super) struct Place<'a> {
    lines: &'a Lines,
    namespace: String,
    pub(super) line: Arc<Line>,
    number: u64,
}

impl Lines {
    pub(super) fn join(&self, namespace: &str, waiting: Waiting) -> Place<'_> {
        let line = self.0.lock().entry(namespace.to_owned()).or_default().clone();
        let mut state = line.state.lock();
        state.last += 1;
        let number = state.last;
        state.waiting.insert(number, waiting);
        drop(state);
        Place { lines: self, namespace: namespace.to_owned(), line, number }
    }
}

impl Place<'_> {
    /// The verdict, once somebody has reached one.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.line.state.lock().verdicts.remove(&self.number)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lines = self.lines.0.lock();
        let mut state = self.line.state.lock();
        state.waiting.remove(&self.number);
        state.verdicts.remove(&self.number);
        let empty = state.waiting.is_empty() && state.verdicts.is_empty();
        drop(state);
        // The map and this place are the only ones that know the line.
        if empty && Arc::strong_count(&self.line) == 2 {
            lines.remove(&self.namespace);
        }
    }
}

impl Line {
    /// All that wait. They stay in the line until there is a verdict, should who charges give up.
    pub(super) fn waiting(&self) -> Vec<(u64, Waiting)> {
        self.state.lock().waiting.iter().map(|(number, waiting)| (*number, waiting.clone())).collect()
    }

    pub(super) fn decide(&self, number: u64, verdict: Verdict) {
        let mut state = self.state.lock();
        if state.waiting.remove(&number).is_some() {
            state.verdicts.insert(number, verdict);
        }
    }
}
