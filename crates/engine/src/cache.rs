//! The one copy of the cluster's state in this process.
//!
//! A single task, the applier, follows the store and is the only writer. A write is
//! acknowledged to its caller only when the applier has passed its revision, so whoever
//! was answered reads its own write. Readers take short locks or none.

mod applied;
pub mod applier;
mod entries;
pub mod index;
mod load;
pub mod log;
pub mod objects;
pub mod sorted;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use ironclad_api::{Entry, GroupKind, GroupResource, ObjectKey};
use ironclad_client::cache::CachedResource;
use ironclad_client::{By, Cache, Change, Observer};
use parking_lot::{Mutex, RwLock};

pub use applied::Applied;
pub(crate) use entries::entry_of_written;
pub use load::LoadError;

use crate::codec::AtRest;
use crate::registry::{Kind, Registry};

/// Where claims stand in the store, beside the objects.
pub(crate) const CLAIMS: &str = "/ironclad/claims/";

/// All cached state: the kinds' objects, the claims, and how far they have come.
pub struct Cluster {
    pub(crate) registry: Arc<Registry>,
    pub(crate) applied: Applied,
    pub(crate) at_rest: Arc<dyn AtRest>,
    /// The store key of the object that holds a claim.
    claims: RwLock<HashMap<String, Bytes>>,
    /// Held while changes are applied, so that a new observer misses nothing and sees nothing twice.
    observers: Mutex<Vec<Subscription>>,
}

struct Subscription {
    /// Empty: all resources.
    resources: Vec<GroupResource>,
    observer: Arc<dyn Observer>,
}

impl Subscription {
    /// Asked of every subscription at every change: names first, which seldom have the same length, while most
    /// groups are equal.
    fn wants(&self, resource: &GroupResource) -> bool {
        let is_it =
            |wanted: &GroupResource| wanted.resource == resource.resource && wanted.group == resource.group;
        self.resources.is_empty() || self.resources.iter().any(is_it)
    }
}

impl Cluster {
    pub(crate) fn new(registry: Arc<Registry>, at_rest: Arc<dyn AtRest>) -> Self {
        Self {
            registry,
            at_rest,
            applied: Applied::default(),
            claims: RwLock::default(),
            observers: Mutex::default(),
        }
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The store key of the object that holds a claim now.
    pub(crate) fn claim_holder(&self, claim: &str) -> Option<Bytes> {
        self.claims.read().get(claim).cloned()
    }

    fn kind(&self, resource: &GroupResource) -> Option<Arc<Kind>> {
        self.registry.peek().resource(resource).cloned()
    }
}

impl Cache for Cluster {
    fn get(&self, resource: &GroupResource, key: &ObjectKey) -> Option<Arc<Entry>> {
        self.registry.peek().resource(resource)?.objects.get(key)
    }

    fn list(&self, resource: &GroupResource, namespace: Option<&str>) -> Vec<Arc<Entry>> {
        self.kind(resource).map(|kind| kind.objects.list(namespace)).unwrap_or_default()
    }

    fn find(&self, resource: &GroupResource, by: &By<'_>) -> Vec<Arc<Entry>> {
        self.kind(resource).map(|kind| kind.objects.find(by)).unwrap_or_default()
    }

    fn observe(&self, resources: &[GroupResource], observer: Arc<dyn Observer>) {
        let subscription = Subscription { resources: resources.to_vec(), observer };
        let mut observers = self.observers.lock();
        for kind in self.registry.kinds().all().iter().filter(|kind| subscription.wants(&kind.resource)) {
            for entry in kind.objects.list(None) {
                let resource = kind.resource.clone();
                subscription.observer.changed(&Change { resource, old: None, new: Some(entry) });
            }
        }
        observers.push(subscription);
    }

    fn resources(&self) -> Vec<CachedResource> {
        let kinds = self.registry.peek();
        kinds.all().iter().filter(|kind| kind.is_stored()).map(|kind| cached(kind)).collect()
    }

    fn resource_of(&self, kind: &GroupKind) -> Option<CachedResource> {
        self.registry.peek().kind(kind).filter(|kind| kind.is_stored()).map(|kind| cached(kind))
    }

    fn revision(&self) -> u64 {
        self.applied.revision()
    }
}

fn cached(kind: &Kind) -> CachedResource {
    CachedResource {
        resource: kind.storage.group_version().resource(kind.resource.resource.clone()),
        kind: kind.storage.clone(),
        namespaced: kind.is_namespaced(),
    }
}
