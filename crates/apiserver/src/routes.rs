//! Paths that are not of resources.

use http::{HeaderMap, Method};
use ironclad_api::GroupResource;
use ironclad_api::params::Query;
use ironclad_api::status::Status;
use ironclad_client::Cache;
use ironclad_env::EnvironmentExt;
use serde_json::json;

use crate::health::{self, not_found};
use crate::metrics;
use crate::negotiate::Accepted;
use crate::reply::{self, Reply};
use crate::server::Shared;
use crate::zpages;

/// Answers a request that has been authorized.
pub async fn serve(
    shared: &Shared,
    method: &Method,
    path: &str,
    query: &Query,
    headers: &HeaderMap,
) -> Result<Reply, Status> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Ok(reply::text(405, "405: Method Not Allowed\n"));
    }
    if let Some(reply) = health::serve(&shared.checks(), path, query) {
        return Ok(reply);
    }
    // For documents that know no other form.
    let indented = Accepted { pretty: true, ..Accepted::default() };
    match path.trim_end_matches('/') {
        "" => Ok(reply::value(200, &indented, &json!({"paths": index(shared)}))),
        "/version" => Ok(reply::value(200, &indented, &shared.version)),
        "/configz" => Ok(configuration(shared)),
        "/flagz" => zpages::flags(&zpage(shared, query, headers), &shared.configuration),
        "/statusz" => zpages::status(&zpage(shared, query, headers), &running(shared)),
        "/metrics" => Ok(figures(shared, headers)),
        "/metrics/slis" => Ok(metrics::slis(&shared.checks(), headers)),
        "/.well-known/openid-configuration" => {
            Ok(document(shared.oidc.as_ref().map(|oidc| &oidc.configuration), "application/json"))
        }
        "/openid/v1/jwks" => {
            Ok(document(shared.oidc.as_ref().map(|oidc| &oidc.keys), "application/jwk-set+json"))
        }
        "/openapi/v2" => shared.openapi.v2(&shared.engine.registry().kinds(), headers).await,
        "/openapi/v3" => {
            Ok(shared.openapi.v3_index(&shared.engine.registry().kinds(), shared.aggregation.as_deref()))
        }
        other => {
            let kinds = shared.engine.registry().kinds();
            if let Some(group_version) = other.strip_prefix("/openapi/v3/") {
                return shared.openapi.v3(&kinds, group_version, query, headers).await;
            }
            match other.split('/').nth(1) {
                Some("api" | "apis") => {
                    shared.discovery.serve(&kinds, shared.aggregation.as_deref(), other, query, headers)
                }
                _ => Ok(not_found()),
            }
        }
    }
}

fn document(value: Option<&serde_json::Value>, media_type: &'static str) -> Reply {
    match value {
        Some(value) => {
            let mut reply = reply::bytes(200, media_type, serde_json::to_vec(value).unwrap_or_default());
            reply::set(&mut reply, http::header::CACHE_CONTROL, "public, max-age=3600");
            reply
        }
        None => not_found(),
    }
}

fn figures(shared: &Shared, headers: &HeaderMap) -> Reply {
    let services = GroupResource::new("apiregistration.k8s.io", "apiservices");
    let state = metrics::State {
        kinds: &shared.engine.registry().kinds(),
        version: &shared.version,
        api_services: &shared.engine.cache().list(&services, None),
        stored_bytes: shared.stored_bytes.as_ref().and_then(|bytes| bytes()),
    };
    shared.metrics.page(&state, headers)
}

fn zpage<'a>(shared: &Shared, query: &'a Query, headers: &'a HeaderMap) -> zpages::Asked<'a> {
    zpages::Asked { headers, query, random: shared.env.random_u64() }
}

fn running(shared: &Shared) -> zpages::Running<'_> {
    let (started, now) = (shared.started, shared.env.now());
    zpages::Running { version: &shared.version, started, now, paths: index(shared) }
}

/// What the program was told, by component.
fn configuration(shared: &Shared) -> Reply {
    let known = json!({"ironclad": shared.configuration});
    let mut reply = reply::bytes(200, "application/json", known.to_string());
    reply::set(&mut reply, http::header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    reply
}

/// What `/` lists.
fn index(shared: &Shared) -> Vec<String> {
    let kinds = shared.engine.registry().kinds();
    let mut paths: Vec<String> = [
        "/.well-known/openid-configuration",
        "/api",
        "/apis",
        "/configz",
        "/flagz",
        "/healthz",
        "/livez",
        "/metrics",
        "/metrics/slis",
        "/openapi/v2",
        "/openapi/v3",
        "/openid/v1/jwks",
        "/readyz",
        "/statusz",
        "/version",
    ]
    .map(str::to_owned)
    .into();
    for served in kinds.all_served() {
        let (group, version) = (&served.gvr.group, &served.gvr.version);
        match &**group {
            "" => paths.push(format!("/api/{version}")),
            group => paths.extend([format!("/apis/{group}"), format!("/apis/{group}/{version}")]),
        }
    }
    for check in shared.checks() {
        let roots: &[&str] = if check.liveness { &["healthz", "livez", "readyz"] } else { &["readyz"] };
        paths.extend(roots.iter().map(|root| format!("/{root}/{}", check.name)));
    }
    paths.sort_unstable();
    paths.dedup();
    paths
}
