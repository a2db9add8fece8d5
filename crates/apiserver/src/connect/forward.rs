//! Passing a request on and its answer back.

use std::net::SocketAddr;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use ironclad_api::goprint::quote;
use ironclad_api::status::Status;

use super::backend;
use super::location::{Location, Peer};
use super::upgrade;
use crate::reply::{self, Body, Reply};
use crate::resources::Asked;
use crate::server::Shared;

/// Headers that are about one connection and not about the request.
const HOP_BY_HOP: [HeaderName; 7] = [
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Upgraded connections that are open at a time. More are refused: each costs two sockets and two buffers.
const MOST_TUNNELS: i64 = 8192;

/// A stream in both directions; nothing else makes sense there.
pub async fn upgrade_required(
    shared: &Shared,
    location: Location,
    asked: Asked<'_>,
    body: Incoming,
) -> Result<Reply, Status> {
    drop(body);
    match upgrade::is_upgrade(&asked.parts.headers) {
        true => upgraded(shared, &location, asked.parts).await,
        false => Err(Status::bad_request("Upgrade request required")),
    }
}

/// Joins the client's connection with the backend's, once that has agreed to the upgrade.
pub async fn upgraded(shared: &Shared, location: &Location, mut parts: Parts) -> Result<Reply, Status> {
    let client = parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
    let client = client.ok_or_else(|| Status::bad_request("Upgrade request required"))?;
    if shared.metrics.tunnels.get() >= MOST_TUNNELS {
        return Err(Status::too_many_requests("too many open streams, please try again later", 1));
    }
    let session = parts.extensions.remove();
    let protocol = parts.headers.get(UPGRADE).cloned();
    // What comes after the head is for the protocol that is asked for.
    parts.headers.remove(CONTENT_LENGTH);
    let mut request = request_to(location, parts, reply::empty())?;
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    request.headers_mut().extend(protocol.map(|protocol| (UPGRADE, protocol)));
    let answer = backend::send(shared, location, request)
        .await
        .map_err(|error| Status::unclassified(format!("error dialing backend: {error}")))?;
    match answer.status() {
        StatusCode::SWITCHING_PROTOCOLS => Ok(upgrade::join(shared, client, answer, session)),
        code if code.as_u16() >= 400 => Ok(answer_of(answer)),
        code => Err(Status::unclassified(format!("invalid upgrade response: status code {}", code.as_u16()))),
    }
}

/// Passes a whole request on.
pub async fn exchange(
    shared: &Shared,
    location: &Location,
    parts: Parts,
    body: Incoming,
) -> Result<Response<Incoming>, Status> {
    let request = request_to(location, parts, streamed(body))?;
    let answer = backend::send(shared, location, request).await;
    let answer = answer
        .map_err(|error| Status::service_unavailable(format!("error trying to reach service: {error}")))?;
    // Nobody asked it to.
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let protocol = answer.headers().get(UPGRADE).and_then(|value| value.to_str().ok());
        let protocol = quote(protocol.unwrap_or_default());
        let message = format!("backend tried to switch protocol {protocol} when \"\" was requested");
        return Err(Status::unclassified(message));
    }
    Ok(answer)
}

/// The client's request as it goes on: without what proved who the client is.
pub fn request_to(location: &Location, parts: Parts, body: Body) -> Result<Request<Body>, Status> {
    let extension = match &location.peer {
        Peer::Extension(extension) => Some(extension),
        Peer::Agent | Peer::UnverifiedAgent | Peer::Foreign => None,
    };
    let asked = parts.headers.get(HOST).cloned();
    let asked = asked.or_else(|| HeaderValue::from_str(parts.uri.authority()?.as_str()).ok());
    let host = asked.filter(|_| extension.is_none());
    let client = parts.extensions.get::<SocketAddr>().map(|address| address.ip().to_canonical());
    let mut headers = parts.headers;
    let takes_trailers = mentions(&headers, &TE, "trailers");
    strip(&mut headers);
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    // HTTP/2 cuts it in pieces, which HTTP/1.1 does not know.
    fold(&mut headers, COOKIE, "; ", None);
    fold(&mut headers, FORWARDED_FOR, ", ", client.map(|ip| ip.to_string()));
    headers.remove(AUTHORIZATION);
    let secret = |name: &HeaderName| {
        let name = name.as_str();
        name.starts_with("impersonate-") || name.starts_with("x-remote-")
    };
    let secrets: Vec<HeaderName> = headers.keys().filter(|name| secret(name)).cloned().collect();
    secrets.into_iter().for_each(|name| drop(headers.remove(name)));
    headers.insert(
        HOST,
        host.map_or_else(|| HeaderValue::from_str(&location.authority()), Ok)
            .map_err(Status::internal_error)?,
    );
    headers.extend(extension.map(|extension| extension.user.clone()).unwrap_or_default());
    let mut request = Request::new(body);
    *request.method_mut() = parts.method;
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = location.path.parse().map_err(|error| Status::bad_request(format!("{error}")))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Makes one header of all that have a name, with `last` at its end.
fn fold(headers: &mut HeaderMap, name: HeaderName, between: &str, last: Option<String>) {
    let values: Vec<&[u8]> = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
    if values.len() < 2 && last.is_none() {
        return;
    }
    let all: Vec<&[u8]> = values.into_iter().chain(last.as_deref().map(str::as_bytes)).collect();
    if let Ok(value) = HeaderValue::from_bytes(&all.join(between.as_bytes())) {
        headers.insert(name, value);
    }
}

/// Whether a header that is a list has such an item.
fn mentions(headers: &HeaderMap, name: &HeaderName, item: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(item))
}

/// Takes out what is about one connection only.
pub fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    named
        .into_iter()
        .chain(HOP_BY_HOP)
        .chain([CONNECTION, UPGRADE])
        .for_each(|name| drop(headers.remove(name)));
}

/// The backend's answer as it goes back.
pub fn answer_of(answer: Response<Incoming>) -> Reply {
    let (mut parts, body) = answer.into_parts();
    let trailers = parts.headers.get(TRAILER).cloned();
    strip(&mut parts.headers);
    // What is announced comes behind the body, on whichever connection.
    parts.headers.extend(trailers.map(|trailers| (TRAILER, trailers)));
    let mut reply = Response::new(streamed(body));
    *reply.status_mut() = parts.status;
    *reply.headers_mut() = parts.headers;
    reply
}

pub fn streamed(body: Incoming) -> Body {
    body.map_err(Into::into).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_proves_who_the_client_is_goes_on() {
        let parts = Request::builder()
            .uri("https://api.example:6443/x")
            .header("Authorization", "Bearer secret")
            .header("Impersonate-User", "jane")
            .header("X-Remote-User", "root")
            .header("Connection", "keep-alive, X-Hop")
            .header("X-Hop", "1")
            .header("TE", "gzip, Trailers")
            .header("Cookie", "a=1")
            .header("Cookie", "b=2")
            .header("X-Forwarded-For", "192.0.2.7")
            .header("Accept", "text/html");
        let (mut parts, ()) = parts.body(()).expect("a request").into_parts();
        parts.extensions.insert(SocketAddr::from(([192, 0, 2, 8], 9)));
        let location = Location {
            peer: Peer::Foreign,
            tls: false,
            host: "10.0.0.1".into(),
            port: 80,
            path: "/y?z=1".into(),
        };
        let request = request_to(&location, parts, reply::empty()).expect("a request");
        assert_eq!(request.uri(), "/y?z=1");
        let headers: Vec<(&str, &str)> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
            .collect();
        let mut headers = headers;
        headers.sort_unstable();
        let want = [
            ("accept", "text/html"),
            ("cookie", "a=1; b=2"),
            ("host", "api.example:6443"),
            ("te", "trailers"),
            ("x-forwarded-for", "192.0.2.7, 192.0.2.8"),
        ];
        assert_eq!(headers, want);
    }
}
