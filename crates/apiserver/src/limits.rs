//! How many requests are worked on at once. Streams do not count, and neither do the
//! cluster's administrators, who must get in when everybody else is too many.

use std::sync::Arc;

use ironclad_api::status::Status;
use ironclad_engine::User;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Upstream's defaults: `--max-requests-inflight` and `--max-mutating-requests-inflight`.
const READS: usize = 400;
const WRITES: usize = 200;

const EXEMPT_GROUP: &str = "system:masters";

pub struct Limits {
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { reads: Arc::new(Semaphore::new(READS)), writes: Arc::new(Semaphore::new(WRITES)) }
    }
}

impl Limits {
    /// A place for a request, to be held while it is worked on; `None` for those who need none.
    pub fn enter(&self, user: &User, read_only: bool) -> Result<Option<OwnedSemaphorePermit>, Status> {
        if user.groups.iter().any(|group| group == EXEMPT_GROUP) {
            return Ok(None);
        }
        let places = if read_only { &self.reads } else { &self.writes };
        let place = places.clone().try_acquire_owned();
        place
            .map(Some)
            .map_err(|_| Status::too_many_requests("Too many requests, please try again later.", 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_requests_are_refused_but_never_an_administrators() {
        let limits = Limits::default();
        let user = User::default();
        let held: Vec<_> = (0..WRITES).map(|_| limits.enter(&user, false).expect("a place")).collect();
        let refused = limits.enter(&user, false).expect_err("full");
        assert_eq!((refused.code, refused.retry_after_seconds()), (429, Some(1)));
        assert!(limits.enter(&user, true).is_ok());
        let admin = User { groups: vec![EXEMPT_GROUP.into()], ..User::default() };
        assert!(limits.enter(&admin, false).is_ok());
        drop(held);
        assert!(limits.enter(&user, false).is_ok());
    }
}
