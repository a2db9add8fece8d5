//! The call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use ironclad_api::status::Response as Unreadable;
use ironclad_api::{GroupResource, Status};
use ironclad_env::{Env, EnvironmentExt};
use ironclad_pki::tls::CertificateSlot;
use ironclad_traces::TRACEPARENT;
use parking_lot::Mutex;

use crate::connection::Connections;
use crate::endpoint::Endpoint;
use crate::error::{CallError, DEADLINE};
use crate::resolver::Resolver;

/// The largest answer that is read: a conversion of a page of large objects.
const MAX_ANSWER: usize = 64 * 1024 * 1024;
/// How much of an unreadable answer goes into the error.
const MAX_QUOTED: usize = 2048;
/// Endpoints whose connections are kept; the one that was called longest ago goes first.
const MAX_ENDPOINTS: usize = 64;
const JSON: &str = "application/json";
const AGENT: &str = "kube-apiserver-admission";

/// How long a call may take, resolving, connecting and reading the answer included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// In whole seconds; the server is told by a `timeout` parameter.
    Told {
        seconds: u32,
    },
    Silent(Duration),
}

impl Deadline {
    fn duration(self) -> Duration {
        match self {
            Self::Told { seconds } => Duration::from_secs(seconds.into()),
            Self::Silent(duration) => duration,
        }
    }

    /// The query, as Go prints durations.
    fn query(self) -> String {
        match self {
            Self::Told { seconds: seconds @ ..60 } => format!("?timeout={seconds}s"),
            Self::Told { seconds } => format!("?timeout={}m{}s", seconds / 60, seconds % 60),
            Self::Silent(_) => String::new(),
        }
    }
}

/// Posts JSON to endpoints. One for the whole process, and one for each identity that calls as somebody.
pub struct Caller {
    env: Env,
    resolver: Arc<dyn Resolver>,
    identity: Identity,
    /// The one called last stands last.
    endpoints: Mutex<Vec<(Endpoint, Arc<Connections>)>>,
}

/// Who calls. The default is nobody.
#[derive(Clone, Default)]
pub struct Identity {
    pub certificate: Option<Arc<CertificateSlot>>,
    pub bearer_token: Option<String>,
}

impl Caller {
    pub fn new(env: Env, resolver: Arc<dyn Resolver>) -> Arc<Self> {
        Self::identified(env, resolver, Identity::default())
    }

    /// Shows the identity to every endpoint.
    pub fn identified(env: Env, resolver: Arc<dyn Resolver>, identity: Identity) -> Arc<Self> {
        Arc::new(Self { env, resolver, identity, endpoints: Mutex::default() })
    }

    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The body of the server's answer, which had a code of success.
    pub async fn post(
        &self,
        endpoint: &Endpoint,
        body: Bytes,
        deadline: Deadline,
    ) -> Result<Bytes, CallError> {
        self.call(endpoint, Some(body), deadline).await
    }

    /// The document at an endpoint.
    pub async fn get(&self, endpoint: &Endpoint, deadline: Deadline) -> Result<Bytes, CallError> {
        self.call(endpoint, None, deadline).await
    }

    async fn call(
        &self,
        endpoint: &Endpoint,
        body: Option<Bytes>,
        deadline: Deadline,
    ) -> Result<Bytes, CallError> {
        let connections = self.connections(endpoint)?;
        let parts = &connections.parts;
        let target = match (parts.path.as_str(), deadline.query()) {
            ("", query) => format!("/{query}"),
            (path, query) => format!("{path}{query}"),
        };
        let url = format!("https://{}{target}", parts.authority);
        let mut span = ironclad_traces::calling(if body.is_some() { "HTTP POST" } else { "HTTP GET" });
        let trace = span.as_ref().map(|span| span.context().header());
        let request = || self.request(&parts.authority, &target, body.clone(), trace.as_deref());
        // The URL must make a request before one is sent.
        request().map_err(|error| CallError::Unusable(format!("Unparsable URL: \"{url}\": {error}")))?;
        let call = self.exchange(&connections, || request().unwrap_or_default());
        let answer = self.env.timeout(deadline.duration(), call).await;
        if let Some(span) = &mut span {
            span.text("http.url", url.as_str());
            match &answer {
                Some(Ok(answer)) => span.number("http.status_code", answer.code.into()),
                _ => span.failed(),
            }
        }
        match answer {
            Some(Ok(answer)) => answer.read(),
            Some(Err(why)) => Err(CallError::Transport { url, why }),
            None => Err(CallError::Transport { url, why: DEADLINE.to_owned() }),
        }
    }

    async fn exchange(
        &self,
        connections: &Connections,
        request: impl Fn() -> Request<Full<Bytes>>,
    ) -> Result<Answer, String> {
        let (response, sender) = connections.send(&self.env, &*self.resolver, request).await?;
        let answer = Answer::receive(response).await?;
        connections.keep(&self.env, sender);
        Ok(answer)
    }

    fn connections(&self, endpoint: &Endpoint) -> Result<Arc<Connections>, CallError> {
        let mut endpoints = self.endpoints.lock();
        if let Some(at) = endpoints.iter().position(|(known, _)| known == endpoint) {
            let found = endpoints.remove(at);
            let connections = found.1.clone();
            endpoints.push(found);
            return Ok(connections);
        }
        let made = Arc::new(Connections::new(endpoint, self.identity.certificate.clone())?);
        if endpoints.len() >= MAX_ENDPOINTS {
            endpoints.remove(0);
        }
        endpoints.push((endpoint.clone(), made.clone()));
        Ok(made)
    }

    fn request(
        &self,
        authority: &str,
        target: &str,
        body: Option<Bytes>,
        trace: Option<&str>,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, authority)
            .header(ACCEPT, "application/json, */*")
            .header(USER_AGENT, AGENT);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, JSON);
        }
        if let Some(trace) = trace {
            request = request.header(TRACEPARENT, trace);
        }
        if let Some(token) = &self.identity.bearer_token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request.body(Full::new(body.unwrap_or_default()))
    }
}

/// What came back.
struct Answer {
    code: u16,
    content_type: Option<String>,
    retry_after_seconds: u32,
    body: Bytes,
}

impl Answer {
    async fn receive(response: Response<Incoming>) -> Result<Self, String> {
        let (head, body) = response.into_parts();
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| match error
            .downcast_ref::<LengthLimitError>()
        {
            Some(_) => format!("the answer is larger than {MAX_ANSWER} bytes"),
            None => format!("unexpected error when reading response body. Original error: {error}"),
        })?;
        Ok(Self {
            code: head.status.as_u16(),
            content_type: text(CONTENT_TYPE).map(str::to_owned),
            retry_after_seconds: text(RETRY_AFTER).and_then(|text| text.parse().ok()).unwrap_or(0),
            body: body.to_bytes(),
        })
    }

    fn read(self) -> Result<Bytes, CallError> {
        match self.code {
            200..=206 if self.body.is_empty() => Err(CallError::Empty(format!(
                "0-length response with status code: {} and content type: {}",
                self.code,
                self.content_type.unwrap_or_default()
            ))),
            200..=206 => Ok(self.body),
            _ => Err(CallError::Refused(self.refusal())),
        }
    }

    /// The server's own Status if it wrote one, as client-go.
    fn refusal(&self) -> Status {
        let own = serde_json::from_slice::<serde_json::Value>(&self.body).ok();
        let own = own.filter(|body| body["kind"] == "Status" && body["apiVersion"] == "v1");
        let own = own.and_then(|body| serde_json::from_value::<Status>(body).ok());
        if let Some(status) = own {
            return status;
        }
        let is_text = self.content_type.as_deref().is_none_or(|media| media.starts_with("text/"));
        let quoted = self.body.get(..MAX_QUOTED).unwrap_or(&self.body);
        let text = String::from_utf8_lossy(quoted);
        let response = Unreadable {
            code: self.code,
            method: "POST",
            resource: &GroupResource::new("", ""),
            name: "",
            body: if is_text { text.trim() } else { "unknown" },
            retry_after_seconds: self.retry_after_seconds,
        };
        Status::from_response(&response, true)
    }
}
