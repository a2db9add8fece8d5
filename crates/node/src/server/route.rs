//! Which path is answered how.

use std::sync::Arc;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use ironclad_api::params::Query;

use super::reply::{self, Reply};
use super::{Chain, Shared, container_logs, listing, metrics, stats, streams};

/// Answers one request.
pub(super) async fn answer(shared: Arc<Shared>, chain: Chain, request: Request<Incoming>) -> Reply {
    let user = match shared.access.authenticate(&shared.env, &chain, request.headers()).await {
        Ok(user) => user,
        Err(why) => {
            tracing::debug!(why, "a client of the agent is not known");
            return reply::text(StatusCode::UNAUTHORIZED, "Unauthorized");
        }
    };
    let path = request.uri().path().to_owned();
    if let Err(denied) = shared.access.authorize(&shared.env, &user, request.method(), &path).await {
        return reply::text(StatusCode::FORBIDDEN, denied);
    }
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let read = request.method() == Method::GET;
    let stream = read || request.method() == Method::POST;
    match parts.as_slice() {
        ["healthz" | "livez" | "readyz", ..] if read => reply::text(StatusCode::OK, "ok"),
        ["pods"] if read => listing::pods(&shared),
        ["runningpods"] if read => listing::running_pods(&shared),
        ["configz"] if read => listing::configz(&shared),
        ["metrics"] if read => metrics::own(&shared),
        ["metrics", "resource"] if read => metrics::resource(&shared).await,
        ["metrics", "cadvisor" | "probes"] if read => reply::text(StatusCode::OK, ""),
        ["stats", "summary"] if read => stats::summary(&shared).await,
        ["containerLogs", namespace, pod, container] if read => {
            container_logs::answer(&shared, namespace, pod, container, &query).await
        }
        ["exec", namespace, pod, .., container] if stream => {
            streams::exec(shared.clone(), namespace, pod, container, &query, request).await
        }
        ["attach", namespace, pod, .., container] if stream => {
            streams::attach(shared.clone(), namespace, pod, container, &query, request).await
        }
        ["portForward", namespace, pod, ..] if stream => {
            streams::port_forward(shared.clone(), namespace, pod, &query, request).await
        }
        ["run", namespace, pod, .., container] if request.method() == Method::POST => {
            streams::run(&shared, namespace, pod, container, &query).await
        }
        ["exec" | "attach" | "portForward" | "run" | "containerLogs", _, _, ..] => {
            reply::text(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed")
        }
        _ => reply::text(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}
