//! HTTP GET as probes and hooks do it: HTTP/1.1, no verification of certificates, redirects followed.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue, LOCATION};
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use ironclad_env::{Env, EnvironmentExt};
use ironclad_node_core::effect::{Answer, Failure, HttpGet};
use ironclad_pki::tls::{self, Trust};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::{MAX_OUTPUT, connect, timed_out};

/// As many as Go's client follows.
const MAX_REDIRECTS: usize = 10;
/// A hook without a limit of its own.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Carries the request out.
pub(crate) async fn http(env: &Env, get: &HttpGet) -> Result<Answer, Failure> {
    let limit = get.timeout.unwrap_or(PATIENCE);
    env.timeout(limit, follow(get)).await.unwrap_or_else(|| Err(timed_out()))
}

async fn follow(get: &HttpGet) -> Result<Answer, Failure> {
    let mut url = get.url();
    for _ in 0..=MAX_REDIRECTS {
        let uri: Uri = url.parse().map_err(|error| Failure::other(format!("parse \"{url}\": {error}")))?;
        let response = send(&uri, &get.headers).await.map_err(Failure::other)?;
        let status = response.status().as_u16();
        let location =
            response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let next = location.filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308));
        let Some(next) = next.and_then(|location| resolve(&uri, &location)) else {
            return answer(response, status, false).await;
        };
        if get.same_host_only && next.host() != uri.host() {
            return answer(response, status, true).await;
        }
        url = next.to_string();
    }
    Err(Failure::other(format!("stopped after {MAX_REDIRECTS} redirects")))
}

async fn answer(
    response: Response<Incoming>,
    status: u16,
    foreign_redirect: bool,
) -> Result<Answer, Failure> {
    let mut body = Vec::new();
    let mut incoming = response.into_body();
    while body.len() < MAX_OUTPUT {
        match incoming.frame().await {
            Some(Ok(frame)) => body.extend(frame.into_data().unwrap_or_default()),
            Some(Err(error)) => return Err(Failure::other(error.to_string())),
            None => break,
        }
    }
    body.truncate(MAX_OUTPUT);
    Ok(Answer::Http { status, body, foreign_redirect })
}

/// Where a redirect leads, which may be written relative to where it came from.
fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    if let Ok(uri) = location.parse::<Uri>()
        && uri.scheme().is_some()
    {
        return Some(uri);
    }
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    if let Some(rest) = location.strip_prefix("//") {
        return format!("{scheme}://{rest}").parse().ok();
    }
    let path = match location.starts_with('/') {
        true => location.to_owned(),
        false => {
            let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{location}")
        }
    };
    format!("{scheme}://{authority}{path}").parse().ok()
}

async fn send(uri: &Uri, headers: &[(String, String)]) -> Result<Response<Incoming>, String> {
    let https = uri.scheme_str() == Some("https");
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
    let stream = connect::dial(&host, port).await?;
    if !https {
        return exchange(stream, uri, headers).await;
    }
    let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
    let stream = connector()?.connect(name, stream).await.map_err(|error| error.to_string())?;
    exchange(stream, uri, headers).await
}

/// Probes ask whether somebody answers, not who.
fn connector() -> Result<TlsConnector, String> {
    static CONFIG: LazyLock<Result<Arc<rustls::ClientConfig>, String>> = LazyLock::new(|| {
        tls::client_config(&Trust::Insecure, None, tls::HTTP1)
            .map(Arc::new)
            .map_err(|error| error.to_string())
    });
    CONFIG.clone().map(TlsConnector::from)
}

async fn exchange<S>(stream: S, uri: &Uri, headers: &[(String, String)]) -> Result<Response<Incoming>, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    // Ends with the sender and the body, both of which the caller holds.
    tokio::spawn(connection);
    let request = request(uri, headers)?;
    sender.send_request(request).await.map_err(|error| worded(&error))
}

fn request(uri: &Uri, headers: &[(String, String)]) -> Result<Request<Empty<Bytes>>, String> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut builder = Request::builder().method(Method::GET).uri(path);
    let own_host = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
    if let Some(authority) = uri.authority().filter(|_| !own_host) {
        builder = builder.header(HOST, authority.as_str());
    }
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
        builder = builder.header(name, value);
    }
    builder.header("Connection", "close").body(Empty::new()).map_err(|error| error.to_string())
}

/// A connection that closes without an answer is Go's `EOF`.
fn worded(error: &hyper::Error) -> String {
    if error.is_incomplete_message() { "EOF".to_owned() } else { error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironclad_env::RealEnv;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn redirects_may_be_relative() {
        let base: Uri = "http://10.0.0.1:8080/a/b?x=1".parse().expect("a URL");
        let check = |location: &str, expected: &str| {
            assert_eq!(resolve(&base, location).map(|uri| uri.to_string()).as_deref(), Some(expected));
        };
        check("/c", "http://10.0.0.1:8080/c");
        check("c", "http://10.0.0.1:8080/a/c");
        check("//h/c", "http://h/c");
        check("https://h:1/c?y", "https://h:1/c?y");
    }

    async fn served(answers: &'static [&'static str]) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("accepted");
                let mut buffer = [0; 1024];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    async fn check(answers: &'static [&'static str], expected: Result<(u16, &str, bool), &str>) {
        let port = served(answers).await;
        let get = HttpGet {
            scheme: "http".into(),
            host: "127.0.0.1".into(),
            port,
            path: "/x".into(),
            headers: vec![("User-Agent".into(), "kube-probe/1.36".into())],
            timeout: Some(Duration::from_secs(5)),
            same_host_only: true,
        };
        let found = match http(&RealEnv::shared(), &get).await {
            Ok(Answer::Http { status, body, foreign_redirect }) => {
                Ok((status, String::from_utf8(body).expect("text"), foreign_redirect))
            }
            Ok(_) => panic!("another answer"),
            Err(failure) => Err(failure.message),
        };
        let found = found.as_ref().map(|(s, b, f)| (*s, b.as_str(), *f)).map_err(String::as_str);
        assert_eq!(found, expected, "{answers:?}");
    }

    #[tokio::test]
    async fn answers_are_told_as_they_came() {
        check(&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"], Ok((200, "hi", false))).await;
        check(&["HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"], Ok((500, "", false))).await;
        let redirected = [
            "HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny",
        ];
        check(Box::leak(Box::new(redirected)), Ok((200, "y", false))).await;
        check(
            &["HTTP/1.1 302 Found\r\nLocation: http://example.com/\r\nContent-Length: 0\r\n\r\n"],
            Ok((302, "", true)),
        )
        .await;
        check(&[""], Err("EOF")).await;
    }
}
