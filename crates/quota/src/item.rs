//! An object as its evaluator reads it.

use std::sync::Arc;

use ironclad_api::{Entry, GroupResource, Object};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::resource::v1::ResourceClaim;
use serde::de::DeserializeOwned;

/// One object, decoded as far as its use depends on what it says.
#[derive(Clone, Debug)]
pub enum Item {
    Pod(Arc<Pod>),
    Service(Arc<Service>),
    VolumeClaim(Arc<PersistentVolumeClaim>),
    DeviceClaim(Arc<ResourceClaim>),
    /// Any other: it is only counted.
    Other,
}

impl Item {
    /// `None` if the object does not decode as its resource's type.
    pub fn read(resource: &GroupResource, object: &Object) -> Option<Self> {
        Self::decode(resource, Tree(object))
    }

    /// Like [`Item::read`], sharing what was decoded of this version before.
    pub fn of(resource: &GroupResource, entry: &Entry) -> Option<Self> {
        Self::decode(resource, entry)
    }

    fn decode(resource: &GroupResource, from: impl Decode) -> Option<Self> {
        match (&*resource.group, &*resource.resource) {
            ("", "pods") => from.decode().map(Self::Pod),
            ("", "services") => from.decode().map(Self::Service),
            ("", "persistentvolumeclaims") => from.decode().map(Self::VolumeClaim),
            ("resource.k8s.io", "resourceclaims") => from.decode().map(Self::DeviceClaim),
            _ => Some(Self::Other),
        }
    }
}

trait Decode {
    fn decode<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Option<Arc<T>>;
}

struct Tree<'a>(&'a Object);

impl Decode for Tree<'_> {
    fn decode<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.to_typed().ok().map(Arc::new)
    }
}

impl Decode for &Entry {
    fn decode<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.typed()
    }
}
