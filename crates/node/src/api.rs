//! The cluster as the agent reaches it: calls, and the cache of what concerns this node.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ironclad_api::params::{DeleteOptions, Preconditions};
use ironclad_api::{GroupVersionResource, Object, ObjectKey, Status};
use ironclad_client::{Cache, Client, PatchKind, Request, Target};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A client and what is cached. Two caches, so that pods do not wait for permission to read services.
#[derive(Clone)]
pub(crate) struct Api {
    pub client: Arc<dyn Client>,
    /// This node's pods, and its Node.
    pub own: Arc<dyn Cache>,
    /// Services and endpoint slices.
    pub services: Arc<dyn Cache>,
    /// Whether `services` has been filled: before, a container cannot be told of its services.
    pub services_known: Arc<AtomicBool>,
}

pub(crate) fn pods() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "pods")
}

pub(crate) fn nodes() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "nodes")
}

pub(crate) fn services() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "services")
}

pub(crate) fn endpoint_slices() -> GroupVersionResource {
    GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices")
}

pub(crate) fn config_maps() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "configmaps")
}

pub(crate) fn secrets() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "secrets")
}

pub(crate) fn service_accounts() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "serviceaccounts")
}

pub(crate) fn leases() -> GroupVersionResource {
    GroupVersionResource::new("coordination.k8s.io", "v1", "leases")
}

pub(crate) fn runtime_classes() -> GroupVersionResource {
    GroupVersionResource::new("node.k8s.io", "v1", "runtimeclasses")
}

impl Api {
    /// One object, read from the API.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        resource: GroupVersionResource,
        key: &ObjectKey,
    ) -> Result<T, Status> {
        let object = self.client.call(Request::get(Target::object(resource, key))).await?;
        object.to_typed().map_err(Status::internal_error)
    }

    pub(crate) async fn create(
        &self,
        resource: GroupVersionResource,
        namespace: &str,
        object: Value,
    ) -> Result<Object, Status> {
        let object = Object::from_value(object).unwrap_or_default();
        self.client.call(Request::create(Target::collection(resource, namespace), object)).await
    }

    /// Patches a part of an object by strategic merge. `subresource` may be empty.
    pub(crate) async fn patch(
        &self,
        resource: GroupVersionResource,
        key: &ObjectKey,
        subresource: &str,
        patch: &Value,
    ) -> Result<Object, Status> {
        let target = Target::object(resource, key).subresource(subresource);
        self.client.call(Request::patch(target, PatchKind::Strategic, patch.to_string())).await
    }

    /// Deletes at once, and only the object with that uid.
    pub(crate) async fn delete_now(
        &self,
        resource: GroupVersionResource,
        key: &ObjectKey,
        uid: &str,
    ) -> Result<(), Status> {
        let options = DeleteOptions {
            grace_period_seconds: Some(0),
            preconditions: Preconditions { uid: Some(uid.to_owned()), ..Default::default() },
            ..Default::default()
        };
        self.client.call(Request::delete(Target::object(resource, key), options)).await.map(drop)
    }
}
