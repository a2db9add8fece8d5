//! The parts of the running program and the order they start in; they stop in the reverse order.
//!
//! ```text
//!            start                      stop
//!   waiting ───────► running ──────────────► gone
//!      │ fails
//!      ▼
//!   the role fails: what had started is stopped again
//! ```
//!
//! A component is one file and one line in [`server`], [`up`] or [`agent_alone`]. What it makes for those after it goes into
//! [`Made`]; a test starts the first list, so that none asks for what nobody before it has made.

pub mod agent;
mod api_server;
mod cluster_objects;
mod controllers;
mod custom_resources;
mod engine;
mod identities;
pub mod join;
mod lock;
mod node_ready;
mod nodes;
mod scheduler;
mod store;

use std::sync::Arc;

use ironclad_auth::Anonymous;
use ironclad_client::Client;
use ironclad_encryption::Encryption;
use ironclad_engine::{Authorizer, Engine};
use ironclad_env::{BoxFuture, Env};
use ironclad_store::Store;
use ironclad_webhook::Caller;

use crate::config::Config;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::progress::Progress;
pub use identities::Identities;

/// A part of the program that is started and stopped.
pub trait Component: Send {
    /// What the progress line calls it.
    fn name(&self) -> &'static str;

    /// Starts it and returns what is worth knowing of it, for the progress line.
    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>>;

    /// Stops it in order. Nothing may be lost when the process is killed instead.
    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What components are started with.
pub struct Context {
    pub env: Env,
    pub config: Arc<Config>,
    pub machine: Machine,
    pub made: Made,
}

/// What components have made for those after them.
#[derive(Default)]
pub struct Made {
    pub identities: Option<Arc<Identities>>,
    pub store: Option<Arc<dyn Store>>,
    pub engine: Option<Arc<Engine>>,
    pub encryption: Option<Arc<Encryption>>,
    pub authorizer: Option<Arc<dyn Authorizer>>,
    pub tokens: Option<Arc<dyn ironclad_engine::gate::TokenAuthenticator>>,
    pub anonymous: Option<Anonymous>,
    pub caller: Option<Arc<Caller>>,
    /// This machine as a node.
    pub membership: Option<agent::Membership>,
    /// The API of another machine, as this node.
    pub client: Option<Arc<dyn Client>>,
}

/// The control plane.
pub fn server() -> Vec<Box<dyn Component>> {
    vec![
        Box::new(lock::Lock::default()),
        Box::new(identities::OpenIdentities::default()),
        Box::new(store::OpenStore),
        Box::new(engine::StartEngine::default()),
        Box::new(custom_resources::CustomResources::default()),
        Box::new(cluster_objects::ClusterObjects::default()),
        Box::new(api_server::ApiServer::default()),
        Box::new(controllers::Controllers::default()),
        Box::new(scheduler::StartScheduler::default()),
    ]
}

/// The control plane and this machine as its nodes.
pub fn up(nodes: u8) -> Vec<Box<dyn Component>> {
    let mut components = server();
    components.push(Box::new(agent::StartAgent::with_segment(nodes > 1)));
    components.push(Box::new(node_ready::NodeReady));
    if nodes > 1 {
        components.push(Box::new(nodes::FurtherNodes::new(nodes)));
    }
    components
}

/// This machine as a node of another one's cluster.
pub fn agent_alone(given: join::Given) -> Vec<Box<dyn Component>> {
    vec![
        Box::new(lock::Lock::default()),
        Box::new(join::Join::new(given)),
        Box::new(agent::StartAgent::default()),
        Box::new(node_ready::NodeReady),
    ]
}

/// Components that have started, last one first to stop.
#[derive(Default)]
pub struct Started(Vec<Box<dyn Component>>);

impl Started {
    /// Starts all of them in order. If one fails, those before it are stopped again.
    pub async fn start(
        components: Vec<Box<dyn Component>>,
        context: &mut Context,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let mut started = Self::default();
        for mut component in components {
            let step = progress.begin(component.name());
            tracing::info!(component = component.name(), "starting");
            match component.start(context).await {
                Ok(detail) => {
                    step.done(&detail);
                    started.0.push(component);
                }
                Err(failure) => {
                    drop(step);
                    tracing::error!(component = component.name(), failure = failure.what, "not started");
                    started.stop().await;
                    return Err(failure);
                }
            }
        }
        Ok(started)
    }

    pub async fn stop(mut self) {
        while let Some(mut component) = self.0.pop() {
            tracing::info!(component = component.name(), "stopping");
            component.stop().await;
        }
    }
}

// === impl Made ===

/// Why these do not return errors: the order of the lists above is the program, not its input.
const ORDER: &str = "a component before this one in its list makes it";

impl Made {
    pub fn identities(&self) -> &Arc<Identities> {
        self.identities.as_ref().expect(ORDER)
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        self.store.as_ref().expect(ORDER)
    }

    pub fn engine(&self) -> &Arc<Engine> {
        self.engine.as_ref().expect(ORDER)
    }

    pub fn encryption(&self) -> &Arc<Encryption> {
        self.encryption.as_ref().expect(ORDER)
    }

    pub fn authorizer(&self) -> &Arc<dyn Authorizer> {
        self.authorizer.as_ref().expect(ORDER)
    }

    pub fn tokens(&self) -> &Arc<dyn ironclad_engine::gate::TokenAuthenticator> {
        self.tokens.as_ref().expect(ORDER)
    }

    pub fn anonymous(&self) -> &Anonymous {
        self.anonymous.as_ref().expect(ORDER)
    }

    pub fn caller(&self) -> &Arc<Caller> {
        self.caller.as_ref().expect(ORDER)
    }

    pub fn membership(&self) -> &agent::Membership {
        self.membership.as_ref().expect(ORDER)
    }
}

#[cfg(test)]
mod tests {
    use ironclad_client::Cache;
    use ironclad_env::RealEnv;

    use super::*;

    fn context(folder: &std::path::Path) -> Context {
        let mut config = Config { data: folder.join("data"), run: folder.join("run"), ..Config::default() };
        config.api.listen = ([127, 0, 0, 1], 0).into();
        let machine = Machine {
            hostname: "test".into(),
            node_name: "test".into(),
            addresses: vec![[192, 0, 2, 10].into()],
        };
        Context { env: RealEnv::shared(), config: Arc::new(config), machine, made: Made::default() }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_control_plane_starts_in_its_order_once_and_stops() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut context = context(folder.path());
        let started = Started::start(server(), &mut context, &Progress::Lines).await;
        let started = started.unwrap_or_else(|failure| panic!("{failure}"));
        let namespaces = ironclad_api::GroupResource::new("", "namespaces");
        assert_eq!(context.made.engine().cache().list(&namespaces, None).len(), 4);
        let second = Started::start(server(), &mut self::context(folder.path()), &Progress::Lines).await;
        assert_eq!(second.err().map(|failure| failure.exit), Some(crate::failure::Exit::Instance));
        started.stop().await;
    }
}
