//! Streams that this server passes on: logs, exec, attach, port-forward, and proxies to
//! nodes, pods and services. Here, and only here, the server knows kinds by name: where a
//! pod runs and a service leads is what these paths are about.
//!
//! The other end of the pod streams is the node's agent, over HTTPS, with this server's
//! own client certificate. Upgraded connections are joined byte by byte, so WebSocket and
//! SPDY pass alike. Source: <https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/>

mod admission;
pub mod backend;
pub mod forward;
mod html;
mod links;
pub mod location;
mod log;
mod node;
mod pod;
mod proxy;
mod service;
pub mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use ironclad_api::params::{LogOptions, PortForwardOptions, ProxyOptions, StreamOptions};
use ironclad_api::status::Status;
use ironclad_api::{GroupResource, Object, ObjectKey};
use ironclad_client::Cache;
use ironclad_engine::Decision;

use crate::reply::Reply;
use crate::resources::Asked;
use crate::server::Shared;

/// How long connecting to the other end may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How the other ends are reached.
pub struct Backends {
    /// For node agents: the `apiserver-kubelet-client` certificate and whom to believe.
    pub nodes: Arc<rustls::ClientConfig>,
    /// For `https:` pods and services, whose certificates nobody vouches for.
    pub proxied: Arc<rustls::ClientConfig>,
}

impl Backends {
    /// For node agents that are believed whatever they show (`insecureSkipTLSVerifyBackend`).
    fn unverified_nodes(&self) -> Arc<rustls::ClientConfig> {
        let mut config = rustls::ClientConfig::clone(&self.proxied);
        config.client_auth_cert_resolver = self.nodes.client_auth_cert_resolver.clone();
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    }
}

/// Answers a request for a connect subresource.
pub async fn serve(shared: &Shared, asked: Asked<'_>, body: Incoming) -> Result<Reply, Status> {
    let cache = shared.engine.cache();
    let cache: &dyn Cache = &*cache;
    match (asked.resource.resource.as_str(), asked.resource.subresource.as_str()) {
        ("pods", "log") => {
            let options = LogOptions::from_query(asked.query, &asked.resource.name)?;
            let pod = pod(cache, &asked)?;
            let Some(mut location) = pod::log(cache, &pod, &options)? else { return Ok(pod::no_log()) };
            if asked.query.flag("insecureSkipTLSVerifyBackend") == Some(true) {
                location.peer = location::Peer::UnverifiedAgent;
            }
            log::serve(shared, &location, asked).await
        }
        ("pods", stream @ ("exec" | "attach")) => {
            authorize_create(shared, &asked).await?;
            let options = StreamOptions::from_query(asked.query);
            admission::admit(shared, &asked, &options).await?;
            let location = pod::stream(cache, &pod(cache, &asked)?, &options, stream)?;
            forward::upgrade_required(shared, location, asked, body).await
        }
        ("pods", "portforward") => {
            authorize_create(shared, &asked).await?;
            let options = PortForwardOptions::from_query(asked.query)?;
            admission::admit(shared, &asked, &options).await?;
            let location = pod::port_forward(cache, &pod(cache, &asked)?, &options)?;
            forward::upgrade_required(shared, location, asked, body).await
        }
        (resource @ ("pods" | "services" | "nodes"), "proxy") => {
            let path = proxy::rest(asked.parts.uri.path(), asked.served.kind.is_namespaced());
            admission::admit(shared, &asked, &ProxyOptions { path: path.to_owned() }).await?;
            let id = &asked.resource.name;
            let location = match resource {
                "pods" => pod::proxy(cache, &asked.resource.namespace, id)?,
                "services" => service::proxy(cache, &*shared.env, &asked.resource.namespace, id)?,
                _ => node::proxy(shared, cache, id).await?,
            };
            proxy::serve(shared, location, asked, body).await
        }
        _ => Err(Status::unknown_path()),
    }
}

/// A WebSocket handshake is a GET, and still needs the right to create: reading rights must
/// not be enough to run commands.
async fn authorize_create(shared: &Shared, asked: &Asked<'_>) -> Result<(), Status> {
    if asked.info.verb == "create" {
        return Ok(());
    }
    let mut attributes = asked.info.attributes(asked.context.user.clone());
    attributes.verb = "create".to_owned();
    match shared.authorizer.authorize(&attributes).await {
        Decision::Allow { .. } => Ok(()),
        Decision::Deny { reason } | Decision::NoOpinion { reason } => {
            let resource = asked.served.gvr.group_resource();
            Err(Status::forbidden(&resource, &asked.resource.name, reason))
        }
        Decision::Failed { error, .. } => Err(Status::internal_error(error)),
    }
}

fn pod(cache: &dyn Cache, asked: &Asked<'_>) -> Result<Object, Status> {
    pod::get(cache, &asked.resource.namespace, &asked.resource.name)
}

/// An object of the core group, from the cache.
fn core_object(cache: &dyn Cache, resource: &'static str, key: &ObjectKey) -> Result<Object, Status> {
    let resource = GroupResource::new("", resource);
    let entry = cache.get(&resource, key).ok_or_else(|| Status::not_found(&resource, &key.name))?;
    Ok(entry.object())
}
