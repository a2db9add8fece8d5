//! Pods that wait for a node.
//!
//! Pure: time is an argument, and the caller sleeps until [`Queue::deadline`]. Bounded by the
//! number of pods without a node.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::ObjectKey;

use crate::plugins::SchedulingGates;
use crate::plugins::priority_sort::{Rank, rank};
use crate::pod_info::PodInfo;

const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const MAX_BACK_OFF: Duration = Duration::from_secs(10);
/// A pod is tried again after this long even if nothing has happened that could help.
const MAX_PARKED: Duration = Duration::from_secs(300);

/// The plugins that turned a pod away.
pub type Rejectors = BTreeSet<&'static str>;

#[derive(Default)]
pub struct Queue {
    entries: HashMap<ObjectKey, Entry>,
    active: BTreeSet<(Rank, ObjectKey)>,
    /// By the time at which the pod may be tried again.
    backing_off: BTreeSet<(Duration, u64, ObjectKey)>,
    /// The same after an error of the API, which is not tried sooner even when nothing else is to do.
    after_error: BTreeSet<(Duration, u64, ObjectKey)>,
    /// By the time since which the pod is parked.
    parked: BTreeSet<(Duration, u64, ObjectKey)>,
    arrivals: u64,
}

struct Entry {
    pod: Arc<PodInfo>,
    place: Place,
    arrival: u64,
    /// When it was last tried, or came.
    since: Duration,
    rejectors: Rejectors,
    /// Attempts that found no node, and errors since the last attempt without one.
    unfit: u32,
    errors: u32,
    /// Its victims are being evicted; it is not tried meanwhile.
    held: bool,
    /// Something that could help happened while it was held.
    missed: bool,
}

/// Where a waiting pod stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Has scheduling gates: on to `Active` when the last one is gone.
    Gated,
    /// Will be tried next.
    Active,
    /// Something that could help has happened: on to `Active` at this time.
    BackingOff(Duration),
    /// An error of the API: on to `Active` at this time.
    AfterError(Duration),
    /// Nothing has happened that could help.
    Parked,
    /// Being tried or bound: on to `Parked`, `AfterError` or out of the queue.
    InFlight,
}

impl Queue {
    /// A pod came or changed. What its scheduling depends on may have changed, so it is tried
    /// (again), except where it is in flight.
    pub fn put(&mut self, pod: Arc<PodInfo>, now: Duration) {
        let key = pod.key.clone();
        let open = SchedulingGates::admits(&pod);
        let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.pod.uid == pod.uid) else {
            self.remove(&key);
            return self.insert(pod, open, now);
        };
        let matters = changed_in_what_matters(&entry.pod, &pod);
        let place = entry.place;
        // Off its list first: the list may be ordered by what changes.
        self.unlink(&key);
        self.entries.entry(key.clone()).and_modify(|entry| entry.pod = pod);
        self.link(&key, if place == Place::Gated && open { Place::Active } else { place });
        if matters {
            self.retry(&key, now);
        }
    }

    fn insert(&mut self, pod: Arc<PodInfo>, open: bool, now: Duration) {
        self.arrivals += 1;
        let key = pod.key.clone();
        let entry = Entry {
            pod,
            place: Place::Gated,
            arrival: self.arrivals,
            since: now,
            rejectors: Rejectors::new(),
            unfit: 0,
            errors: 0,
            held: false,
            missed: false,
        };
        self.entries.insert(key.clone(), entry);
        if open {
            self.move_to(&key, Place::Active);
        }
    }

    /// The pod has a node, is gone, or is none of ours.
    pub fn remove(&mut self, key: &ObjectKey) -> Option<Arc<PodInfo>> {
        self.unlink(key);
        self.entries.remove(key).map(|entry| entry.pod)
    }

    /// The pod to try now. It is in flight until one of the calls below.
    pub fn pop(&mut self, now: Duration) -> Option<Arc<PodInfo>> {
        self.promote(now);
        let next = self.active.first().map(|(_, key)| key.clone());
        // With nothing else to do there is no point in letting a pod wait for its turn.
        let key = next.or_else(|| self.backing_off.first().map(|(_, _, key)| key.clone()))?;
        self.move_to(&key, Place::InFlight);
        self.entries.get(&key).map(|entry| entry.pod.clone())
    }

    /// No node would do. `held`: until [`Queue::release`].
    pub fn unfit(&mut self, key: &ObjectKey, rejectors: Rejectors, held: bool, now: Duration) {
        let Some(entry) = self.in_flight(key) else { return };
        entry.unfit = entry.unfit.saturating_add(1);
        entry.errors = 0;
        entry.since = now;
        entry.rejectors = rejectors;
        entry.held = held;
        entry.missed = false;
        self.move_to(key, Place::Parked);
    }

    /// The API failed.
    pub fn failed(&mut self, key: &ObjectKey, now: Duration) {
        let Some(entry) = self.in_flight(key) else { return };
        entry.errors = entry.errors.saturating_add(1);
        entry.since = now;
        let until = now.saturating_add(back_off(entry.errors));
        self.move_to(key, Place::AfterError(until));
    }

    /// The evictions for a held pod are done. `failed`: it has to be tried at once, for nothing
    /// else will wake it.
    pub fn release(&mut self, key: &ObjectKey, failed: bool, now: Duration) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.held = false;
        if failed || entry.missed {
            self.retry(key, now);
        }
    }

    /// Something happened: the parked pods that it may help are to be tried again.
    pub fn wake(&mut self, now: Duration, may_help: impl Fn(&PodInfo, &Rejectors) -> bool) {
        let helped = self.parked.iter().filter(|(_, _, key)| {
            self.entries.get(key).is_some_and(|entry| may_help(&entry.pod, &entry.rejectors))
        });
        let keys: Vec<_> = helped.map(|(_, _, key)| key.clone()).collect();
        keys.iter().for_each(|key| self.retry(key, now));
    }

    /// Tries a parked pod again, once its back-off is over.
    pub fn retry(&mut self, key: &ObjectKey, now: Duration) {
        let parked = self.entries.get_mut(key).filter(|entry| entry.place == Place::Parked);
        let Some(entry) = parked else { return };
        if entry.held {
            entry.missed = true;
            return;
        }
        let until = entry.since.saturating_add(back_off(entry.unfit));
        self.move_to(key, if until > now { Place::BackingOff(until) } else { Place::Active });
    }

    fn in_flight(&mut self, key: &ObjectKey) -> Option<&mut Entry> {
        self.entries.get_mut(key).filter(|entry| entry.place == Place::InFlight)
    }

    /// When [`Queue::pop`] may have something that it has not now. Only for a queue from which
    /// nothing can be popped now.
    pub fn deadline(&self) -> Option<Duration> {
        let first = |set: &BTreeSet<(Duration, u64, ObjectKey)>| set.first().map(|(at, _, _)| *at);
        let parked = first(&self.parked).map(|since| since.saturating_add(MAX_PARKED));
        [first(&self.backing_off), first(&self.after_error), parked].into_iter().flatten().min()
    }

    fn promote(&mut self, now: Duration) {
        for due in [due(&self.backing_off, now), due(&self.after_error, now)].concat() {
            self.move_to(&due, Place::Active);
        }
        let Some(long_ago) = now.checked_sub(MAX_PARKED) else { return };
        for key in due(&self.parked, long_ago) {
            self.retry(&key, now);
        }
    }

    fn move_to(&mut self, key: &ObjectKey, place: Place) {
        self.unlink(key);
        self.link(key, place);
    }

    fn link(&mut self, key: &ObjectKey, place: Place) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.place = place;
        let (arrival, key) = (entry.arrival, key.clone());
        match place {
            Place::Active => {
                self.active.insert((rank(entry.pod.priority, entry.since, arrival), key));
            }
            Place::BackingOff(until) => _ = self.backing_off.insert((until, arrival, key)),
            Place::AfterError(until) => _ = self.after_error.insert((until, arrival, key)),
            Place::Parked => _ = self.parked.insert((entry.since, arrival, key)),
            Place::Gated | Place::InFlight => {}
        }
    }

    fn unlink(&mut self, key: &ObjectKey) {
        let Some(entry) = self.entries.get(key) else { return };
        let (arrival, key) = (entry.arrival, key.clone());
        match entry.place {
            Place::Active => {
                self.active.remove(&(rank(entry.pod.priority, entry.since, arrival), key));
            }
            Place::BackingOff(until) => _ = self.backing_off.remove(&(until, arrival, key)),
            Place::AfterError(until) => _ = self.after_error.remove(&(until, arrival, key)),
            Place::Parked => _ = self.parked.remove(&(entry.since, arrival, key)),
            Place::Gated | Place::InFlight => {}
        }
    }
}

fn due(set: &BTreeSet<(Duration, u64, ObjectKey)>, now: Duration) -> Vec<ObjectKey> {
    set.iter().take_while(|(at, _, _)| *at <= now).map(|(_, _, key)| key.clone()).collect()
}

fn back_off(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(8);
    FIRST_BACK_OFF.saturating_mul(1 << doublings).min(MAX_BACK_OFF)
}

/// The scheduler's own writes (the status) are no reason to try again.
fn changed_in_what_matters(old: &PodInfo, new: &PodInfo) -> bool {
    old.wishes != new.wishes
        || old.terms != new.terms
        || old.labels() != new.labels()
        || old.requests != new.requests
}

#[cfg(test)]
mod tests;
