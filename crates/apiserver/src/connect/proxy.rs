//! `/proxy`: any request, to a node, pod or service. Bodies pass as they are; links in
//! HTML are not rewritten.

use http::header::{HeaderName, HeaderValue, LOCATION};
use http::{Method, StatusCode, Uri};
use hyper::body::Incoming;
use ironclad_api::status::Status;

use super::forward;
use super::location::Location;
use super::upgrade;
use crate::reply::{self, Reply};
use crate::resources::Asked;
use crate::server::Shared;

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
    let upgrades = upgrade::is_upgrade(&asked.parts.headers);
    let reads = matches!(asked.parts.method, Method::GET | Method::HEAD);
    if paths.rest.is_empty() && reads && !upgrades {
        return Ok(redirect(&format!("{}/{query}", uri.path())));
    }
    let path = if paths.rest.is_empty() { "/" } else { paths.rest };
    location.path = format!("{path}{query}");
    let mut parts = asked.parts;
    let forwarded = format!("{}{path}", paths.prefix);
    let host = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    let host = host.or_else(|| Some(parts.headers.get(http::header::HOST)?.to_str().ok()?.to_owned()));
    for (name, value) in
        [("uri", forwarded.as_str()), ("host", host.as_deref().unwrap_or_default()), ("proto", "https")]
    {
        let name = HeaderName::try_from(format!("x-forwarded-{name}"));
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            parts.headers.insert(name, value);
        }
    }
    if upgrades {
        return forward::upgraded(shared, &location, parts).await;
    }
    let answer = forward::exchange(shared, &location, parts, body).await?;
    let mut reply = forward::answer_of(answer);
    rewrite_location(&mut reply, paths.prefix, &location);
    Ok(reply)
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

/// A redirect within the backend must stay behind the proxy.
fn rewrite_location(reply: &mut Reply, prefix: &str, location: &Location) {
    let wants = |status: StatusCode| status.is_redirection() || status == StatusCode::CREATED;
    if !wants(reply.status()) {
        return;
    }
    let Some(target) = reply.headers().get(LOCATION).and_then(|value| value.to_str().ok()) else { return };
    let Ok(uri) = target.parse::<Uri>() else { return };
    let own = uri.authority().is_none_or(|authority| authority.as_str() == location.authority());
    if own && let Some(path) = uri.path_and_query().filter(|path| path.as_str().starts_with('/')) {
        let rewritten = format!("{prefix}{path}");
        reply::set(reply, LOCATION, &rewritten);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::location::Peer;

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

    #[test]
    fn redirects_stay_behind_the_proxy() {
        let check = |to: &str, want: &str| {
            let mut reply = redirect(to);
            let location = Location {
                peer: Peer::Foreign,
                tls: false,
                host: "10.0.0.1".into(),
                port: 80,
                path: String::new(),
            };
            rewrite_location(&mut reply, "/api/v1/x/proxy", &location);
            assert_eq!(reply.headers()[LOCATION], want, "{to}");
        };
        check("/login?a=1", "/api/v1/x/proxy/login?a=1");
        check("http://10.0.0.1/login", "/api/v1/x/proxy/login");
        check("http://elsewhere/login", "http://elsewhere/login");
    }
}
