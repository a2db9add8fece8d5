//! An engine to try requests on.

use std::sync::Arc;
use std::time::Duration;

use ironclad_api::params::{DeleteOptions, GetOptions, ListOptions, WriteOptions};
use ironclad_api::status::Status;
use ironclad_api::{GroupVersion, Object, fields, labels};
use ironclad_client::{Body, Operation, Patch, PatchKind, Request, Target};
use ironclad_engine::codec::Plain as Plaintext;
use ironclad_engine::{
    Admission, AdmissionRequest, AtRest, Attributes, Authorizer, Context, Decision, Engine, Parts, Registry,
    Response, User,
};
use ironclad_env::{BoxFuture, SimEnv};
use ironclad_store::Store;
use ironclad_store::model::MemoryStore;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::kinds::{Plain, Vessel, Widget};

const LIMIT: Duration = Duration::from_secs(3600);

pub struct World {
    pub env: Arc<SimEnv>,
    pub store: Arc<MemoryStore>,
    pub engine: Arc<Engine>,
    pub gate: Arc<Gate>,
}

/// Lets everything pass but what a test says, and keeps what it saw.
#[derive(Default)]
pub struct Gate {
    /// `verb resource` that is denied.
    pub denied: Mutex<Option<String>>,
    /// `OPERATION resource/subresource` in the order they came.
    pub admitted: Mutex<Vec<String>>,
    /// A label that mutation adds.
    pub label: Mutex<Option<String>>,
}

impl Authorizer for Gate {
    fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision> {
        let asked = format!("{} {}", attributes.verb, attributes.resource);
        let denied = self.denied.lock().as_ref() == Some(&asked);
        let reason = String::new();
        let decision = if denied { Decision::NoOpinion { reason } } else { Decision::Allow { reason } };
        Box::pin(std::future::ready(decision))
    }
}

impl Admission for Gate {
    fn mutate<'a>(&'a self, request: &'a mut AdmissionRequest<'_>) -> BoxFuture<'a, Result<(), Status>> {
        let target = request.target;
        let seen = format!("{:?} {}/{}", request.operation, target.resource.resource, target.subresource);
        self.admitted.lock().push(seen);
        if let (Some(label), Some(object)) = (self.label.lock().as_ref(), request.object.as_mut()) {
            object.set_meta("labels", json!({ label.as_str(): "added" }));
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn validate<'a>(&'a self, request: &'a AdmissionRequest<'_>) -> BoxFuture<'a, Result<(), Status>> {
        let refuse = request.object.as_ref().is_some_and(|object| object.label("refuse").is_some());
        let answer = if refuse { Err(Status::bad_request("admission refused it")) } else { Ok(()) };
        Box::pin(std::future::ready(answer))
    }
}

/// A call with all its options.
#[derive(Clone, Default)]
pub struct Call {
    pub write: WriteOptions,
    pub list: ListOptions,
    pub delete: DeleteOptions,
    pub get: GetOptions,
}

impl Call {
    pub fn dry() -> Self {
        let write = WriteOptions { dry_run: true, ..WriteOptions::default() };
        let delete = DeleteOptions { dry_run: true, ..DeleteOptions::default() };
        Self { write, delete, ..Self::default() }
    }

    pub fn manager(name: &str) -> Self {
        Self {
            write: WriteOptions { field_manager: name.to_owned(), ..WriteOptions::default() },
            ..Self::default()
        }
    }

    pub fn labels(selector: &str) -> Self {
        let mut call = Self::default();
        call.list.label_selector = labels::Selector::parse(selector).expect("a selector");
        call
    }

    pub fn fields(selector: &str) -> Self {
        let mut call = Self::default();
        call.list.field_selector = fields::Selector::parse(selector).expect("a selector");
        call
    }
}

/// What came of a call: the HTTP code and the body, errors included.
pub struct Answer {
    pub code: u16,
    pub body: Value,
    pub warnings: Vec<String>,
}

impl World {
    pub fn new() -> Self {
        Self::on(SimEnv::new(1), MemoryStore::new())
    }

    /// An engine that starts on what the store holds.
    pub fn on(env: Arc<SimEnv>, store: Arc<MemoryStore>) -> Self {
        Self::with(env, store.clone(), store, Arc::new(Plaintext))
    }

    /// An engine over a store that stands before the one in memory.
    pub fn with(
        env: Arc<SimEnv>,
        store: Arc<MemoryStore>,
        front: Arc<dyn Store>,
        at_rest: Arc<dyn AtRest>,
    ) -> Self {
        let gate = Arc::new(Gate::default());
        let registry = Registry::new([Plain::shared(), Widget::shared(), Vessel::shared()]);
        let parts =
            Parts { at_rest, ..Parts::new(env.shared(), front, registry, gate.clone(), gate.clone()) };
        let engine = env.block_on(LIMIT, Engine::start(parts)).expect("in time").expect("starts");
        Self { env, store, engine, gate }
    }

    pub fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        self.env.block_on(LIMIT, future).expect("ends in time")
    }

    pub fn context(&self) -> Context {
        let user = User { name: "ann".to_owned(), ..User::default() };
        Context::new(Arc::new(user), "kubectl/v1.36")
    }

    pub fn response(
        &self,
        verb: &str,
        path: &str,
        body: impl Into<Payload>,
        call: &Call,
    ) -> (Result<Response, Status>, Context) {
        let request = Request { target: target(path), operation: operation(verb, body.into(), call) };
        let (engine, context) = (self.engine.clone(), self.context());
        let used = context.clone();
        (self.run(async move { engine.handle(&used, request).await }), context)
    }

    pub fn call(&self, verb: &str, path: &str, body: impl Into<Payload>, call: &Call) -> Answer {
        let (response, context) = self.response(verb, path, body, call);
        let warnings = context.warnings.lock().clone();
        match response {
            Ok(response) => {
                let code = response.code();
                let body = response.into_object().expect("not a watch").into_value();
                Answer { code, body, warnings }
            }
            Err(status) => {
                let body = serde_json::from_slice(&status.to_json()).expect("JSON");
                Answer { code: status.code, body, warnings }
            }
        }
    }

    /// Calls without options, and holds the answer against a code and a part of the body.
    pub fn check(&self, verb: &str, path: &str, body: impl Into<Payload>, code: u16, want: Value) -> Value {
        self.check_with(verb, path, body, &Call::default(), code, want)
    }

    pub fn check_with(
        &self,
        verb: &str,
        path: &str,
        body: impl Into<Payload>,
        call: &Call,
        code: u16,
        want: Value,
    ) -> Value {
        let answer = self.call(verb, path, body, call);
        let context = format!("{verb} {path}: {:#}", answer.body);
        assert_eq!(answer.code, code, "{context}");
        if let Err(why) = contains(&answer.body, &want, "") {
            panic!("{why}\nin the answer to {context}");
        }
        answer.body
    }

    /// The error of a call, as its code and message.
    pub fn check_error(
        &self,
        verb: &str,
        path: &str,
        body: impl Into<Payload>,
        call: &Call,
        code: u16,
        message: &str,
    ) {
        let answer = self.call(verb, path, body, call);
        assert_eq!(
            (answer.code, answer.body["message"].as_str().unwrap_or_default()),
            (code, message),
            "{verb} {path}"
        );
    }
}

/// A body: a tree, or text as a client sends it.
pub enum Payload {
    None,
    Tree(Value),
    Text(String),
}

impl From<()> for Payload {
    fn from((): ()) -> Self {
        Self::None
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self::Tree(value)
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Payload {
    fn bytes(self) -> bytes::Bytes {
        match self {
            Self::None => bytes::Bytes::new(),
            Self::Tree(value) => value.to_string().into(),
            Self::Text(text) => text.into(),
        }
    }
}

fn operation(verb: &str, body: Payload, call: &Call) -> Operation {
    let write = call.write.clone();
    let patch = |kind, body: Payload| Operation::Patch(Patch { kind, body: body.bytes() }, write.clone());
    match verb {
        "get" => Operation::Get(call.get.clone()),
        "list" => Operation::List(call.list.clone()),
        "watch" => Operation::Watch(call.list.clone()),
        "create" => Operation::Create(Body::Json(body.bytes()), write),
        "update" => Operation::Update(Body::Json(body.bytes()), write),
        "json-patch" => patch(PatchKind::Json, body),
        "merge" => patch(PatchKind::Merge, body),
        "strategic" => patch(PatchKind::Strategic, body),
        "apply" => patch(PatchKind::Apply, body),
        "delete" => Operation::Delete(call.delete.clone()),
        "deletecollection" => Operation::DeleteCollection(call.list.clone(), call.delete.clone()),
        other => panic!("no verb {other}"),
    }
}

/// `v1/configmaps ns/a`, `example.com/v1/widgets w status`, `v1/configmaps ns/`.
pub fn target(path: &str) -> Target {
    let mut words = path.split(' ');
    let (version, resource) = words.next().and_then(|word| word.rsplit_once('/')).expect("a resource");
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let (namespace, name) = match words.next().unwrap_or_default() {
        object if object.contains('/') => object.split_once('/').expect("a slash"),
        object => ("", object),
    };
    let subresource = words.next().unwrap_or_default().to_owned();
    Target {
        resource: GroupVersion::new(group.to_owned(), version.to_owned()).resource(resource.to_owned()),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource,
    }
}

/// Whether `got` has everything that `want` has. In `want`, null means absent.
pub fn contains(got: &Value, want: &Value, path: &str) -> Result<(), String> {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => want.iter().try_for_each(|(name, want)| {
            let path = format!("{path}.{name}");
            match (got.get(name), want) {
                (None | Some(Value::Null), Value::Null) => Ok(()),
                (None, _) => Err(format!("{path} is missing")),
                (Some(got), want) => contains(got, want, &path),
            }
        }),
        (Value::Array(got), Value::Array(want)) if got.len() == want.len() => got
            .iter()
            .zip(want)
            .enumerate()
            .try_for_each(|(at, (got, want))| contains(got, want, &format!("{path}[{at}]"))),
        _ if got == want => Ok(()),
        _ => Err(format!("{path} is {got}, not {want}")),
    }
}

pub fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

pub fn widget(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}

pub fn object(value: Value) -> Object {
    Object::from_value(value).expect("an object")
}

impl World {
    pub fn store_revision(&self) -> u64 {
        self.store.revision()
    }
}
