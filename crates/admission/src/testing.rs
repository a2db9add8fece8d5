//! Requests for tests of plugins.

use ironclad_api::{GroupVersionKind, GroupVersionResource, Object, ObjectKey, Status};
use ironclad_client::Cache;
use ironclad_client::request::Target;
use ironclad_client::testing::Objects;
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest, Context, RequestOptions};
use ironclad_env::SimEnv;
use serde_json::Value;

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

impl<'a> Ask<'a> {
    /// A new object.
    pub fn create(namespace: &'a str, resource: (&'a str, &'a str), object: Object) -> Self {
        let operation = AdmissionOperation::Create;
        Self { namespace, resource, subresource: "", object: Some(object), old: None, operation }
    }
}

/// What the plugin makes of the object in its first round, in a cluster with these objects (group, plural,
/// object).
pub fn mutate(plugin: &dyn Plugin, objects: &[(&str, &str, Value)], ask: Ask<'_>) -> Result<Object, Status> {
    let world = Objects::default();
    objects.iter().for_each(|(group, resource, object)| world.put(group, resource, object.clone()));
    let env = SimEnv::new(1).shared();
    let mut ask = ask;
    let mut object = ask.object.take().expect("an object");
    let Ask { namespace, resource: (group, resource), subresource, old, operation, .. } = ask;
    let key = ObjectKey::new(namespace, object.name());
    let target = Target::object(GroupVersionResource::new(group.to_owned(), "v1", resource.to_owned()), &key);
    let mut request = AdmissionRequest {
        context: &Context::default(),
        operation,
        target: &target.subresource(subresource),
        kind: &kind_of(group, resource),
        object: Some(&mut object),
        old: old.as_ref(),
        dry_run: false,
        served: None,
        options: RequestOptions::None,
    };
    plugin.mutate(&mut request, &Cluster { cache: &world, env: &env })?;
    Ok(object)
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
