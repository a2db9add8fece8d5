//! Time, randomness and tasks: the only crate that reads a clock or entropy.
//!
//! Everything else takes an [`Env`]: the real one in the binary, the simulated
//! one (one thread, a clock that jumps, a seed) in `ironclad-sim` and tests.

mod real;
mod seldom;
mod sim;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use real::RealEnv;
pub use seldom::Seldom;
pub use sim::SimEnv;

/// A boxed future, as trait objects return them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The outside world as a program is allowed to see it.
pub type Env = Arc<dyn Environment>;

/// Wall clock, monotonic clock, entropy and tasks.
pub trait Environment: Send + Sync + 'static {
    /// Wall-clock time. May jump; for timestamps in objects and certificates.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment in the past. Never goes back; for timeouts.
    fn elapsed(&self) -> Duration;

    /// Completes once `duration` has passed on the monotonic clock.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Fills `buffer` with random bytes (cryptographic in the real environment).
    fn fill(&self, buffer: &mut [u8]);

    /// Runs a task. Dropping the handle lets it run on; see [`Task::abort`].
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) -> Task;
}

/// What every environment can do on top of its primitives.
pub trait EnvironmentExt: Environment {
    fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A version 4 UUID in its usual text form.
    fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// `future`'s output, or `None` once `limit` has passed.
    fn timeout<'a, T: Send + 'a>(
        &self,
        limit: Duration,
        future: impl Future<Output = T> + Send + 'a,
    ) -> BoxFuture<'a, Option<T>> {
        let sleep = self.sleep(limit);
        Box::pin(async move {
            let future = std::pin::pin!(future);
            match futures::future::select(future, sleep).await {
                futures::future::Either::Left((output, _)) => Some(output),
                futures::future::Either::Right(_) => None,
            }
        })
    }
}

impl<E: Environment + ?Sized> EnvironmentExt for E {}

/// A handle to a spawned task.
pub struct Task(Box<dyn Fn() + Send + Sync>);

impl Task {
    pub(crate) fn new(abort: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Box::new(abort))
    }

    /// Stops the task at its next await point.
    pub fn abort(&self) {
        (self.0)();
    }
}
