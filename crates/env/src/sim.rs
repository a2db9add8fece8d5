//! The simulated environment: one thread, a clock that jumps to the next timer
//! when nothing else can run, and entropy from a seed. The same seed gives the
//! same run.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::{BoxFuture, Env, Environment, Task};

/// Where the simulated wall clock starts: 2026-01-01T00:00:00Z.
const EPOCH_SECONDS: i64 = 1_767_225_600;

/// A deterministic executor and clock. Drive it with [`SimEnv::run_for`] or [`SimEnv::block_on`].
pub struct SimEnv {
    state: Mutex<State>,
    this: Weak<SimEnv>,
}

struct State {
    elapsed: Duration,
    random: StdRng,
    next_id: u64,
    /// Waiting timers in the order they fire; the id makes equal deadlines first come, first served.
    timers: BTreeMap<(Duration, u64), Waker>,
    ready: VecDeque<Arc<SimTask>>,
}

struct SimTask {
    env: Weak<SimEnv>,
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    queued: AtomicBool,
}

impl SimEnv {
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            state: Mutex::new(State {
                elapsed: Duration::ZERO,
                random: StdRng::seed_from_u64(seed),
                next_id: 0,
                timers: BTreeMap::new(),
                ready: VecDeque::new(),
            }),
            this: this.clone(),
        })
    }

    pub fn shared(self: &Arc<Self>) -> Env {
        self.clone()
    }

    /// Runs every task until nothing is ready and the clock has advanced by `duration`.
    pub fn run_for(&self, duration: Duration) {
        let end = self.state.lock().elapsed + duration;
        loop {
            self.run_ready();
            if !self.advance(end) {
                return;
            }
        }
    }

    /// Runs `future` with everything spawned beside it. `None` if it has not
    /// finished after `limit` of simulated time.
    pub fn block_on<T: Send + 'static>(
        &self,
        limit: Duration,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let slot = Arc::new(Mutex::new(None));
        let output = slot.clone();
        let task = self.spawn("block_on", Box::pin(async move { *output.lock() = Some(future.await) }));
        let end = self.state.lock().elapsed + limit;
        loop {
            self.run_ready();
            if let Some(output) = slot.lock().take() {
                return Some(output);
            }
            if !self.advance(end) {
                task.abort();
                return None;
            }
        }
    }

    /// Polls ready tasks, first come first served, until none is left.
    fn run_ready(&self) {
        loop {
            let Some(task) = self.state.lock().ready.pop_front() else { return };
            task.queued.store(false, Ordering::Release);
            // Taken out while it is polled, so that a task may abort itself.
            let Some(mut future) = task.future.lock().take() else { continue };
            let waker = Waker::from(task.clone());
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                task.future.lock().replace(future);
            }
        }
    }

    /// Jumps to the next timer at or before `end` and wakes it. False once `end` is reached.
    fn advance(&self, end: Duration) -> bool {
        let mut state = self.state.lock();
        match state.timers.first_key_value().map(|(key, _)| *key) {
            Some(key) if key.0 <= end => {
                let waker = state.timers.remove(&key);
                state.elapsed = state.elapsed.max(key.0);
                drop(state);
                if let Some(waker) = waker {
                    waker.wake();
                }
                true
            }
            _ => {
                state.elapsed = state.elapsed.max(end);
                false
            }
        }
    }
}

impl Environment for SimEnv {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.elapsed()).unwrap_or(SignedDuration::MAX);
        let start = Timestamp::from_second(EPOCH_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH);
        start.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.state.lock().elapsed
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let env = self.this.clone();
        let mut state = self.state.lock();
        state.next_id += 1;
        let key = (state.elapsed.saturating_add(duration), state.next_id);
        Box::pin(std::future::poll_fn(move |context| {
            let Some(env) = env.upgrade() else { return Poll::Pending };
            let mut state = env.state.lock();
            if state.elapsed >= key.0 {
                return Poll::Ready(());
            }
            state.timers.insert(key, context.waker().clone());
            Poll::Pending
        }))
    }

    fn fill(&self, buffer: &mut [u8]) {
        self.state.lock().random.fill_bytes(buffer);
    }

    fn spawn(&self, _name: &'static str, future: BoxFuture<'static, ()>) -> Task {
        let task = Arc::new(SimTask {
            env: self.this.clone(),
            future: Mutex::new(Some(future)),
            queued: AtomicBool::new(false),
        });
        task.clone().wake();
        let weak = Arc::downgrade(&task);
        Task::new(move || {
            if let Some(task) = weak.upgrade() {
                let dropped = task.future.lock().take();
                drop(dropped);
            }
        })
    }
}

impl Wake for SimTask {
    fn wake(self: Arc<Self>) {
        let Some(env) = self.env.upgrade() else { return };
        if !self.queued.swap(true, Ordering::AcqRel) {
            env.state.lock().ready.push_back(self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EnvironmentExt;

    #[test]
    fn the_clock_jumps_to_the_next_timer() {
        let env = SimEnv::new(1);
        let inner = env.shared();
        let seen = env.block_on(Duration::from_secs(60), async move {
            inner.sleep(Duration::from_secs(10)).await;
            inner.elapsed()
        });
        assert_eq!(seen, Some(Duration::from_secs(10)));
    }

    #[test]
    fn a_limit_ends_a_run_that_waits_forever() {
        let env = SimEnv::new(1);
        assert_eq!(env.block_on(Duration::from_secs(5), std::future::pending::<()>()), None);
        assert_eq!(env.elapsed(), Duration::from_secs(5));
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let draw = |seed| (SimEnv::new(seed).random_u64(), SimEnv::new(seed).uuid());
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn an_aborted_task_never_runs_again() {
        let env = SimEnv::new(1);
        let ran = Arc::new(Mutex::new(0));
        let (inner, count) = (env.shared(), ran.clone());
        let task = env.spawn(
            "count",
            Box::pin(async move {
                loop {
                    *count.lock() += 1;
                    inner.sleep(Duration::from_secs(1)).await;
                }
            }),
        );
        env.run_for(Duration::from_millis(2500));
        task.abort();
        env.run_for(Duration::from_secs(10));
        assert_eq!(*ran.lock(), 3);
    }
}
