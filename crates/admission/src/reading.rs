//! Reading configuration objects out of the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use ironclad_api::{Entry, GroupResource};
use ironclad_client::{Cache, Change, Observer};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// Go writes empty lists as null.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An object's JSON as `T`; `None` if it is not one, which its kind's validation refuses.
pub(crate) fn read<T: DeserializeOwned>(entry: &Entry) -> Option<T> {
    serde_json::from_slice(&entry.json).ok()
}

/// Something made of all objects of some resources, made anew when one of them has changed
/// and somebody asks. Whoever was told that a change is committed finds it in what is made.
pub(crate) struct Derived<T> {
    cache: Arc<dyn Cache>,
    changes: Arc<Changes>,
    /// With the number of changes that it knows of.
    made: ArcSwap<(u64, Arc<T>)>,
    making: Mutex<()>,
    make: fn(&dyn Cache, &T) -> T,
}

#[derive(Default)]
struct Changes(AtomicU64);

impl Observer for Changes {
    fn changed(&self, _change: &Change) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

impl<T: Default> Derived<T> {
    /// `make` gets what was made before, so that it can keep what has not changed.
    pub fn new(cache: &Arc<dyn Cache>, resources: &[GroupResource], make: fn(&dyn Cache, &T) -> T) -> Self {
        let changes = Arc::new(Changes::default());
        cache.observe(resources, changes.clone());
        let made = ArcSwap::from_pointee((0, Arc::default()));
        Self { cache: cache.clone(), changes, made, making: Mutex::default(), make }
    }

    pub fn get(&self) -> Arc<T> {
        let made = self.made.load();
        if made.0 == self.changes.0.load(Ordering::Acquire) {
            return made.1.clone();
        }
        let _one_at_a_time = self.making.lock();
        // Read before the objects are: a change in between is made anew by the next caller.
        let changes = self.changes.0.load(Ordering::Acquire);
        let made = self.made.load();
        if made.0 == changes {
            return made.1.clone();
        }
        let new = Arc::new((self.make)(&*self.cache, &made.1));
        self.made.store(Arc::new((changes, new.clone())));
        new
    }
}
