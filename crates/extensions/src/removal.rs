//! The end of a definition: first all its objects, then itself.
//!
//! # Flow
//! The delete has marked it with our finalizer. Each step deletes the objects that are not
//! being deleted yet; when there are none left, it takes the finalizer away, and the engine
//! removes the definition with that write. Objects with finalizers hold it up for as long as
//! they like.

use std::collections::BTreeSet;
use std::sync::Arc;

use ironclad_api::params::{DeleteOptions, ListOptions};
use ironclad_api::status::Status;
use ironclad_api::{GroupVersion, Object, time};
use ironclad_client::{Cache, Operation, Request, Target};
use ironclad_engine::Engine;
use ironclad_kinds::definition::{CLEANUP, Condition, Definition, ESTABLISHED, TERMINATING};

use crate::serving::{Serving, is_built_in};
use crate::{Next, resource_of, status};

/// Does what can be done now.
pub(crate) async fn step(
    engine: &Arc<Engine>,
    serving: &Serving,
    object: Object,
    mut definition: Definition,
) -> Result<Next, Status> {
    if definition.has_condition(ESTABLISHED) {
        // The objects are deleted in the version that they are stored in, also if nobody else may use it.
        for version in &mut definition.spec.versions {
            version.served |= version.storage;
        }
        serving.serve(engine, &definition).await?;
    }
    let (reason, message) = if serving.is_served(&definition) {
        if delete_objects(engine, &definition).await? > 0 {
            let condition =
                terminating(true, "InstanceDeletionInProgress", "CustomResource deletion is in progress");
            return say(engine, object, definition, condition).await.map(|_| Next::Again);
        }
        ("InstanceDeletionCompleted", "removed all instances")
    } else if is_built_in(engine, &definition) {
        ("OverlappingBuiltInResource", "instances overlap with built-in resources in storage")
    } else {
        ("NeverEstablished", "resource was never established")
    };
    let now = time::format(engine.env().now());
    definition.status.set_condition(terminating(false, reason, message), &now);
    status::write(engine, without_finalizer(object), &definition.status).await?;
    Ok(Next::Done)
}

fn terminating(status: bool, reason: &str, message: &str) -> Condition {
    Condition::new(TERMINATING, status, reason, message)
}

/// Writes the condition if it is news.
async fn say(
    engine: &Arc<Engine>,
    object: Object,
    mut definition: Definition,
    condition: Condition,
) -> Result<(), Status> {
    if definition.status.condition(TERMINATING).is_some_and(|old| old.says_the_same(&condition)) {
        return Ok(());
    }
    definition.status.set_condition(condition, &time::format(engine.env().now()));
    status::write(engine, object, &definition.status).await.map(drop)
}

fn without_finalizer(mut object: Object) -> Object {
    let kept: Vec<String> =
        object.finalizers().filter(|finalizer| *finalizer != CLEANUP).map(str::to_owned).collect();
    object.set_meta("finalizers", kept);
    object
}

/// Deletes the objects that are not being deleted yet; the answer is how many are left.
async fn delete_objects(engine: &Arc<Engine>, definition: &Definition) -> Result<usize, Status> {
    let resource = resource_of(definition);
    let cache = engine.cache();
    let standing: BTreeSet<String> = cache
        .list(&resource, None)
        .iter()
        .filter(|entry| entry.object().deletion_timestamp().is_none())
        .map(|entry| entry.key.namespace.clone())
        .collect();
    let stored = definition.spec.storage_version().map(|version| version.name.clone()).unwrap_or_default();
    let versioned = GroupVersion::new(resource.group.clone(), stored).resource(resource.resource.clone());
    for namespace in standing {
        let target = Target::collection(versioned.clone(), namespace);
        let operation = Operation::DeleteCollection(ListOptions::default(), DeleteOptions::default());
        engine.carry_out(&status::myself(), Request { target, operation }).await?;
    }
    Ok(cache.list(&resource, None).len())
}
