//! From a request to its URL.

use http::Method;
use ironclad_api::params::Query;
use ironclad_client::{Operation, PatchKind, Target};

/// `/api/v1/namespaces/default/pods/web/status`
pub(crate) fn path(target: &Target) -> String {
    let resource = &target.resource;
    let mut path = match &*resource.group {
        "" => format!("/api/{}", resource.version),
        group => format!("/apis/{group}/{}", resource.version),
    };
    if !target.namespace.is_empty() {
        path.push_str("/namespaces/");
        path.push_str(&target.namespace);
    }
    for part in [&*resource.resource, &target.name, &target.subresource] {
        if !part.is_empty() {
            path.push('/');
            path.push_str(part);
        }
    }
    path
}

pub(crate) fn method(operation: &Operation) -> Method {
    match operation {
        Operation::Get(_) | Operation::List(_) | Operation::Watch(_) => Method::GET,
        Operation::Create(..) => Method::POST,
        Operation::Update(..) => Method::PUT,
        Operation::Patch(..) => Method::PATCH,
        Operation::Delete(_) | Operation::DeleteCollection(..) => Method::DELETE,
    }
}

pub(crate) fn query(operation: &Operation) -> Query {
    match operation {
        Operation::Get(options) => options.to_query(),
        Operation::List(options) | Operation::DeleteCollection(options, _) => options.to_query(false),
        Operation::Watch(options) => options.to_query(true),
        Operation::Create(_, options) | Operation::Update(_, options) | Operation::Patch(_, options) => {
            options.to_query()
        }
        // Deletes carry their options in the body.
        Operation::Delete(_) => Query::default(),
    }
}

pub(crate) fn patch_type(kind: PatchKind) -> &'static str {
    match kind {
        PatchKind::Json => "application/json-patch+json",
        PatchKind::Merge => "application/merge-patch+json",
        PatchKind::Strategic => "application/strategic-merge-patch+json",
        PatchKind::Apply => "application/apply-patch+yaml",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironclad_api::{GroupVersionResource, ObjectKey};

    #[test]
    fn targets_become_upstreams_paths() {
        let target = |group: &'static str, resource: &'static str, namespace: &str, name: &str, sub: &str| {
            let resource = GroupVersionResource::new(group, "v1", resource);
            Target::object(resource, &ObjectKey::new(namespace, name)).subresource(sub)
        };
        for (target, expected) in [
            (target("", "pods", "default", "web", ""), "/api/v1/namespaces/default/pods/web"),
            (target("", "pods", "", "", ""), "/api/v1/pods"),
            (target("", "nodes", "", "n", "status"), "/api/v1/nodes/n/status"),
            (target("apps", "deployments", "a", "", ""), "/apis/apps/v1/namespaces/a/deployments"),
            (
                target("apps", "deployments", "a", "b", "scale"),
                "/apis/apps/v1/namespaces/a/deployments/b/scale",
            ),
        ] {
            assert_eq!(path(&target), expected);
        }
    }
}
