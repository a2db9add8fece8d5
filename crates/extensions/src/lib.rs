//! Serves what CustomResourceDefinitions define: watches them in the cache, gives the engine
//! a kind for each, tells in their status how that went, and deletes all objects of a kind
//! before its definition goes.
//!
//! - [`naming`]: which names a definition gets; pure.
//! - [`serving`]: what is served now, and what a definition changes about it.
//! - [`removal`]: the end of a definition.
//! - [`queue`]: which definitions are to be looked at, and when.
//!
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/>

mod naming;
mod queue;
mod removal;
mod serving;
mod status;

use std::sync::Arc;

use ironclad_api::status::Status;
use ironclad_api::{GroupResource, GroupVersionResource, Object, ObjectKey, time};
use ironclad_client::typed::CacheExt;
use ironclad_client::{Cache, Change, Observer};
use ironclad_engine::Engine;
use ironclad_env::Task;
use ironclad_kinds::definition::{CLEANUP, Definition, ESTABLISHED, NAMES_ACCEPTED};
use ironclad_webhook::Caller;

use naming::Named;
use queue::Queue;
use serving::Serving;

fn definitions() -> GroupVersionResource {
    GroupVersionResource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions")
}

/// The running watch over definitions. Dropping it stops it; what is served stays served.
pub struct Extensions {
    task: Task,
}

impl Drop for Extensions {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Extensions {
    /// Serves what the stored definitions define, and follows them from then on. The
    /// kinds that were established before are served when this returns.
    /// `caller` is for versions that a webhook converts.
    pub async fn start(engine: Arc<Engine>, caller: Arc<Caller>) -> Result<Self, Status> {
        let queue = Arc::new(Queue::default());
        let cache = engine.cache();
        cache.observe(&[definitions().group_resource()], Arc::new(Feed(queue.clone())));
        let worker = Worker { engine: engine.clone(), serving: Serving::new(caller), queue };
        for entry in cache.list(&definitions().group_resource(), None) {
            let definition = Definition::read(&entry.object());
            if definition.has_condition(ESTABLISHED) {
                worker.serving.serve(&engine, &definition).await?;
            }
        }
        let task = engine.env().spawn("custom resources", Box::pin(worker.run()));
        Ok(Self { task })
    }
}

/// Puts changed definitions on the queue.
struct Feed(Arc<Queue>);

impl Observer for Feed {
    fn changed(&self, change: &Change) {
        self.0.add(&change.entry().key.name);
    }
}

/// Looks at one definition at a time, so that two never get the same name.
struct Worker {
    engine: Arc<Engine>,
    serving: Serving,
    queue: Arc<Queue>,
}

impl Worker {
    async fn run(self) {
        loop {
            let name = self.queue.next(self.engine.env()).await;
            match self.sync(&name).await {
                Ok(Next::Done) => self.queue.succeeded(&name),
                Ok(Next::Again) => self.queue.again(&name, self.engine.env().elapsed()),
                // Somebody else has changed it, and that change has put it on the queue.
                Err(status) if status.is_conflict() || status.is_not_found() => self.queue.succeeded(&name),
                Err(status) => {
                    tracing::warn!(definition = name, error = %status, "a custom resource definition waits");
                    self.queue.failed(&name, self.engine.env().elapsed());
                }
            }
        }
    }

    /// All definitions, in the order of their names.
    fn all(&self) -> Vec<Arc<Named>> {
        self.engine.cache().list_as(&definitions().group_resource(), None)
    }

    async fn sync(&self, name: &str) -> Result<Next, Status> {
        let key = ObjectKey::cluster(name);
        let Some(entry) = self.engine.cache().get(&definitions().group_resource(), &key) else {
            self.serving.remove(&self.engine, name).await?;
            // Its names are free now.
            name.split_once('.').iter().for_each(|(_, group)| self.queue_group(group, name));
            return Ok(Next::Done);
        };
        let object = entry.object();
        let definition = Definition::read(&object);
        let deleting = object.deletion_timestamp().is_some();
        match deleting && object.finalizers().any(|finalizer| finalizer == CLEANUP) {
            true => removal::step(&self.engine, &self.serving, object, definition).await,
            false => self.establish(object, definition).await,
        }
    }

    /// Accepts the definition's names if they are free, serves it, and says so.
    async fn establish(&self, object: Object, mut definition: Definition) -> Result<Next, Status> {
        let before = definition.status.clone();
        let now = time::format(self.engine.env().now());
        naming::decide(&mut definition, || self.all(), &now);
        let approved = ironclad_kinds::custom_resource_definition::approval(&object, &definition.spec.group);
        if let Some(condition) = approved
            && before.condition(&condition.condition_type).is_none_or(|old| !old.says_the_same(&condition))
        {
            definition.status.set_condition(condition, &now);
        }
        if definition.has_condition(NAMES_ACCEPTED) || definition.has_condition(ESTABLISHED) {
            self.serving.serve(&self.engine, &definition).await?;
            naming::establish(&mut definition, &now);
        }
        if definition.status != before {
            status::write(&self.engine, object, &definition.status).await?;
        }
        if definition.status.accepted_names != before.accepted_names {
            self.queue_group(&definition.spec.group, &name_of(&definition));
        }
        Ok(Next::Done)
    }

    /// Has the other definitions of a group looked at again: names may have become free.
    fn queue_group(&self, group: &str, except: &str) {
        let others = self.all();
        let others = others.iter().filter(|other| other.spec.group == group);
        let names = others.map(|other| format!("{}.{group}", other.spec.names.plural));
        names.filter(|name| name != except).for_each(|name| self.queue.add(&name));
    }
}

/// What is to become of a definition that has been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Done,
    /// It waits for something that does not change the definition.
    Again,
}

/// A definition is named after what it defines.
fn name_of(definition: &Definition) -> String {
    format!("{}.{}", definition.spec.names.plural, definition.spec.group)
}

fn resource_of(definition: &Definition) -> GroupResource {
    GroupResource::new(definition.spec.group.clone(), definition.spec.names.plural.clone())
}
