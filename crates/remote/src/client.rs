//! Calls of the API over HTTPS.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Method, Request as HttpRequest, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ironclad_api::status::{Response as Unreadable, Status};
use ironclad_api::{GroupResource, Object};
use ironclad_client::{Body, Client, Operation, Request};
use ironclad_env::BoxFuture;

use crate::{metrics, path};

/// The largest answer that a call reads: a list of everything is paged, so this is generous.
const MAX_ANSWER: usize = 256 * 1024 * 1024;
/// How much of an unreadable answer goes into the error.
const MAX_QUOTED: usize = 2048;
const CALL_LIMIT: Duration = Duration::from_secs(60);
const IDLE_LIMIT: Duration = Duration::from_secs(90);
const PING: Duration = Duration::from_secs(30);
const JSON: &str = "application/json";

#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("{url} is not a server's URL: {reason}")]
    Url { url: String, reason: String },
    #[error("the token cannot stand in a header")]
    Token,
}

/// One identity at one API server. Cheap to share; connections are pooled.
pub struct RemoteClient {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Scheme and authority, and the path prefix without its final slash.
    base: String,
    /// Host and port.
    host: String,
    authorization: Option<HeaderValue>,
    user_agent: HeaderValue,
}

impl RemoteClient {
    /// `tls` is from `ironclad_pki::tls::client_config` with ALPN left `UNSET`; it carries the
    /// client certificate, if there is one. `user_agent` names the field manager too.
    pub fn new(
        url: &str,
        tls: rustls::ClientConfig,
        token: Option<&str>,
        user_agent: &'static str,
    ) -> Result<Arc<Self>, RemoteError> {
        let bad = |reason: String| RemoteError::Url { url: url.to_owned(), reason };
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| bad(error.to_string()))?;
        let (Some(_), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(bad("it needs a scheme and a host".into()));
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // A body follows its headers in a packet of its own, which must not wait for a delayed acknowledgement.
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let http = HttpClient::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_LIMIT)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_while_idle(true)
            .build(connector);
        let authorization = match token {
            Some(token) => {
                let mut value =
                    HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| RemoteError::Token)?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let (base, host) = (url.trim_end_matches('/').to_owned(), authority.as_str().to_owned());
        let user_agent = HeaderValue::from_static(user_agent);
        Ok(Arc::new(Self { http, base, host, authorization, user_agent }))
    }

    /// Sends a request and answers with its response, whatever its code. `path` starts with a
    /// slash and may carry a query. `Err` only if the server could not be talked to.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content: Option<(&'static str, Bytes)>,
    ) -> Result<Response<Incoming>, Status> {
        let mut request = HttpRequest::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.base))
            .header(ACCEPT, JSON)
            .header(USER_AGENT, self.user_agent.clone());
        if let Some(value) = &self.authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        let body = match content {
            Some((content_type, bytes)) => {
                request = request.header(CONTENT_TYPE, content_type);
                bytes
            }
            None => Bytes::new(),
        };
        let request =
            request.body(Full::new(body)).map_err(|error| Status::bad_request(error.to_string()))?;
        let answer = self.http.request(request).await;
        metrics::requested(&method, &self.host, answer.as_ref().ok().map(Response::status));
        answer.map_err(|error| unreachable(&self.base, &error))
    }

    async fn carry_out(&self, request: Request) -> Result<Object, Status> {
        let Request { target, operation } = request;
        let method = path::method(&operation);
        let url = url(&path::path(&target), &path::query(&operation).to_string());
        let content = content(operation);
        let asked =
            Asked { method: method.clone(), resource: target.resource.group_resource(), name: target.name };
        let call = async {
            let response = self.send(method, &url, content).await?;
            asked.read(response).await
        };
        match tokio::time::timeout(CALL_LIMIT, call).await {
            Ok(result) => result,
            Err(_) => Err(Status::timeout(format!("{} did not answer within {CALL_LIMIT:?}", self.base), 0)),
        }
    }
}

impl Client for RemoteClient {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Object, Status>> {
        Box::pin(self.carry_out(request))
    }
}

pub(crate) fn url(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

fn content(operation: Operation) -> Option<(&'static str, Bytes)> {
    match operation {
        Operation::Create(body, _) | Operation::Update(body, _) => Some(match body {
            Body::Json(bytes) => (JSON, bytes),
            Body::Yaml(bytes) => ("application/yaml", bytes),
            Body::Tree(object) => (JSON, ironclad_api::json::encode(&object.into_value()).into()),
        }),
        Operation::Patch(patch, _) => Some((path::patch_type(patch.kind), patch.body)),
        Operation::Delete(options) | Operation::DeleteCollection(_, options) => {
            Some((JSON, ironclad_api::json::encode(&options.to_body()).into()))
        }
        Operation::Get(_) | Operation::List(_) | Operation::Watch(_) => None,
    }
}

/// The whole chain of causes: hyper's outermost error says only "client error (Connect)".
fn unreachable(base: &str, error: &dyn std::error::Error) -> Status {
    let mut text = format!("cannot reach {base}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    Status::service_unavailable(text)
}

/// What was asked, for the error when the answer is not one of an API server.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) resource: GroupResource,
    pub(crate) name: String,
}

impl Asked {
    pub(crate) async fn read(&self, response: Response<Incoming>) -> Result<Object, Status> {
        let code = response.status();
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body =
            body.map_err(|error| Status::service_unavailable(format!("the answer broke off: {error}")))?;
        let bytes = body.to_bytes();
        if !code.is_success() {
            return Err(self.refusal(code.as_u16(), retry_after.unwrap_or(0), &bytes));
        }
        let object = serde_json::from_slice(&bytes).ok().and_then(Object::from_value);
        object.ok_or_else(|| self.unreadable(code.as_u16(), 0, &bytes))
    }

    fn refusal(&self, code: u16, retry_after: u32, bytes: &[u8]) -> Status {
        match serde_json::from_slice::<Status>(bytes) {
            Ok(status) if status.code != 0 => status,
            _ => self.unreadable(code, retry_after, bytes),
        }
    }

    fn unreadable(&self, code: u16, retry_after_seconds: u32, bytes: &[u8]) -> Status {
        let quoted = bytes.get(..MAX_QUOTED).unwrap_or(bytes);
        let response = Unreadable {
            code,
            method: self.method.as_str(),
            resource: &self.resource,
            name: &self.name,
            body: &String::from_utf8_lossy(quoted),
            retry_after_seconds,
        };
        Status::from_response(&response, true)
    }
}
