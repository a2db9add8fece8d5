//! Waiting for something that is to come true by itself.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

const POLL: Duration = Duration::from_millis(100);

/// Asks until the answer is `Ok`. After `limit` the last answer is the failure.
pub fn until<T>(
    limit: Duration,
    what: &str,
    mut ask: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) if began.elapsed() >= limit => {
                return Err(error).with_context(|| format!("{what}: not within {limit:?}"));
            }
            Err(_) => std::thread::sleep(POLL),
        }
    }
}

/// A condition as an answer for [`until`].
pub fn holds(condition: bool, otherwise: impl std::fmt::Display) -> anyhow::Result<()> {
    if condition { Ok(()) } else { bail!("{otherwise}") }
}
