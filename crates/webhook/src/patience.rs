//! Calling again after a failure, a few times and each time later.

use std::time::Duration;

use bytes::Bytes;
use ironclad_env::EnvironmentExt;

use crate::caller::{Caller, Deadline};
use crate::endpoint::Endpoint;
use crate::error::CallError;

/// How often a call is made, and how long is waited in between: each time half as long again, and up to a fifth
/// more, so that those who failed together do not come back together. Upstream's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// At least one call is made.
    pub calls: u32,
    pub first_wait: Duration,
    /// Whether every failure is worth another try, or only those that pass ([`CallError::is_passing`]). An empty
    /// answer is none.
    pub with_everything: bool,
}

impl Patience {
    /// Of webhooks that somebody waits for.
    pub const USUAL: Self = Self { calls: 5, first_wait: Duration::from_millis(500), with_everything: false };

    fn bears(&self, error: &CallError) -> bool {
        match error {
            CallError::Empty(_) => false,
            _ => self.with_everything || error.is_passing(),
        }
    }
}

impl Caller {
    /// As [`Caller::post`], again and again; the error is the last one.
    pub async fn post_patiently(
        &self,
        endpoint: &Endpoint,
        body: Bytes,
        deadline: Deadline,
        patience: Patience,
    ) -> Result<Bytes, CallError> {
        let mut wait = patience.first_wait;
        for _ in 1..patience.calls {
            match self.post(endpoint, body.clone(), deadline).await {
                Err(error) if patience.bears(&error) => tracing::debug!(%error, "a call is made again"),
                done => return done,
            }
            let more = wait / 5;
            let share = u32::try_from(self.env().random_u64() % 1024).unwrap_or_default();
            self.env().sleep(wait + more * share / 1024).await;
            wait = wait * 3 / 2;
        }
        self.post(endpoint, body, deadline).await
    }
}
