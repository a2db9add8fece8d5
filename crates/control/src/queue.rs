//! The work queue of one controller: each key at most once, one worker per key,
//! delays and back-off by key.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use ironclad_api::ObjectKey;

/// Back-off after the first failure; it doubles with each further one.
const FIRST_BACK_OFF: Duration = Duration::from_millis(5);
const MAX_BACK_OFF: Duration = Duration::from_secs(1000);

/// Pure: time is an argument, and the caller sleeps. Bounded by the number of
/// distinct keys, which is bounded by the objects in the cluster.
#[derive(Default)]
pub(crate) struct Queue {
    /// With the time since which they are ready.
    ready: VecDeque<(ObjectKey, Duration)>,
    /// The keys in `ready`, and those that must run again once their worker is done.
    dirty: HashSet<ObjectKey>,
    running: HashSet<ObjectKey>,
    /// Ordered by due time; the number keeps equal times apart.
    delayed: BTreeMap<(Duration, u64), ObjectKey>,
    due: HashMap<ObjectKey, (Duration, u64)>,
    failures: HashMap<ObjectKey, u32>,
    sequence: u64,
}

/// What a worker is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The key, and how long it was ready.
    Run(ObjectKey, Duration),
    /// Nothing is ready; a delayed key is due after this long.
    Sleep(Duration),
    /// Nothing is ready or delayed.
    Wait,
}

impl Queue {
    /// Whether the key was not waiting already.
    pub(crate) fn add(&mut self, key: ObjectKey, now: Duration) -> bool {
        let added = self.dirty.insert(key.clone());
        if added && !self.running.contains(&key) {
            self.ready.push_back((key, now));
        }
        added
    }

    /// How many keys are ready.
    pub(crate) fn depth(&self) -> usize {
        self.ready.len()
    }

    /// Adds the key after `delay`, unless it is due sooner already.
    pub(crate) fn add_after(&mut self, key: ObjectKey, now: Duration, delay: Duration) {
        let at = now.saturating_add(delay);
        match self.due.get(&key) {
            Some((due, _)) if *due <= at => return,
            Some(slot) => drop(self.delayed.remove(slot)),
            None => {}
        }
        self.sequence += 1;
        self.due.insert(key.clone(), (at, self.sequence));
        self.delayed.insert((at, self.sequence), key);
    }

    pub(crate) fn next(&mut self, now: Duration) -> Next {
        self.promote(now);
        if let Some((key, since)) = self.ready.pop_front() {
            self.dirty.remove(&key);
            self.running.insert(key.clone());
            return Next::Run(key, now.saturating_sub(since));
        }
        match self.delayed.first_key_value() {
            Some(((due, _), _)) => Next::Sleep(due.saturating_sub(now)),
            None => Next::Wait,
        }
    }

    /// The worker is done with `key`: it runs again at once if it was added meanwhile.
    pub(crate) fn done(&mut self, key: &ObjectKey, now: Duration) {
        self.running.remove(key);
        if self.dirty.contains(key) {
            self.ready.push_back((key.clone(), now));
        }
    }

    pub(crate) fn succeeded(&mut self, key: &ObjectKey) {
        self.failures.remove(key);
    }

    /// Puts the key back with exponential back-off.
    pub(crate) fn failed(&mut self, key: &ObjectKey, now: Duration) {
        let failures = self.failures.entry(key.clone()).or_default();
        let back_off = FIRST_BACK_OFF.saturating_mul(1 << (*failures).min(18)).min(MAX_BACK_OFF);
        *failures = failures.saturating_add(1);
        self.add_after(key.clone(), now, back_off);
    }

    fn promote(&mut self, now: Duration) {
        while let Some(entry) = self.delayed.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let key = entry.remove();
            self.due.remove(&key);
            self.add(key, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::cluster(name)
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_key_added_twice_runs_once() {
        let mut queue = Queue::default();
        queue.add(key("a"), ms(0));
        queue.add(key("a"), ms(0));
        assert_eq!(queue.next(ms(0)), Next::Run(key("a"), ms(0)));
        assert_eq!(queue.next(ms(0)), Next::Wait);
    }

    #[test]
    fn a_key_added_while_it_runs_runs_again_and_not_beside_itself() {
        let mut queue = Queue::default();
        queue.add(key("a"), ms(0));
        assert_eq!(queue.next(ms(0)), Next::Run(key("a"), ms(0)));
        queue.add(key("a"), ms(0));
        assert_eq!(queue.next(ms(0)), Next::Wait);
        queue.done(&key("a"), ms(0));
        assert_eq!(queue.next(ms(0)), Next::Run(key("a"), ms(0)));
    }

    #[test]
    fn the_sooner_of_two_delays_holds() {
        let mut queue = Queue::default();
        queue.add_after(key("a"), ms(0), ms(50));
        queue.add_after(key("a"), ms(0), ms(20));
        queue.add_after(key("a"), ms(0), ms(90));
        assert_eq!(queue.next(ms(5)), Next::Sleep(ms(15)));
        assert_eq!(queue.next(ms(20)), Next::Run(key("a"), ms(0)));
        assert_eq!(queue.next(ms(100)), Next::Wait);
    }

    #[test]
    fn failures_back_off_and_success_forgets_them() {
        let mut queue = Queue::default();
        for (failure, wait) in [(0, 5), (1, 10), (2, 20)] {
            queue.failed(&key("a"), ms(0));
            assert_eq!(queue.next(ms(0)), Next::Sleep(ms(wait)), "failure {failure}");
            assert_eq!(queue.next(ms(wait)), Next::Run(key("a"), ms(0)));
            queue.done(&key("a"), ms(0));
        }
        queue.succeeded(&key("a"));
        queue.failed(&key("a"), ms(0));
        assert_eq!(queue.next(ms(0)), Next::Sleep(ms(5)));
    }

    #[test]
    fn back_off_ends_at_its_maximum() {
        let mut queue = Queue::default();
        for _ in 0..40 {
            queue.failed(&key("a"), ms(0));
            queue.next(MAX_BACK_OFF);
            queue.done(&key("a"), ms(0));
        }
        queue.failed(&key("a"), ms(0));
        assert_eq!(queue.next(ms(0)), Next::Sleep(MAX_BACK_OFF));
    }
}
