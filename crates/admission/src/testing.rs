//! Requests for tests of plugins.

use ironclad_api::{GroupVersionKind, GroupVersionResource, Object, ObjectKey, Status};
use ironclad_client::Cache;
use ironclad_client::request::Target;
use ironclad_client::testing::Objects;
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest, Context, RequestOptions};
use ironclad_env::SimEnv;

use crate::{Cluster, Plugin};

/// One write.
pub struct Ask<'a> {
    pub namespace: &'a str,
    /// Group and plural; the version is `v1`.
    pub resource: (&'a str, &'a str),
    pub subresource: &'a str,
    pub object: Option<Object>,
    pub old: Option<Object>,
    pub operation: AdmissionOperation,
}

/// What the plugin says in its second round.
pub fn validate(plugin: &dyn Plugin, world: &Objects, context: &Context, ask: Ask<'_>) -> Result<(), Status> {
    let env = SimEnv::new(1).shared();
    hold(world, context, ask, |request, cache| plugin.validate(request, &Cluster { cache, env: &env }))
}

/// The write as a request.
pub fn hold(
    world: &Objects,
    context: &Context,
    ask: Ask<'_>,
    check: impl FnOnce(&AdmissionRequest<'_>, &dyn Cache) -> Result<(), Status>,
) -> Result<(), Status> {
    let Ask { namespace, resource: (group, resource), subresource, mut object, old, operation } = ask;
    let name = object.as_ref().or(old.as_ref()).map(|object| object.name().to_owned());
    let key = ObjectKey::new(namespace, name.unwrap_or_default());
    let target = Target::object(GroupVersionResource::new(group.to_owned(), "v1", resource.to_owned()), &key);
    let request = AdmissionRequest {
        context,
        operation,
        target: &target.subresource(subresource),
        kind: &kind_of(group, resource),
        object: object.as_mut(),
        old: old.as_ref(),
        dry_run: false,
        served: None,
        options: RequestOptions::None,
    };
    check(&request, world)
}

/// `namespaces` to `Namespace`: enough for error texts.
fn kind_of(group: &str, resource: &str) -> GroupVersionKind {
    let mut kind = resource.trim_end_matches('s').to_owned();
    if let Some(first) = kind.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    GroupVersionKind::new(group.to_owned(), "v1", kind)
}
