//! A request on its way to the server that serves its group. That server believes this one's client certificate, and
//! takes the user from the headers.
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/#kubernetes-apiserver-request-proxying>

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request};
use hyper::body::Incoming;
use ironclad_api::goprint::quote;
use ironclad_api::status::Status;
use ironclad_engine::User;
use ironclad_env::EnvironmentExt;

use super::remote::Remote;
use crate::connect::forward;
use crate::connect::location::{Extension, Location, Peer};
use crate::connect::upgrade;
use crate::reply::{self, Reply};
use crate::request_info::RequestInfo;
use crate::server::Shared;

/// A list of resources is cheap to make, and many clients wait for all of them.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Passes on a request that has been authorized. Errors are plain text, as upstream's.
pub async fn pass(
    shared: &Shared,
    remote: &Remote,
    info: &RequestInfo,
    user: &User,
    request: Request<Incoming>,
) -> Result<Reply, Status> {
    let unavailable = || Ok(reply::text(503, "service unavailable\n"));
    if !remote.available {
        return unavailable();
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or(parts.uri.path(), |path| path.as_str()).to_owned();
    let location = match shared.aggregation.as_ref().map(|aggregation| aggregation.locate(remote, user, path))
    {
        Some(Ok(location)) => location,
        Some(Err(Unreachable::Trust(why))) => return Ok(reply::text(500, why + "\n")),
        Some(Err(Unreachable::User(why))) => {
            return Ok(reply::text(503, format!("error trying to reach service: {why}\n")));
        }
        Some(Err(Unreachable::Service(why))) => {
            tracing::debug!(api_service = remote.name, why, "an extension server cannot be found");
            return unavailable();
        }
        None => return unavailable(),
    };
    let answered = exchange(shared, &location, parts, body);
    let answer = match info.resource {
        Some(_) => Some(answered.await),
        None => shared.env.timeout(DISCOVERY_TIMEOUT, answered).await,
    };
    let late =
        || Err(Status::service_unavailable("error trying to reach service: context deadline exceeded"));
    Ok(answer.unwrap_or_else(late).unwrap_or_else(|status| reply::text(503, status.message + "\n")))
}

async fn exchange(
    shared: &Shared,
    location: &Location,
    parts: Parts,
    body: Incoming,
) -> Result<Reply, Status> {
    match upgrade::is_upgrade(&parts.headers) {
        true => forward::upgraded(shared, location, parts).await,
        false => Ok(forward::answer_of(forward::exchange(shared, location, parts, body).await?)),
    }
}

/// Why there is no way to a server.
pub enum Unreachable {
    /// What it would have to show cannot be told.
    Trust(String),
    Service(String),
    /// Who asks cannot be told there.
    User(String),
}

impl super::Aggregation {
    /// Where a server is now, for a request of this user.
    pub fn locate(&self, remote: &Remote, user: &User, path: String) -> Result<Location, Unreachable> {
        let config = remote.tls.clone().map_err(Unreachable::Trust)?;
        let service = &remote.service;
        let address = self.settings.resolver.resolve(&service.namespace, &service.name, service.port);
        let address = address.map_err(Unreachable::Service)?;
        let no_port = || Unreachable::Service(format!("address {address}: missing port in address"));
        let (host, port) = address.rsplit_once(':').ok_or_else(no_port)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = port.parse().map_err(|_| no_port())?;
        let user = user_headers(user).map_err(Unreachable::User)?;
        let extension = Extension { config, server_name: remote.server_name(), user };
        Ok(Location { peer: Peer::Extension(Arc::new(extension)), tls: true, host, port, path })
    }
}

/// The user, in the headers of the ConfigMap `extension-apiserver-authentication`. The error is Go's: somebody whose
/// name cannot stand in a header must not pass as somebody with less of a name.
fn user_headers(user: &User) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &str| {
        // Whoever receives it would take outer spaces off, and see another name.
        let whole = Some(value).filter(|value| value.trim_matches([' ', '\t']) == *value);
        let value = whole.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        let value =
            value.ok_or_else(|| format!("net/http: invalid header field value for {}", quote(name)))?;
        let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
        headers.append(name, value);
        Ok::<(), String>(())
    };
    add("x-remote-user", &user.name)?;
    if !user.uid.is_empty() {
        add("x-remote-uid", &user.uid)?;
    }
    for group in &user.groups {
        add("x-remote-group", group)?;
    }
    for (key, values) in &user.extra {
        let name = format!("x-remote-extra-{}", escaped(key));
        for value in values {
            add(&name, value)?;
        }
    }
    Ok(headers)
}

/// A key as the end of a header's name: what cannot stand there is percent-encoded.
fn escaped(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte);
    key.bytes().fold(String::new(), |mut out, byte| {
        match plain(byte) {
            true => out.push(char::from(byte)),
            // Writing to a String cannot fail.
            false => drop(write!(out, "%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn who_cannot_be_told_is_nobody_else() {
        let check = |name: &str, group: &str, want: Result<usize, &str>| {
            let user = User { name: name.into(), groups: vec![group.into()], ..User::default() };
            let got = user_headers(&user).map(|headers| headers.len());
            assert_eq!(got, want.map_err(str::to_owned), "{name:?} {group:?}");
        };
        check("josé", "größe", Ok(2));
        check("a\nb", "dev", Err("net/http: invalid header field value for \"x-remote-user\""));
        check("jane", " system:masters", Err("net/http: invalid header field value for \"x-remote-group\""));
        check("jane", "a\0b", Err("net/http: invalid header field value for \"x-remote-group\""));
    }

    #[test]
    fn users_are_told_in_headers() {
        let user = User {
            name: "jane".into(),
            uid: "u-1".into(),
            groups: vec!["dev".into(), "system:authenticated".into()],
            extra: BTreeMap::from([("acme.com/scope".into(), vec!["a".into(), "b".into()])]),
        };
        let headers = user_headers(&user).expect("headers");
        let got: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
        let want = [
            ("x-remote-user", "jane"),
            ("x-remote-uid", "u-1"),
            ("x-remote-group", "dev"),
            ("x-remote-group", "system:authenticated"),
            ("x-remote-extra-acme.com%2fscope", "a"),
            ("x-remote-extra-acme.com%2fscope", "b"),
        ];
        assert_eq!(got, want);
    }
}
