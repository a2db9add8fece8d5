//! Places for connections. Whoever fills them all cannot keep out the cluster's own: some are reserved for
//! clients that show a certificate of the cluster's CA.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Open connections. Beyond it only the reserve is left; beyond that new ones wait in the kernel's queue.
const MOST: usize = 8192;

/// For administrators, nodes and components: clients with certificates.
const RESERVED: usize = 128;

pub struct Places {
    common: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
}

/// One connection's place, until it is dropped.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    /// The connection must show who it is, and soon.
    pub is_reserved: bool,
}

impl Places {
    /// As many as the process may have files, with room for other files.
    pub fn new() -> Self {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
        Self::of(MOST.min(files / 2), RESERVED.min(files / 8))
    }

    fn of(common: usize, reserved: usize) -> Self {
        Self { common: Arc::new(Semaphore::new(common)), reserved: Arc::new(Semaphore::new(reserved.max(1))) }
    }

    /// Waits for one if need be. `None` never happens: the semaphores are not closed.
    pub async fn take(&self) -> Option<Place> {
        if let Ok(permit) = self.common.clone().try_acquire_owned() {
            return Some(Place { _permit: permit, is_reserved: false });
        }
        let (common, reserved) = (self.common.clone(), self.reserved.clone());
        tokio::select! {
            biased;
            permit = common.acquire_owned() => Some(Place { _permit: permit.ok()?, is_reserved: false }),
            permit = reserved.acquire_owned() => Some(Place { _permit: permit.ok()?, is_reserved: true }),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn the_reserve_is_used_last_and_what_is_given_back_first() {
        let places = Places::of(2, 1);
        let take = || places.take().now_or_never().flatten();
        let first = take().expect("a place");
        let second = take().expect("a place");
        assert!(!first.is_reserved && !second.is_reserved);
        let third = take().expect("the reserve");
        assert!(third.is_reserved && take().is_none());
        drop(second);
        assert!(take().is_some_and(|place| !place.is_reserved));
        drop(third);
        let _fourth = take();
        assert!(take().is_some_and(|place| place.is_reserved));
    }
}
