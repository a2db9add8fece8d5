//! The definitions that are to be looked at, each at most once, and those that wait.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use ironclad_env::{Env, EnvironmentExt};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Back-off after the first failure; it doubles with each further one.
const FIRST_BACK_OFF: Duration = Duration::from_millis(5);
const MAX_BACK_OFF: Duration = Duration::from_secs(60);

/// How often what waits is looked at again.
const AGAIN: Duration = Duration::from_millis(500);

/// Bounded by the number of definitions.
#[derive(Default)]
pub(crate) struct Queue {
    /// When each is due.
    due: Mutex<BTreeMap<String, Duration>>,
    failures: Mutex<HashMap<String, u32>>,
    wake: Notify,
}

impl Queue {
    /// Has it looked at as soon as possible.
    pub(crate) fn add(&self, name: &str) {
        self.due.lock().insert(name.to_owned(), Duration::ZERO);
        self.wake.notify_one();
    }

    /// Has it looked at in a while, if nothing happens before.
    pub(crate) fn again(&self, name: &str, now: Duration) {
        self.failures.lock().remove(name);
        self.add_at(name, now + AGAIN);
    }

    pub(crate) fn succeeded(&self, name: &str) {
        self.failures.lock().remove(name);
    }

    pub(crate) fn failed(&self, name: &str, now: Duration) {
        let mut failures = self.failures.lock();
        let count = failures.entry(name.to_owned()).or_default();
        let back_off = FIRST_BACK_OFF.saturating_mul(1 << (*count).min(16)).min(MAX_BACK_OFF);
        *count = count.saturating_add(1);
        drop(failures);
        self.add_at(name, now + back_off);
    }

    /// What was added meanwhile is due sooner.
    fn add_at(&self, name: &str, at: Duration) {
        self.due.lock().entry(name.to_owned()).or_insert(at);
    }

    /// The next one that is due.
    pub(crate) async fn next(&self, env: &Env) -> String {
        loop {
            let wait = match self.take(env.elapsed()) {
                Ok(name) => return name,
                Err(wait) => wait,
            };
            match wait {
                Some(wait) => drop(env.timeout(wait, self.wake.notified()).await),
                None => self.wake.notified().await,
            }
        }
    }

    /// Takes one that is due, or says how long it is until one will be.
    fn take(&self, now: Duration) -> Result<String, Option<Duration>> {
        let mut due = self.due.lock();
        let Some((name, at)) = due.iter().min_by_key(|(_, at)| **at) else { return Err(None) };
        if *at > now {
            return Err(Some(*at - now));
        }
        let name = name.clone();
        due.remove(&name);
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_is_added_twice_is_looked_at_once() {
        let queue = Queue::default();
        queue.add("a");
        queue.add("a");
        assert_eq!(queue.take(ms(0)), Ok("a".to_owned()));
        assert_eq!(queue.take(ms(0)), Err(None));
    }

    #[test]
    fn failures_wait_longer_each_time_until_something_changes() {
        let queue = Queue::default();
        for wait in [5, 10, 20] {
            queue.failed("a", ms(0));
            assert_eq!(queue.take(ms(0)), Err(Some(ms(wait))));
            assert_eq!(queue.take(ms(wait)), Ok("a".to_owned()));
        }
        queue.failed("a", ms(0));
        queue.add("a");
        assert_eq!(queue.take(ms(0)), Ok("a".to_owned()));
        queue.succeeded("a");
        queue.failed("a", ms(0));
        assert_eq!(queue.take(ms(0)), Err(Some(ms(5))));
    }
}
