//! Requests for resources: from request info, headers and body to an operation of the
//! engine, and from its response to a reply.

mod aside;
mod operation;
mod route;
mod views;
mod watch;

use http::request::Parts;
use hyper::body::Incoming;
use ironclad_api::GroupVersionKind;
use ironclad_api::params::Query;
use ironclad_api::status::Status;
use ironclad_client::{Request, Target};
use ironclad_engine::{Context, SchemaRef, Served};

use crate::connect;
use crate::negotiate::accept::{Views, accept, accept_stream, route as check_route};
use crate::reply::Reply;
use crate::request_info::{RequestInfo, ResourceInfo};
use crate::server::Shared;

pub use route::{is_served, nobody};

/// A request for a resource that is served, on its way.
pub struct Asked<'a> {
    pub context: &'a Context,
    pub info: &'a RequestInfo,
    pub resource: &'a ResourceInfo,
    pub query: &'a Query,
    pub served: Served,
    pub parts: Parts,
}

impl Asked<'_> {
    /// Routes of compiled-in kinds and of custom ones refuse in different words.
    pub fn is_builtin(&self) -> bool {
        matches!(self.served.schema(), SchemaRef::Builtin(_))
    }

    fn views(&self) -> Views {
        match (self.is_builtin(), self.served.strategy().virtual_create().is_none()) {
            (true, true) => Views::Resource,
            (true, false) => Views::Plain,
            (false, _) => Views::Custom,
        }
    }

    /// The kind of the body: a subresource may have one of its own.
    pub fn body_kind(&self) -> &GroupVersionKind {
        let subresource = self.served.subresource(&self.resource.subresource);
        subresource.and_then(|subresource| subresource.kind.as_ref()).unwrap_or(&self.served.gvk)
    }

    /// What the engine is asked about. The name in a list's selector is not part of it.
    pub fn target(&self) -> Target {
        let named = self.resource.names_object();
        let namespaced = self.served.kind.is_namespaced();
        Target {
            resource: self.served.gvr.clone(),
            namespace: if namespaced { self.resource.namespace.clone() } else { String::new() },
            name: if named { self.resource.name.clone() } else { String::new() },
            subresource: self.resource.subresource.clone(),
        }
    }
}

/// Answers a request that has been authorized.
pub async fn serve(
    shared: &Shared,
    context: &Context,
    info: &RequestInfo,
    resource: &ResourceInfo,
    query: &Query,
    request: http::Request<Incoming>,
) -> Result<Reply, Status> {
    let (parts, body) = request.into_parts();
    let served = match route::find(&shared.engine.registry().kinds(), resource) {
        Ok(served) => served,
        Err(refusal) => return refusal.into_reply(),
    };
    if served.deprecation().is_some() {
        shared.metrics.deprecated(&served.gvr, &resource.subresource);
    }
    let asked = Asked { context, info, resource, query, served, parts };
    if let Err(refusal) = route::check(&asked) {
        return refusal.into_reply();
    }
    if asked.is_builtin() && !route::is_connect(&asked) {
        check_route(&asked.parts.headers, matches!(&*info.verb, "list" | "watch" | "deletecollection"))?;
    }
    if route::is_connect(&asked) {
        return connect::serve(shared, asked, body).await;
    }
    if info.verb == "watch" {
        let accepted = accept_stream(&asked.parts.headers, query, asked.views())?;
        return watch::serve(shared, asked, accepted).await;
    }
    let accepted = accept(&asked.parts.headers, query, asked.views())?;
    let operation = operation::read(&asked, body).await?;
    let takes_long = aside::takes_long(&asked, &operation);
    let request = Request { target: asked.target(), operation };
    let response = aside::run(takes_long, shared.engine.carry_out(context, request)).await?;
    views::reply(shared, &asked, &accepted, response)
}
