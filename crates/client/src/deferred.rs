//! A cache that is there before it has content.

use std::sync::{Arc, OnceLock};

use ironclad_api::{Entry, GroupKind, GroupResource, ObjectKey};
use parking_lot::Mutex;

use crate::cache::{By, Cache, CachedResource, Observer};

/// Stands for a cache that does not exist yet. The server's own cache is made by an engine
/// that is built from authorizers and plugins which read that cache: they get this one, and it is
/// [filled](Deferred::fill) once the engine is there. Until then it is empty.
#[derive(Default)]
pub struct Deferred {
    cache: OnceLock<Arc<dyn Cache>>,
    waiting: Mutex<Vec<Waiting>>,
}

/// An observer, and the resources that it is to be told of.
type Waiting = (Vec<GroupResource>, Arc<dyn Observer>);

impl Deferred {
    /// From now on every call goes to `cache`; who observed before is told of its contents now.
    /// Only the first call counts.
    pub fn fill(&self, cache: Arc<dyn Cache>) {
        // Set under the lock, so that no observer is added in between and forgotten.
        let mut waiting = self.waiting.lock();
        let cache = self.cache.get_or_init(|| cache).clone();
        let observers = std::mem::take(&mut *waiting);
        drop(waiting);
        for (resources, observer) in observers {
            cache.observe(&resources, observer);
        }
    }
}

impl Cache for Deferred {
    fn get(&self, resource: &GroupResource, key: &ObjectKey) -> Option<Arc<Entry>> {
        self.cache.get()?.get(resource, key)
    }

    fn list(&self, resource: &GroupResource, namespace: Option<&str>) -> Vec<Arc<Entry>> {
        self.cache.get().map(|cache| cache.list(resource, namespace)).unwrap_or_default()
    }

    fn find(&self, resource: &GroupResource, by: &By<'_>) -> Vec<Arc<Entry>> {
        self.cache.get().map(|cache| cache.find(resource, by)).unwrap_or_default()
    }

    fn observe(&self, resources: &[GroupResource], observer: Arc<dyn Observer>) {
        let mut waiting = self.waiting.lock();
        match self.cache.get() {
            Some(cache) => {
                drop(waiting);
                cache.observe(resources, observer);
            }
            None => waiting.push((resources.to_vec(), observer)),
        }
    }

    fn resources(&self) -> Vec<CachedResource> {
        self.cache.get().map(|cache| cache.resources()).unwrap_or_default()
    }

    fn resource_of(&self, kind: &GroupKind) -> Option<CachedResource> {
        self.cache.get()?.resource_of(kind)
    }

    fn revision(&self) -> u64 {
        self.cache.get().map_or(0, |cache| cache.revision())
    }
}
