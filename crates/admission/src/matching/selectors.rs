//! Selectors: by the labels of the object's namespace, and by its own.

use std::collections::BTreeMap;

use ironclad_api::labels::{LabelSelector, Selector};
use ironclad_api::object::string_map;
use ironclad_api::{GroupResource, Object, ObjectKey, Status};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};

use super::Subject;
use crate::Cluster;

/// Both selectors of a hook. One that cannot be read fails the requests that it would concern.
#[derive(Clone, Debug)]
pub(crate) struct Selectors {
    namespace: Result<Selector, String>,
    object: Result<Selector, String>,
}

impl Selectors {
    /// An absent selector selects everything.
    pub fn new(namespace: Option<&LabelSelector>, object: Option<&LabelSelector>) -> Self {
        let read = |selector: Option<&LabelSelector>| {
            selector.map_or_else(|| Ok(Selector::everything()), LabelSelector::to_selector)
        };
        Self { namespace: read(namespace), object: read(object) }
    }

    /// Whether both select the request. An error counts only if everything else of the hook
    /// matches: `Ok(None)` says no, `Ok(Some(error))` says yes unless the error is told.
    pub fn select(
        &self,
        request: &AdmissionRequest<'_>,
        cluster: &Cluster<'_>,
    ) -> Option<Result<(), Status>> {
        let namespace = self.selects_namespace(request, cluster);
        if matches!(namespace, Ok(false)) {
            return None;
        }
        let object = self.selects_object(request);
        if matches!(object, Ok(false)) {
            return None;
        }
        Some(namespace.and(object).map(drop))
    }

    fn selects_namespace(
        &self,
        request: &AdmissionRequest<'_>,
        cluster: &Cluster<'_>,
    ) -> Result<bool, Status> {
        let subject = Subject::of(request);
        let resource = &*request.target.resource.resource;
        if subject.namespace.is_empty() && resource != "namespaces" {
            return Ok(true);
        }
        let selector = self.namespace.as_ref().map_err(Status::internal_error)?;
        if selector.is_everything() {
            return Ok(true);
        }
        let writes = matches!(request.operation, AdmissionOperation::Create | AdmissionOperation::Update);
        let itself = resource == "namespaces" && subject.subresource.is_empty() && writes;
        match request.object.as_ref().filter(|_| itself) {
            // Its new labels count, which nobody has stored yet.
            Some(object) => Ok(selector.matches(&labels(object))),
            None => {
                let resource = GroupResource::new("", "namespaces");
                let key = ObjectKey::cluster(subject.namespace);
                let namespace = cluster.cache.get(&resource, &key);
                let namespace = namespace.ok_or_else(|| Status::not_found(&resource, subject.namespace))?;
                Ok(selector.matches(&namespace.labels))
            }
        }
    }

    fn selects_object(&self, request: &AdmissionRequest<'_>) -> Result<bool, Status> {
        let selector = self.object.as_ref().map_err(Status::internal_error)?;
        if selector.is_everything() {
            return Ok(true);
        }
        let new = request.object.as_deref();
        Ok(new.into_iter().chain(request.old).any(|object| selector.matches(&labels(object))))
    }
}

fn labels(object: &Object) -> BTreeMap<String, String> {
    string_map(object.metadata().and_then(|metadata| metadata.get("labels")))
}
