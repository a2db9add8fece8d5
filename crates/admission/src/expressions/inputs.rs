//! The values of variables for one request and one policy or webhook.

use std::sync::Arc;

use ironclad_api::{GroupResource, ObjectKey, Status};
use ironclad_cel::policy::{NAMESPACE, REQUEST, REQUEST_RESOURCE};
use ironclad_cel::{Activation, Value};
use ironclad_engine::gate::AdmissionRequest;
use serde_json::Value as Json;

use super::Authority;
use crate::Cluster;
use crate::matching::{Invocation, Subject};
use crate::versions::Versioned;
use crate::webhooks::review;

/// Null where there is nothing.
pub(crate) struct Inputs {
    object: Json,
    old: Json,
    request: Json,
    namespace: Json,
    authorizer: Value<'static>,
    request_resource: Value<'static>,
}

impl Inputs {
    /// `namespace` is what [`namespace_object`] gives, or null for match conditions.
    pub fn new(
        request: &AdmissionRequest<'_>,
        invocation: &Invocation,
        objects: &Versioned,
        namespace: Json,
        authority: &Arc<Authority>,
    ) -> Self {
        let tree = |object: &Option<ironclad_api::Object>| {
            object.as_ref().map_or(Json::Null, |object| Json::Object(object.0.clone()))
        };
        Self {
            object: tree(&objects.object),
            old: tree(&objects.old),
            request: review::facts(request, invocation),
            namespace,
            authorizer: authority.value(),
            request_resource: authority.request_resource(request),
        }
    }

    /// `params` is null where there are none.
    pub fn activation<'a>(&'a self, params: &'a Json) -> Activation<'a> {
        Activation::new()
            .bind("object", Value::from_json(&self.object))
            .bind("oldObject", Value::from_json(&self.old))
            .bind("request", Value::typed(&self.request, &REQUEST))
            .bind("namespaceObject", Value::typed(&self.namespace, &NAMESPACE))
            .bind("params", Value::from_json(params))
            .bind("authorizer", self.authorizer.clone())
            .bind(REQUEST_RESOURCE, self.request_resource.clone())
    }
}

/// The Namespace of a request's object, with the fields that expressions may see; null for
/// objects without one, and for Namespaces themselves.
pub(crate) fn namespace_object(
    request: &AdmissionRequest<'_>,
    cluster: &Cluster<'_>,
) -> Result<Json, Status> {
    let subject = Subject::of(request);
    if subject.is_namespace || subject.namespace.is_empty() {
        return Ok(Json::Null);
    }
    let resource = GroupResource::new("", "namespaces");
    let namespace = cluster.cache.get(&resource, &ObjectKey::cluster(subject.namespace));
    let namespace = namespace.ok_or_else(|| Status::not_found(&resource, subject.namespace))?;
    let mut object = namespace.object();
    for hidden in ["managedFields", "ownerReferences", "selfLink"] {
        object.remove_meta(hidden);
    }
    Ok(object.into_value())
}
