//! A request's objects in the version in which a hook wants to see them.

use ironclad_api::schema::Catalog;
use ironclad_api::{GroupVersion, GroupVersionKind, Object, Status};
use ironclad_engine::gate::AdmissionRequest;
use ironclad_engine::strategy::SchemaRef;
use ironclad_engine::{Served, shape};
use serde_json::Value;

use crate::matching::Invocation;

/// Both objects of a request in one version.
pub(crate) struct Versioned {
    pub object: Option<Object>,
    pub old: Option<Object>,
}

/// The kind's versions, if the request's objects are the resource's own: those of a
/// subresource's own kind (Scale, Eviction, the options of streams) have one version.
fn own<'a>(request: &AdmissionRequest<'a>) -> Option<&'a Served> {
    request.served.filter(|served| served.gvk == *request.kind)
}

/// Copies of the request's objects in the version of `kind`.
pub(crate) async fn versioned(
    request: &AdmissionRequest<'_>,
    kind: &GroupVersionKind,
) -> Result<Versioned, Status> {
    let object = match request.object.as_deref() {
        Some(object) => Some(to_version(request, object, kind).await?),
        None => None,
    };
    let old = match request.old {
        Some(old) => Some(to_version(request, old, kind).await?),
        None => None,
    };
    Ok(Versioned { object, old })
}

async fn to_version(
    request: &AdmissionRequest<'_>,
    object: &Object,
    kind: &GroupVersionKind,
) -> Result<Object, Status> {
    match own(request) {
        Some(served) => convert(served, object.clone(), &kind.group_version()).await,
        None => Ok(object.clone()),
    }
}

/// What a hook made of an object, in the version in which objects are stored, with its defaults.
pub(crate) async fn to_storage(request: &AdmissionRequest<'_>, object: Object) -> Result<Object, Status> {
    let Some(served) = own(request) else { return Ok(object) };
    let mut object = convert(served, object, &served.kind.storage.group_version()).await?;
    served.strategy().default(&mut object);
    Ok(object)
}

async fn convert(served: &Served, object: Object, to: &GroupVersion) -> Result<Object, Status> {
    if object.api_version() == to.to_string() {
        return Ok(object);
    }
    let converted = served.strategy().convert(vec![object], to).await?.pop();
    converted.ok_or_else(|| Status::internal_error("a conversion lost an object"))
}

/// What a hook's patch made, as an object of the invocation's kind: fields that the kind does
/// not have are dropped and named, values of the wrong type are an error.
pub(crate) fn typed(mut value: Value, invocation: &Invocation) -> Result<(Object, Vec<String>), String> {
    let unknown = match schema(invocation) {
        Some(schema) => shape::fit(&mut value, &schema)?,
        None => Vec::new(),
    };
    let mut object = Object::from_value(value).ok_or("the patched document is not an object")?;
    object.set_type(&invocation.kind);
    Ok((object, unknown))
}

/// The schema of an invocation's objects.
pub(crate) fn schema(invocation: &Invocation) -> Option<SchemaRef> {
    match invocation.served.as_ref().filter(|served| served.gvk == invocation.kind) {
        Some(served) => Some(served.schema().clone()),
        None => Catalog::builtin().schema(&invocation.kind).map(SchemaRef::Builtin),
    }
}
