//! What a request is about, from its method and URL alone. Authorization, routing,
//! metrics and the audit log all speak of this. Upstream: `RequestInfoFactory`.

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;
use ironclad_api::goprint::quote;
use ironclad_api::params::{ListOptions, Query};
use ironclad_api::validation::path::path_segment_name;
use ironclad_api::{GroupResource, fields, labels};
use ironclad_engine::{Attributes, User};

/// Sub-paths of a namespace that are not resources in it.
const NAMESPACE_SUBRESOURCES: [&str; 2] = ["status", "finalize"];

/// Verbs that stand in the path before the resource: `/api/v1/watch/pods`.
const PATH_VERBS: [&str; 2] = ["proxy", "watch"];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// Decoded.
    pub path: String,
    /// A verb of the API for resources, the method in lower case for other paths.
    /// Empty for a method that means nothing to a resource.
    pub verb: Cow<'static, str>,
    /// `None` for paths that are not of resources: `/version`, `/apis/apps/v1`.
    pub resource: Option<ResourceInfo>,
    /// The path names the verb: `/api/v1/watch/pods`.
    pub verb_in_path: bool,
}

/// The place of a resource, collection or subresource in the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceInfo {
    /// `api` or `apis`.
    pub prefix: String,
    pub group: String,
    pub version: String,
    /// Of a Namespace itself, its own name.
    pub namespace: String,
    pub resource: String,
    pub subresource: String,
    /// From the path, or from a `metadata.name=` field selector of a list or watch.
    pub name: String,
    /// The path from the resource on: `pods`, `web`, `proxy`, `a`, `b`.
    pub parts: Vec<String>,
    /// The parameters of that name, where the verb heeds them.
    pub field_selector: String,
    pub label_selector: String,
}

impl RequestInfo {
    /// The error is upstream's: a path that ends where a resource must follow.
    pub fn new(method: &Method, path: &str, query: &Query) -> Result<Self, String> {
        let mut info = Self { path: path.to_owned(), verb: lower(method), ..Self::default() };
        let Some((resource, rest)) = split(path) else { return Ok(info) };
        let mut resource = resource;
        let mut rest = rest;
        match rest.first().copied() {
            Some(verb) if PATH_VERBS.contains(&verb) => {
                if rest.len() < 2 {
                    return Err(format!("unable to determine kind and namespace from url, {path}"));
                }
                info.verb = verb.to_owned().into();
                info.verb_in_path = true;
                rest.remove(0);
            }
            _ => info.verb = verb_of(method).into(),
        }
        if rest.first() == Some(&"namespaces")
            && let Some(namespace) = rest.get(1).copied()
        {
            resource.namespace = namespace.to_owned();
            if rest.get(2).is_some_and(|next| !NAMESPACE_SUBRESOURCES.contains(next)) {
                rest.drain(..2);
            }
        }
        let part = |at: usize| rest.get(at).map(|part| (*part).to_owned()).unwrap_or_default();
        resource.resource = part(0);
        resource.name = part(1);
        if info.verb != "proxy" {
            resource.subresource = part(2);
        }
        resource.parts = rest.iter().map(|part| (*part).to_owned()).collect();
        info.resource = Some(resource);
        info.settle_collection(query);
        info.take_selectors(query);
        Ok(info)
    }

    /// Of collections only; those whose path says `watch` may be about one object, and have none.
    fn take_selectors(&mut self, query: &Query) {
        let selects = matches!(&*self.verb, "list" | "watch" | "deletecollection");
        let Some(resource) = self.resource.as_mut().filter(|_| selects && !self.verb_in_path) else { return };
        let first = |name: &str| query.first(name).unwrap_or_default().to_owned();
        resource.field_selector = first("fieldSelector");
        resource.label_selector = first("labelSelector");
    }

    /// Without a name, get means list or watch, and delete means deletecollection.
    fn settle_collection(&mut self, query: &Query) {
        let Some(resource) = self.resource.as_mut().filter(|resource| resource.name.is_empty()) else {
            return;
        };
        match &*self.verb {
            "get" => {
                self.verb = Cow::Borrowed(if query.wants_watch() { "watch" } else { "list" });
                if let Some(name) = selected_name(query) {
                    resource.name = name;
                }
            }
            "delete" => self.verb = Cow::Borrowed("deletecollection"),
            _ => {}
        }
    }

    /// Whether the answer may take as long as it likes.
    pub fn is_long_running(&self) -> bool {
        const SUBRESOURCES: [&str; 5] = ["attach", "exec", "proxy", "log", "portforward"];
        let streams = |resource: &ResourceInfo| SUBRESOURCES.contains(&resource.subresource.as_str());
        matches!(&*self.verb, "watch" | "proxy") || self.resource.as_ref().is_some_and(streams)
    }

    /// What authorization is asked of it.
    pub fn attributes(&self, user: Arc<User>) -> Attributes {
        let verb = self.verb.to_string();
        match &self.resource {
            None => Attributes { user, verb, path: self.path.clone(), ..Attributes::default() },
            Some(resource) => Attributes {
                user,
                verb,
                group: resource.group.clone(),
                version: resource.version.clone(),
                resource: resource.resource.clone(),
                subresource: resource.subresource.clone(),
                namespace: resource.namespace.clone(),
                name: resource.name.clone(),
                path: String::new(),
                // What cannot be read narrows nothing; the handler refuses it later.
                field_selector: fields::Selector::parse(&resource.field_selector).unwrap_or_default(),
                label_selector: labels::Selector::parse(&resource.label_selector).unwrap_or_default(),
            },
        }
    }

    pub fn is_read_only(&self) -> bool {
        match &self.resource {
            Some(_) => matches!(&*self.verb, "get" | "list" | "watch"),
            None => matches!(&*self.verb, "get" | "head" | "options"),
        }
    }
}

impl ResourceInfo {
    /// Whether the path itself names an object (a list may carry a name in its selector).
    pub fn names_object(&self) -> bool {
        self.parts.len() > 1
    }
}

/// Prefix, group and version, and the parts after them. `None` for other paths.
fn split(path: &str) -> Option<(ResourceInfo, Vec<&str>)> {
    let trimmed = path.trim_matches('/');
    let mut parts: Vec<&str> = trimmed.split('/').collect();
    let before = match parts.first().copied() {
        Some("api") => 2,
        Some("apis") => 3,
        _ => return None,
    };
    if parts.len() <= before {
        return None;
    }
    let rest = parts.split_off(before);
    let version = parts.pop()?.to_owned();
    let group = if before == 3 { parts.pop()?.to_owned() } else { String::new() };
    let prefix = parts.pop()?.to_owned();
    Some((ResourceInfo { prefix, group, version, ..ResourceInfo::default() }, rest))
}

fn verb_of(method: &Method) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::GET | Method::HEAD => "get",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    }
}

fn lower(method: &Method) -> Cow<'static, str> {
    match *method {
        Method::GET => "get".into(),
        Method::POST => "post".into(),
        Method::PUT => "put".into(),
        Method::DELETE => "delete".into(),
        Method::HEAD => "head".into(),
        _ => method.as_str().to_ascii_lowercase().into(),
    }
}

/// The one name that a list's field selector asks for, if the parameters are readable at all.
fn selected_name(query: &Query) -> Option<String> {
    query.first("fieldSelector").filter(|selector| !selector.is_empty())?;
    let options = ListOptions::from_query(query, &GroupResource::new("", "")).ok()?;
    let name = options.field_selector.exact_value("metadata.name")?;
    path_segment_name(name).is_empty().then(|| name.to_owned())
}

/// Upstream's plain-text answer to a URL that it cannot make sense of.
pub fn unreadable(uri: &str, error: &str) -> String {
    internal_error(uri, &format!("failed to create RequestInfo: {error}"))
}

/// Upstream's plain-text answer where something went wrong before the request was looked at.
pub fn internal_error(uri: &str, error: &str) -> String {
    let text = format!("Internal Server Error: {}: {error}", quote(uri));
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
