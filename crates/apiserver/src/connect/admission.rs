//! Streams are admitted like writes: webhooks and policies see their options as the object.

use ironclad_api::params::{PortForwardOptions, ProxyOptions, StreamOptions};
use ironclad_api::status::Status;
use ironclad_api::{GroupVersionKind, Object};
use ironclad_client::Target;
use serde_json::{Map, Value, json};

use crate::resources::Asked;
use crate::server::Shared;

/// Refuses a stream that admission does not let through.
pub async fn admit(shared: &Shared, asked: &Asked<'_>, options: impl Options) -> Result<(), Status> {
    let (resource, subresource) = (&asked.resource.resource, &asked.resource.subresource);
    let mut object = Object(options.fields());
    object.set_type(&GroupVersionKind::new("", "v1", kind(resource, subresource)));
    let target = Target {
        resource: asked.served.gvr.clone(),
        namespace: asked.resource.namespace.clone(),
        name: asked.resource.name.clone(),
        subresource: subresource.clone(),
    };
    shared.engine.connect(asked.context, &target, &mut object).await
}

/// The kind of a stream's options.
fn kind(resource: &str, subresource: &str) -> &'static str {
    match (resource, subresource) {
        (_, "exec") => "PodExecOptions",
        (_, "attach") => "PodAttachOptions",
        (_, "portforward") => "PodPortForwardOptions",
        ("services", _) => "ServiceProxyOptions",
        ("nodes", _) => "NodeProxyOptions",
        _ => "PodProxyOptions",
    }
}

/// Options of a stream, as an object has them: what is empty is left out.
pub trait Options: Send {
    fn fields(&self) -> Map<String, Value>;
}

impl Options for &StreamOptions {
    fn fields(&self) -> Map<String, Value> {
        let flags =
            [("stdin", self.stdin), ("stdout", self.stdout), ("stderr", self.stderr), ("tty", self.tty)];
        let mut fields: Map<String, Value> = flags
            .into_iter()
            .filter(|(_, set)| *set)
            .map(|(name, _)| (name.to_owned(), true.into()))
            .collect();
        if !self.container.is_empty() {
            fields.insert("container".to_owned(), json!(self.container));
        }
        if !self.command.is_empty() {
            fields.insert("command".to_owned(), json!(self.command));
        }
        fields
    }
}

impl Options for &PortForwardOptions {
    fn fields(&self) -> Map<String, Value> {
        let ports = (!self.ports.is_empty()).then(|| ("ports".to_owned(), json!(self.ports)));
        ports.into_iter().collect()
    }
}

impl Options for &ProxyOptions {
    fn fields(&self) -> Map<String, Value> {
        let path = (!self.path.is_empty()).then(|| ("path".to_owned(), json!(self.path)));
        path.into_iter().collect()
    }
}
