//! What kinds' own functions may do to the cluster, and the in-process client.

use std::sync::{Arc, OnceLock, Weak};

use ironclad_api::params::DeleteOptions;
use ironclad_api::status::Status;
use ironclad_api::{Object, params::WriteOptions};
use ironclad_client::{Body, Cache, Client, Request, Target};
use ironclad_env::{BoxFuture, Env};

use crate::engine::Engine;
use crate::gate::{Context, User};
use crate::response::Response;
use crate::strategy::Api;
use crate::write::Write;

impl Api for Engine {
    fn env(&self) -> &Env {
        &self.env
    }

    fn cache(&self) -> &dyn Cache {
        &*self.cluster
    }

    fn update<'a>(
        &'a self,
        context: &'a Context,
        target: &'a Target,
        change: &'a (dyn Fn(&mut Object) -> Result<(), Status> + Send + Sync),
        dry_run: bool,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        Box::pin(async move {
            let served = self.served(target)?;
            let mut write = Write::change(context, &served, target.clone(), change);
            write.dry_run = dry_run;
            object(self.write(&mut write).await?)
        })
    }

    fn create<'a>(
        &'a self,
        context: &'a Context,
        target: &'a Target,
        new: Object,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        Box::pin(async move {
            let served = self.served(target)?;
            let response = Engine::create(
                self,
                context,
                &served,
                target.clone(),
                Body::Tree(new),
                WriteOptions::default(),
            );
            object(response.await?)
        })
    }

    fn delete<'a>(
        &'a self,
        context: &'a Context,
        target: &'a Target,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        Box::pin(async move {
            let served = self.served(target)?;
            object(Engine::delete(self, context, &served, target, options).await?)
        })
    }
}

fn object(response: Response) -> Result<Object, Status> {
    response.into_object().ok_or_else(|| Status::bad_request("a watch is not a call"))
}

/// The engine as one identity's client. Every call passes authorization and admission.
pub struct LocalClient {
    engine: Arc<Engine>,
    user: Arc<User>,
    /// Names the manager of the fields it writes.
    user_agent: String,
}

impl LocalClient {
    pub fn new(engine: Arc<Engine>, user: Arc<User>, user_agent: impl Into<String>) -> Self {
        Self { engine, user, user_agent: user_agent.into() }
    }
}

impl Client for LocalClient {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Object, Status>> {
        Box::pin(async move {
            let context = Context::new(self.user.clone(), self.user_agent.clone());
            object(self.engine.handle(&context, request).await?)
        })
    }
}

/// The server itself as a client, for parts that the engine is made of and that write: it is there
/// before the engine, and does not keep it alive.
#[derive(Default)]
pub struct ServerClient(OnceLock<(Weak<Engine>, Arc<User>)>);

impl ServerClient {
    /// From now on every call goes to `engine`. Only the first call counts.
    pub fn fill(&self, engine: &Arc<Engine>) {
        drop(self.0.set((Arc::downgrade(engine), Arc::new(User::server()))));
    }
}

impl Client for ServerClient {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Object, Status>> {
        let filled = self.0.get().and_then(|(engine, user)| Some((engine.upgrade()?, user.clone())));
        Box::pin(async move {
            let Some((engine, user)) = filled else {
                return Err(Status::service_unavailable("the server is starting or stopping"));
            };
            LocalClient::new(engine, user, "kube-apiserver").call(request).await
        })
    }
}
