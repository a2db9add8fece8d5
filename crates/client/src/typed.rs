//! Typed reads over any [`Cache`].

use std::sync::Arc;

use ironclad_api::{GroupResource, ObjectKey};
use serde::de::DeserializeOwned;

use crate::cache::{By, Cache};

/// Typed access for every cache, remote or in-process.
pub trait CacheExt: Cache {
    fn get_as<T: DeserializeOwned + Send + Sync + 'static>(
        &self,
        resource: &GroupResource,
        key: &ObjectKey,
    ) -> Option<Arc<T>> {
        self.get(resource, key)?.typed()
    }

    /// The objects that decode as `T`; in key order.
    fn list_as<T: DeserializeOwned + Send + Sync + 'static>(
        &self,
        resource: &GroupResource,
        namespace: Option<&str>,
    ) -> Vec<Arc<T>> {
        self.list(resource, namespace).iter().filter_map(|entry| entry.typed()).collect()
    }

    /// The objects that are filed so and decode as `T`; in key order.
    fn find_as<T: DeserializeOwned + Send + Sync + 'static>(
        &self,
        resource: &GroupResource,
        by: &By<'_>,
    ) -> Vec<Arc<T>> {
        self.find(resource, by).iter().filter_map(|entry| entry.typed()).collect()
    }
}

impl<C: Cache + ?Sized> CacheExt for C {}
