//! What a request is about, as hooks see it.

use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};

/// The namespace and name that stand in reviews.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    pub operation: AdmissionOperation,
    /// Empty for objects without; a Namespace is in itself.
    pub namespace: &'a str,
    /// Empty for creates whose name is made by the server.
    pub name: &'a str,
    pub subresource: &'a str,
    /// A Namespace object or one of its subresources.
    pub is_namespace: bool,
}

impl<'a> Subject<'a> {
    pub fn of(request: &'a AdmissionRequest<'_>) -> Self {
        let target = request.target;
        let is_namespace = is_namespace(request);
        let name = match (target.name.as_str(), &request.object) {
            ("", Some(object)) => object.name(),
            (name, _) => name,
        };
        Self {
            operation: request.operation,
            namespace: if is_namespace { name } else { &target.namespace },
            name,
            subresource: &target.subresource,
            is_namespace,
        }
    }
}

fn is_namespace(request: &AdmissionRequest<'_>) -> bool {
    let resource = &request.target.resource;
    (&*resource.group, &*resource.version, &*resource.resource) == ("", "v1", "namespaces")
}
