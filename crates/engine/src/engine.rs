//! The engine: from an authenticated request to its answer.

use std::sync::Arc;

use ironclad_api::goprint::quote;
use ironclad_api::status::Status;
use ironclad_api::{GroupResource, Object};
use ironclad_client::{Cache, Operation, Request, Target};
use ironclad_env::{Env, Task};
use ironclad_store::Store;
use tokio::sync::{mpsc, oneshot};

use crate::cache::applier::{Applier, Command};
use crate::cache::{Cluster, LoadError};
use crate::codec::{AtRest, Plain};
use crate::compaction::Compacted;
use crate::gate::{
    Admission, AdmissionOperation, AdmissionRequest, Attributes, Authorizer, Context, Decision,
    RequestOptions,
};
use crate::registry::{Registry, Served};
use crate::response::Response;
use crate::strategy::{Part, Strategy, SubresourceKind};

/// What an engine is made of.
pub struct Parts {
    pub env: Env,
    pub store: Arc<dyn Store>,
    pub registry: Registry,
    pub authorizer: Arc<dyn Authorizer>,
    pub admission: Arc<dyn Admission>,
    pub at_rest: Arc<dyn AtRest>,
}

impl Parts {
    /// Everything stored as it is.
    pub fn new(
        env: Env,
        store: Arc<dyn Store>,
        registry: Registry,
        authorizer: Arc<dyn Authorizer>,
        admission: Arc<dyn Admission>,
    ) -> Self {
        Self { env, store, registry, authorizer, admission, at_rest: Arc::new(Plain) }
    }
}

pub struct Engine {
    pub(crate) env: Env,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) compacted: Arc<Compacted>,
    commands: mpsc::Sender<Command>,
    tasks: Vec<Task>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.tasks.iter().for_each(Task::abort);
    }
}

impl Engine {
    /// Loads the stored objects and begins to follow the store. Answers requests from then on.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, LoadError> {
        let Parts { env, store, registry, authorizer, admission, at_rest } = parts;
        let cluster = Arc::new(Cluster::new(Arc::new(registry), at_rest));
        let (applier, commands) = Applier::start(cluster.clone(), store.clone(), env.clone()).await?;
        let compacted = Arc::new(Compacted::default());
        let tasks = vec![
            env.spawn("applier", Box::pin(applier.run())),
            env.spawn(
                "compaction",
                Box::pin(crate::compaction::run(env.clone(), store.clone(), compacted.clone())),
            ),
        ];
        let engine = Self { env, store, cluster, authorizer, admission, compacted, commands, tasks };
        let engine = Arc::new(engine);
        let expiry = crate::expiry::run(Arc::downgrade(&engine), engine.env.clone());
        engine.env.spawn("expiry", Box::pin(expiry));
        Ok(engine)
    }

    pub fn env(&self) -> &Env {
        &self.env
    }

    pub fn cache(&self) -> Arc<Cluster> {
        self.cluster.clone()
    }

    pub fn registry(&self) -> &Registry {
        self.cluster.registry()
    }

    // === kinds at run time ===

    /// Serves a kind, or serves it anew after its specification changed. Its watches end.
    pub async fn put_kind(&self, strategy: Arc<dyn Strategy>) -> Result<(), Status> {
        let (done, outcome) = oneshot::channel();
        self.command(Command::Put(strategy, done)).await?;
        match outcome.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Status::internal_error(error)),
            Err(_) => Err(stopping()),
        }
    }

    /// Stops serving a kind. Its stored objects stay.
    pub async fn remove_kind(&self, resource: &GroupResource) -> Result<(), Status> {
        let (done, outcome) = oneshot::channel();
        self.command(Command::Remove(resource.clone(), done)).await?;
        outcome.await.map_err(|_| stopping())
    }

    async fn command(&self, command: Command) -> Result<(), Status> {
        self.commands.send(command).await.map_err(|_| stopping())
    }

    // === requests ===

    /// Carries out a request of an authenticated user.
    pub async fn handle(self: &Arc<Self>, context: &Context, request: Request) -> Result<Response, Status> {
        let mut asked = attributes(context, request.operation.verb(), &request.target);
        if let Some(options) = request.operation.selection() {
            if let (Some(name), true) =
                (options.field_selector.exact_value("metadata.name"), asked.name.is_empty())
            {
                asked.name = name.to_owned();
            }
            asked.field_selector = options.field_selector.clone();
            asked.label_selector = options.label_selector.clone();
        }
        self.ask(&asked).await?;
        self.carry_out(context, request).await
    }

    /// Carries out a request that its caller has had authorized already, as the HTTP shell
    /// has before it reads a body.
    pub async fn carry_out(
        self: &Arc<Self>,
        context: &Context,
        request: Request,
    ) -> Result<Response, Status> {
        let Request { target, operation } = request;
        let verb = operation.verb();
        let served = self.served(&target)?;
        if let Some(text) = served.deprecation() {
            context.warn(text);
            context.audit.lock().insert("k8s.io/deprecated".to_owned(), "true".to_owned());
        }
        if target.subresource.is_empty() {
            check_verb(served.kind.spec().verbs, verb, &target)?;
            return self.main(context, &served, target, operation).await;
        }
        let Some(subresource) = served.subresource(&target.subresource) else {
            return Err(Status::unknown_path());
        };
        check_verb(subresource.verbs, verb, &target)?;
        match &subresource.does {
            SubresourceKind::Part(part) => self.part(context, &served, *part, target, operation).await,
            SubresourceKind::Scale(paths) => self.scale(context, &served, paths, &target, operation).await,
            SubresourceKind::Action(action) => {
                self.action(context, &served, subresource, action.as_ref(), &target, operation).await
            }
            SubresourceKind::Connect => Err(unsupported(&target, verb)),
        }
    }

    async fn main(
        self: &Arc<Self>,
        context: &Context,
        served: &Served,
        target: Target,
        operation: Operation,
    ) -> Result<Response, Status> {
        match operation {
            Operation::List(options) => Ok(Response::List(self.list(served, &target, &options).await?)),
            Operation::Watch(options) => {
                Ok(Response::Watch(Box::new(self.watch(served, &target, &options).await?)))
            }
            Operation::Create(body, options) => match served.strategy().virtual_create() {
                Some(action) => {
                    self.create_virtual(context, served, action.as_ref(), &target, body, options).await
                }
                None => self.create(context, served, target, body, options).await,
            },
            Operation::Delete(options) => self.delete(context, served, &target, options).await,
            Operation::DeleteCollection(list, delete) => {
                self.delete_collection(context, served, &target, list, delete).await
            }
            other => self.part(context, served, Part::Main, target, other).await,
        }
    }

    /// Reads and writes of an object through one of its views.
    async fn part(
        self: &Arc<Self>,
        context: &Context,
        served: &Served,
        part: Part,
        target: Target,
        operation: Operation,
    ) -> Result<Response, Status> {
        match operation {
            Operation::Get(options) => {
                let entry = self.get(served, &target, &options).await?;
                let entry = self.in_version(served, vec![entry]).await?.pop();
                let entry = entry.ok_or_else(|| Status::internal_error("a conversion lost an object"))?;
                Ok(Response::Entry { entry, created: false })
            }
            Operation::Update(body, options) => {
                self.update(context, served, part, target, body, options).await
            }
            Operation::Patch(patch, options) => {
                self.patch(context, served, part, target, patch, options).await
            }
            other => Err(unsupported(&target, other.verb())),
        }
    }

    /// Asks admission whether an authorized stream to an object (exec, attach, proxy) may pass.
    /// It sees the stream's options as the object; whether the target exists is not looked at.
    pub async fn connect(
        &self,
        context: &Context,
        target: &Target,
        options: &mut Object,
    ) -> Result<(), Status> {
        let served = self.served(target)?;
        let Some(subresource) = served.subresource(&target.subresource) else {
            return Err(Status::unknown_path());
        };
        let mut request = AdmissionRequest {
            context,
            operation: AdmissionOperation::Connect,
            target,
            kind: subresource.kind.as_ref().unwrap_or(&served.gvk),
            object: Some(options),
            old: None,
            dry_run: false,
            served: Some(&served),
            options: RequestOptions::None,
        };
        self.admission.mutate(&mut request).await?;
        self.admission.validate(&request).await
    }

    /// The resource that a target names, in its version.
    pub fn served(&self, target: &Target) -> Result<Served, Status> {
        self.cluster.registry.peek().served(&target.resource).cloned().ok_or_else(Status::unknown_path)
    }

    /// Whether the user may do this, as a Forbidden status if not.
    pub async fn authorize(&self, context: &Context, verb: &str, target: &Target) -> Result<(), Status> {
        self.ask(&attributes(context, verb, target)).await
    }

    async fn ask(&self, attributes: &Attributes) -> Result<(), Status> {
        match self.authorizer.authorize(attributes).await {
            Decision::Allow { .. } => Ok(()),
            Decision::Deny { reason } | Decision::NoOpinion { reason } => Err(forbidden(attributes, &reason)),
            Decision::Failed { error, .. } => Err(Status::internal_error(error)),
        }
    }
}

fn attributes(context: &Context, verb: &str, target: &Target) -> Attributes {
    Attributes {
        user: context.user.clone(),
        verb: verb.to_owned(),
        group: target.resource.group.to_string(),
        version: target.resource.version.to_string(),
        resource: target.resource.resource.to_string(),
        subresource: target.subresource.clone(),
        namespace: target.namespace.clone(),
        name: target.name.clone(),
        ..Attributes::default()
    }
}

/// Upstream's text of a refusal.
pub fn forbidden(attributes: &Attributes, reason: &str) -> Status {
    let user = quote(&attributes.user.name);
    let verb = &attributes.verb;
    let message = if attributes.path.is_empty() {
        let resource = match attributes.subresource.as_str() {
            "" => attributes.resource.clone(),
            subresource => format!("{}/{subresource}", attributes.resource),
        };
        let scope = match attributes.namespace.as_str() {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace {}", quote(namespace)),
        };
        let (resource, group) = (quote(&resource), quote(&attributes.group));
        format!("User {user} cannot {verb} resource {resource} in API group {group} {scope}")
    } else {
        format!("User {user} cannot {verb} path {}", quote(&attributes.path))
    };
    // As upstream: an error must not look like HTML.
    let message = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let why = if reason.is_empty() { message } else { format!("{message}: {reason}") };
    let resource = GroupResource::new(attributes.group.clone(), attributes.resource.clone());
    Status::forbidden(&resource, &attributes.name, why)
}

fn check_verb(verbs: &[&str], verb: &str, target: &Target) -> Result<(), Status> {
    if verbs.contains(&verb) { Ok(()) } else { Err(unsupported(target, verb)) }
}

fn unsupported(target: &Target, verb: &str) -> Status {
    Status::method_not_supported(&target.resource.group_resource(), verb)
}

fn stopping() -> Status {
    Status::service_unavailable("the server is shutting down")
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("revision", &self.cluster.revision()).finish_non_exhaustive()
    }
}
