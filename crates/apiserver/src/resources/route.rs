//! Which resource a path means, and what is said to paths and methods that mean nothing.
//! Built-in kinds refuse as upstream's router does, custom ones as its CRD handler does.

use http::Method;
use ironclad_api::status::{Response as Generic, Status};
use ironclad_api::{GroupResource, GroupVersionResource};
use ironclad_engine::{Kinds, SchemaRef, Served, SubresourceKind};

use super::Asked;
use crate::health::not_found;
use crate::reply::Reply;
use crate::request_info::ResourceInfo;

/// Why a path or method is not served.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// Nobody listens there: a plain page.
    Page,
    Status(Box<Status>),
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

impl Refusal {
    pub fn into_reply(self) -> Result<Reply, Status> {
        match self {
            Self::Page => Ok(not_found()),
            Self::Status(status) => Err(*status),
        }
    }
}

/// The resource that a path names.
pub fn find(kinds: &Kinds, resource: &ResourceInfo) -> Result<Served, Refusal> {
    let (group, version) = (resource.group.clone(), resource.version.clone());
    let path = GroupVersionResource::new(group, version, resource.resource.clone());
    // The group without a name is under /api, all others under /apis.
    let right_prefix = (resource.prefix == "api") == resource.group.is_empty();
    match kinds.served(&path).filter(|_| right_prefix) {
        Some(served) => Ok(served.clone()),
        None if right_prefix => Err(nobody(kinds, &path.group)),
        None => Err(Refusal::Page),
    }
}

/// What is said to paths of a group that mean nothing: all paths of built-in groups, whatever their version, are the
/// router's, which answers with a Status.
pub fn nobody(kinds: &Kinds, group: &str) -> Refusal {
    let is_builtin =
        |served: &Served| *served.gvr.group == *group && matches!(served.schema(), SchemaRef::Builtin(_));
    match group.is_empty() || kinds.all_served().any(is_builtin) {
        true => Status::unknown_path().into(),
        false => Refusal::Page,
    }
}

/// Whether the path names a resource at all; for what must not depend on made-up names.
pub fn is_served(kinds: &Kinds, resource: &ResourceInfo) -> bool {
    find(kinds, resource).is_ok_and(|served| {
        resource.subresource.is_empty() || served.subresource(&resource.subresource).is_some()
    })
}

/// Whether the resource has such a path, and the path such a method.
pub fn check(asked: &Asked<'_>) -> Result<(), Refusal> {
    if !fits_scope(asked) || !fits_depth(asked) {
        return Err(match asked.is_builtin() {
            true => Status::unknown_path().into(),
            false => Refusal::Page,
        });
    }
    if has_method(asked)? { Ok(()) } else { Err(method_not_allowed(asked).into()) }
}

fn fits_scope(asked: &Asked<'_>) -> bool {
    // A Namespace's own name counts as its namespace.
    let in_namespace = !asked.resource.namespace.is_empty()
        && asked.resource.parts.first().is_none_or(|first| first != "namespaces");
    match (asked.served.kind.is_namespaced(), in_namespace) {
        (true, true) | (false, false) => true,
        (true, false) => !asked.resource.names_object() && (asked.is_builtin() || reads_all(asked)),
        (false, true) => false,
    }
}

/// Only proxies take a path of their own behind the subresource.
fn fits_depth(asked: &Asked<'_>) -> bool {
    asked.resource.parts.len() <= 3 || asked.resource.subresource == "proxy"
}

fn reads_all(asked: &Asked<'_>) -> bool {
    matches!(&*asked.info.verb, "list" | "watch")
}

fn has_method(asked: &Asked<'_>) -> Result<bool, Status> {
    let verb = &*asked.info.verb;
    let (verbs, is_sub) = match asked.resource.subresource.as_str() {
        "" => (asked.served.kind.spec().verbs, false),
        name => (asked.served.subresource(name).ok_or_else(Status::unknown_path)?.verbs, true),
    };
    if is_connect(asked) {
        let proxies = asked.resource.subresource == "proxy";
        return Ok(proxies || (verbs.contains(&verb) && asked.parts.method != Method::HEAD));
    }
    let place = match verb {
        "create" => asked.resource.names_object() == is_sub,
        "update" | "patch" => asked.resource.names_object(),
        _ => true,
    };
    let across_all = asked.served.kind.is_namespaced() && asked.resource.namespace.is_empty();
    let somewhere = !across_all || reads_all(asked);
    Ok(place && somewhere && verbs.contains(&verb) && asked.parts.method != Method::HEAD)
}

fn method_not_allowed(asked: &Asked<'_>) -> Status {
    if !asked.is_builtin() {
        return Status::method_not_supported(&asked.served.gvr.group_resource(), &asked.info.verb);
    }
    let nothing = GroupResource::new("", "");
    let method = asked.parts.method.as_str();
    let response =
        Generic { code: 405, method, resource: &nothing, name: "", body: "", retry_after_seconds: 0 };
    Status::from_response(&response, false)
}

/// Whether it is a stream that this server only passes on.
pub fn is_connect(asked: &Asked<'_>) -> bool {
    let subresource = asked.served.subresource(&asked.resource.subresource);
    subresource.is_some_and(|subresource| matches!(subresource.does, SubresourceKind::Connect))
}
