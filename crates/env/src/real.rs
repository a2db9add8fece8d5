//! The real environment: the system's clocks, its entropy, tokio's tasks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::Rng;

use crate::{BoxFuture, Env, Environment, Task};

/// The system itself. Tasks run on the tokio runtime of the caller.
pub struct RealEnv {
    start: Instant,
}

impl RealEnv {
    pub fn shared() -> Env {
        Arc::new(Self { start: Instant::now() })
    }
}

impl Environment for RealEnv {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn fill(&self, buffer: &mut [u8]) {
        rand::rng().fill_bytes(buffer);
    }

    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) -> Task {
        let handle = tokio::spawn(task).abort_handle();
        Task::new(move || handle.abort())
    }
}
