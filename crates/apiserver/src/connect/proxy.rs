//! `/proxy`: any request, to a node, pod or service. Links of HTML pages and of `Location` headers are made to lead
//! through the proxy again; everything else passes as it is.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, LOCATION};
use http::request::Parts;
use http::{Method, Response};
use hyper::body::Incoming;
use ironclad_api::status::Status;

use super::forward;
use super::html::body::{Filter, filtered};
use super::links::{Links, joined};
use super::location::Location;
use super::upgrade;
use crate::reply::{self, Reply};
use crate::resources::Asked;
use crate::server::Shared;

/// What browsers would take as this server's word.
const CORS: [HeaderName; 4] = [
    http::header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    http::header::ACCESS_CONTROL_ALLOW_HEADERS,
    http::header::ACCESS_CONTROL_ALLOW_METHODS,
    http::header::ACCESS_CONTROL_ALLOW_ORIGIN,
];

/// Where the proxied path begins, and what the client has to put before it.
struct Paths<'a> {
    prefix: &'a str,
    /// Empty, or from the slash on.
    rest: &'a str,
}

pub async fn serve(
    shared: &Shared,
    mut location: Location,
    asked: Asked<'_>,
    body: Incoming,
) -> Result<Reply, Status> {
    let uri = asked.parts.uri.clone();
    let paths = paths(uri.path(), asked.served.kind.is_namespaced());
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let reads = matches!(asked.parts.method, Method::GET | Method::HEAD);
    let path = joined("", paths.rest);
    location.path = format!("{path}{query}");
    let mut parts = asked.parts;
    if upgrade::is_upgrade(&parts.headers) {
        return forward::upgraded(shared, &location, parts).await;
    }
    // A page's relative links would lose the last part of the path.
    if paths.rest.is_empty() && reads {
        return Ok(redirect(&format!("{}/{query}", uri.path())));
    }
    if let Ok(value) = HeaderValue::from_str(&joined(paths.prefix, &path)) {
        parts.headers.insert(HeaderName::from_static("x-forwarded-uri"), value);
    }
    let links = links(paths.prefix, &location, &parts);
    let is_head = parts.method == Method::HEAD;
    let answer = forward::exchange(shared, &location, parts, body).await?;
    Ok(answer_of(answer, links, is_head))
}

/// What stands behind `proxy` in a URL's path: nothing, or from the slash on.
pub fn rest(path: &str, namespaced: bool) -> &str {
    paths(path, namespaced).rest
}

/// Splits a URL's path behind `proxy`.
fn paths(path: &str, namespaced: bool) -> Paths<'_> {
    // /api/v1/namespaces/NS/pods/NAME/proxy, or /api/v1/nodes/NAME/proxy
    let slashes = if namespaced { 7 } else { 5 };
    let end = path.match_indices('/').map(|(at, _)| at).nth(slashes).unwrap_or(path.len());
    let (prefix, rest) = path.split_at(end);
    Paths { prefix, rest }
}

fn redirect(to: &str) -> Reply {
    let mut reply = reply::with_body(301, "text/plain", reply::empty());
    reply.headers_mut().clear();
    reply::set(&mut reply, LOCATION, to);
    reply
}

fn links(prefix: &str, location: &Location, parts: &Parts) -> Links {
    let host = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    let host = host.or_else(|| Some(parts.headers.get(HOST)?.to_str().ok()?.to_owned()));
    let with_port = format!("{}:{}", location.host, location.port);
    Links {
        prefix: prefix.to_owned(),
        backend: vec![location.authority(), with_port],
        host: host.unwrap_or_default(),
    }
}

fn answer_of(answer: Response<Incoming>, links: Links, is_head: bool) -> Reply {
    let text = |name: &HeaderName| {
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (target, content_type, coding) = (text(&LOCATION), text(&CONTENT_TYPE), text(&CONTENT_ENCODING));
    let is_page = content_type.split(';').next().unwrap_or_default().trim() == "text/html";
    if !target.is_empty() {
        let mut reply = without_cors(forward::answer_of(answer));
        if let Some(target) = links.rewritten(&target) {
            reply::set(&mut reply, LOCATION, &target);
        }
        return reply;
    }
    match Filter::new(&coding, links).filter(|_| is_page && !is_head) {
        None => without_cors(forward::answer_of(answer)),
        Some(filter) => {
            let (mut parts, body) = answer.into_parts();
            parts.headers.remove(CONTENT_LENGTH);
            forward::strip(&mut parts.headers);
            without_cors(Response::from_parts(parts, filtered(body, filter)))
        }
    }
}

fn without_cors(mut reply: Reply) -> Reply {
    CORS.into_iter().for_each(|name| drop(reply.headers_mut().remove(name)));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_behind_the_proxy() {
        let check = |path: &str, namespaced: bool, prefix: &str, rest: &str| {
            let paths = paths(path, namespaced);
            assert_eq!((paths.prefix, paths.rest), (prefix, rest), "{path}");
        };
        let pod = "/api/v1/namespaces/x/pods/web:80/proxy";
        check(pod, true, pod, "");
        check(&format!("{pod}/"), true, pod, "/");
        check(&format!("{pod}/a%2Fb/c"), true, pod, "/a%2Fb/c");
        check("/api/v1/nodes/n/proxy/logs/", false, "/api/v1/nodes/n/proxy", "/logs/");
    }
}
