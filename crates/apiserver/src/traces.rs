//! The span of a request, for the collector of traces.

use http::{Method, Request};
use hyper::body::Incoming;
use ironclad_engine::User;
use ironclad_traces::{Context, Span, TRACEPARENT, Tracer};
use jiff::Timestamp;

use crate::negotiate::header;
use crate::request_info::RequestInfo;

/// Whose trace a request may continue. Others could make the server record what it is not meant to.
const TRUSTED: [&str; 2] = ["system:masters", "system:monitoring"];

/// The span of a request that is recorded.
pub fn begin(
    tracer: &std::sync::Arc<Tracer>,
    request: &Request<Incoming>,
    info: &RequestInfo,
    user: &User,
    received: Timestamp,
) -> Option<Span> {
    let parent = Context::parse(header(request.headers(), &TRACEPARENT));
    let trusted = user.groups.iter().any(|group| TRUSTED.contains(&group.as_str()));
    let name = || name(request.method(), info);
    let mut span = tracer.server(name, parent, trusted, received)?;
    span.text("http.method", request.method().as_str());
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    span.text("http.target", target);
    Some(span)
}

/// The method and the path's form: names are attributes, so that spans of a kind have one name.
fn name(method: &Method, info: &RequestInfo) -> String {
    let Some(resource) = &info.resource else { return method.to_string() };
    let mut name = format!("{method} /{}", resource.prefix);
    let mut add = |part: &str| {
        if !part.is_empty() {
            name.push('/');
            name.push_str(part);
        }
    };
    add(&resource.group);
    add(&resource.version);
    if !resource.namespace.is_empty() {
        add("namespaces/{:namespace}");
    }
    add(&resource.resource);
    if !resource.name.is_empty() {
        add("{:name}");
    }
    add(&resource.subresource);
    name
}

#[cfg(test)]
mod tests {
    use ironclad_api::params::Query;

    use super::*;

    #[test]
    fn spans_are_called_after_the_form_of_their_path() {
        let check = |path: &str, expected: &str| {
            let info = RequestInfo::new(&Method::GET, path, &Query::default()).expect("readable");
            assert_eq!(name(&Method::GET, &info), expected, "{path}");
        };
        check("/api/v1/nodes", "GET /api/v1/nodes");
        check("/api/v1/namespaces/a/pods/b/log", "GET /api/v1/namespaces/{:namespace}/pods/{:name}/log");
        check("/apis/apps/v1/deployments", "GET /apis/apps/v1/deployments");
        check("/version", "GET");
    }
}
