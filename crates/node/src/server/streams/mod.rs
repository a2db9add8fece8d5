//! exec, attach and port-forward.
//!
//! The runtime's streaming server speaks SPDY/3.1 on the loopback interface. A client that speaks SPDY itself is joined
//! with it byte by byte, in whatever version of the protocol those two agree on. A WebSocket client's channels (`v5.channel.k8s.io` and older) become SPDY streams, as upstream's API
//! server does it, because only those can say that standard input has ended; and a port-forward that is tunnelled
//! through a WebSocket is SPDY already, in messages.

mod channels;
mod ports;
mod protocol;
mod runtime;
mod spdy;
mod tunnel;
mod websocket;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use ironclad_api::params::{Query, StreamOptions};
use ironclad_cri::v1::{AttachRequest, ExecRequest};
use ironclad_cri::{Code, CriError};
use ironclad_node_core::spec;

use super::Shared;
use super::reply::{self, Reply};
use crate::pods::Page;

/// The SPDY protocols that are asked of the runtime.
const REMOTE_COMMAND: &str = "v4.channel.k8s.io";
const PORT_FORWARD: &str = "portforward.k8s.io";
/// A port-forward in SPDY in a WebSocket.
const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";

/// How long the runtime remembers what it was asked, and with that how long it may be at its limit.
const RETRY_AFTER_S: &str = "60";

/// Why a stream is not opened.
struct Refusal(StatusCode, String);

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let mut reply = reply::text(refusal.0, refusal.1);
        if refusal.0 == StatusCode::TOO_MANY_REQUESTS {
            reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        reply
    }
}

pub(super) async fn exec(
    shared: Arc<Shared>,
    namespace: &str,
    pod: &str,
    container: &str,
    query: &Query,
    request: Request<Incoming>,
) -> Reply {
    let options = options(query);
    let opened = async {
        any_stream(&options)?;
        let container_id = running(&shared, namespace, pod, container)?;
        let asked = ExecRequest {
            container_id,
            cmd: options.command.clone(),
            tty: options.tty,
            stdin: options.stdin,
            stdout: options.stdout,
            stderr: options.stderr && !options.tty,
        };
        shared.cri.exec_url(asked).await.map_err(|error| failed(&error))
    };
    match opened.await {
        Ok(url) => remote_command(&shared, url, &options, request).await,
        Err(refusal) => refusal.into(),
    }
}

pub(super) async fn attach(
    shared: Arc<Shared>,
    namespace: &str,
    pod: &str,
    container: &str,
    query: &Query,
    request: Request<Incoming>,
) -> Reply {
    let mut options = options(query);
    let opened = async {
        any_stream(&options)?;
        let page = find(&shared, namespace, pod)?;
        let container_id = running(&shared, namespace, pod, container)?;
        // What the container was made with decides, whatever the client believes.
        let spec = spec::of(&page.pod);
        options.tty = spec::container(&spec, container).is_some_and(|c| c.container.tty == Some(true));
        let asked = AttachRequest {
            container_id,
            stdin: options.stdin,
            tty: options.tty,
            stdout: options.stdout,
            stderr: options.stderr && !options.tty,
        };
        shared.cri.attach_url(asked).await.map_err(|error| failed(&error))
    };
    match opened.await {
        Ok(url) => remote_command(&shared, url, &options, request).await,
        Err(refusal) => refusal.into(),
    }
}

/// Runs a command and answers with its output.
pub(super) async fn run(
    shared: &Shared,
    namespace: &str,
    pod: &str,
    container: &str,
    query: &Query,
) -> Reply {
    let command: Vec<String> = query.text("cmd").split(' ').map(str::to_owned).collect();
    let id = match running(shared, namespace, pod, container) {
        Ok(id) => id,
        Err(refusal) => return refusal.into(),
    };
    match shared.cri.exec_sync(&id, &command, 0).await {
        Ok(mut answer) => {
            answer.stdout.append(&mut answer.stderr);
            reply::text(StatusCode::OK, answer.stdout)
        }
        Err(error) => failed(&error).into(),
    }
}

pub(super) async fn port_forward(
    shared: Arc<Shared>,
    namespace: &str,
    pod: &str,
    query: &Query,
    request: Request<Incoming>,
) -> Reply {
    let is_tunnel = websocket::offered(request.headers()).iter().any(|protocol| protocol == TUNNEL);
    let opened = async {
        // SPDY names the port of each stream in its headers.
        let is_plain = websocket::is_wanted(request.headers()) && !is_tunnel;
        let ports = if is_plain { ports::of(query).map_err(bad)? } else { Vec::new() };
        let page = find(&shared, namespace, pod)?;
        let sandbox = page.facts.latest_sandbox().filter(|sandbox| sandbox.ready);
        let not_running =
            || Refusal(StatusCode::INTERNAL_SERVER_ERROR, "the pod's sandbox is not running".into());
        let id = sandbox.map(|sandbox| sandbox.id.clone()).ok_or_else(not_running)?;
        shared.cri.port_forward_url(&id, &ports).await.map_err(|error| failed(&error))
    };
    let url = match opened.await {
        Ok(url) => url,
        Err(refusal) => return refusal.into(),
    };
    match (upgrade(request.headers()), is_tunnel) {
        (None, _) => upgrade_required(),
        (Some(_), true) => tunnel::answer(&shared.env, &url, request).await,
        (Some(_), false) => runtime::pass(&shared.env, &url, request).await,
    }
}

/// Joins the client with the runtime's end of a command's streams.
async fn remote_command(
    shared: &Arc<Shared>,
    url: String,
    options: &StreamOptions,
    request: Request<Incoming>,
) -> Reply {
    if upgrade(request.headers()).is_none() {
        return upgrade_required();
    }
    match websocket::is_wanted(request.headers()) {
        true => channels::answer(&shared.env, &url, options, request).await,
        false => runtime::pass(&shared.env, &url, request).await,
    }
}

fn upgrade(headers: &HeaderMap) -> Option<&str> {
    headers.get(http::header::UPGRADE)?.to_str().ok()
}

fn upgrade_required() -> Reply {
    reply::text(StatusCode::BAD_REQUEST, "Upgrade request required\n")
}

fn bad(why: String) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, why)
}

/// A command without any stream could not be heard of again.
fn any_stream(options: &StreamOptions) -> Result<(), Refusal> {
    match options.stdin || options.stdout || (options.stderr && !options.tty) {
        true => Ok(()),
        false => Err(bad("you must specify at least 1 of stdin, stdout, stderr".to_owned())),
    }
}

/// Both the API server's spelling (`input`, `output`, `error`) and that of clients' own URLs.
fn options(query: &Query) -> StreamOptions {
    let mut options = StreamOptions::from_query(query);
    options.stdin |= query.flag("input").unwrap_or(false);
    options.stdout |= query.flag("output").unwrap_or(false);
    options.stderr |= query.flag("error").unwrap_or(false);
    options
}

fn find(shared: &Shared, namespace: &str, pod: &str) -> Result<Arc<Page>, Refusal> {
    let missing = || Refusal(StatusCode::NOT_FOUND, "pod does not exist".to_owned());
    shared.book.by_name(namespace, pod).ok_or_else(missing)
}

/// The id of a container that runs.
fn running(shared: &Shared, namespace: &str, pod: &str, container: &str) -> Result<String, Refusal> {
    let page = find(shared, namespace, pod)?;
    let fact = page.facts.newest(container).filter(|fact| fact.running());
    let missing = || {
        let name = ironclad_api::goprint::quote(container);
        Refusal(StatusCode::INTERNAL_SERVER_ERROR, format!("container not found ({name})"))
    };
    fact.map(|fact| fact.id.clone()).ok_or_else(missing)
}

/// What the runtime says, with the code that upstream gives it (`streaming.WriteError`).
fn failed(error: &CriError) -> Refusal {
    let code = match error.code() {
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Refusal(code, error.rpc_text())
}
