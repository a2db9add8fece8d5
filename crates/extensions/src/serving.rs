//! What the engine serves because a definition says so.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use ironclad_api::GroupResource;
use ironclad_api::status::Status;
use ironclad_engine::Engine;
use ironclad_kinds::custom_resource::CustomResource;
use ironclad_kinds::definition::{Definition, TERMINATING};
use ironclad_webhook::Caller;
use parking_lot::Mutex;

use crate::{name_of, resource_of};

/// By the definitions' names.
pub(crate) struct Serving {
    caller: Arc<Caller>,
    served: Mutex<HashMap<String, Served>>,
}

#[derive(Clone)]
struct Served {
    resource: GroupResource,
    /// Of what the kind is made of.
    fingerprint: u64,
    kind: Arc<CustomResource>,
}

impl Serving {
    pub(crate) fn new(caller: Arc<Caller>) -> Self {
        Self { caller, served: Mutex::default() }
    }

    /// Serves a definition as it is now. Only what changes the kind serves it anew, because
    /// that ends all watches of its objects.
    pub(crate) async fn serve(&self, engine: &Engine, definition: &Definition) -> Result<(), Status> {
        let name = name_of(definition);
        let standing = self.served.lock().get(&name).cloned();
        let fingerprint = fingerprint(definition);
        match standing {
            Some(served) if served.fingerprint == fingerprint => {
                served.kind.set_terminating(definition.has_condition(TERMINATING));
                return Ok(());
            }
            None if is_built_in(engine, definition) => {
                tracing::warn!(
                    definition = name,
                    "it would take the place of a built-in resource; not served"
                );
                return Ok(());
            }
            _ => {}
        }
        let kind = Arc::new(CustomResource::new(definition, &self.caller));
        let served = Served { resource: resource_of(definition), fingerprint, kind };
        engine.put_kind(served.kind.clone()).await?;
        self.served.lock().insert(name, served);
        Ok(())
    }

    pub(crate) fn is_served(&self, definition: &Definition) -> bool {
        self.served.lock().contains_key(&name_of(definition))
    }

    /// Serves a definition no more.
    pub(crate) async fn remove(&self, engine: &Engine, name: &str) -> Result<(), Status> {
        let standing = self.served.lock().get(name).cloned();
        if let Some(served) = standing {
            engine.remove_kind(&served.resource).await?;
            self.served.lock().remove(name);
        }
        Ok(())
    }
}

/// The same for definitions that make the same kind. Their schemas are too large to be kept twice.
fn fingerprint(definition: &Definition) -> u64 {
    let mut hasher = DefaultHasher::new();
    definition.spec.hash(&mut hasher);
    definition.status.accepted_names.hash(&mut hasher);
    hasher.finish()
}

/// Whether the resource is there already.
pub(crate) fn is_built_in(engine: &Engine, definition: &Definition) -> bool {
    engine.registry().kinds().resource(&resource_of(definition)).is_some()
}
