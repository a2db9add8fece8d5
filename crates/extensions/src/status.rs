//! Writes what has become of a definition.

use std::sync::Arc;

use ironclad_api::status::Status;
use ironclad_api::{Object, ObjectKey};
use ironclad_client::{Request, Target};
use ironclad_engine::{Context, Engine, Response, User};
use ironclad_kinds::definition;

use crate::definitions;

/// The server itself, as upstream's loopback identity.
pub(crate) fn myself() -> Context {
    let groups = vec!["system:masters".to_owned(), "system:authenticated".to_owned()];
    let user = User { name: "system:apiserver".to_owned(), groups, ..User::default() };
    Context::new(Arc::new(user), "kube-apiserver")
}

/// Writes the status into the object, which must still be the newest; the answer is the
/// object as it is then. Its finalizers are written too.
pub(crate) async fn write(
    engine: &Arc<Engine>,
    mut object: Object,
    status: &definition::Status,
) -> Result<Object, Status> {
    status.write(&mut object);
    let key = ObjectKey::cluster(object.name());
    let target = Target::object(definitions(), &key).subresource("status");
    let response = engine.carry_out(&myself(), Request::update(target, object)).await?;
    Ok(Response::into_object(response).unwrap_or_default())
}
