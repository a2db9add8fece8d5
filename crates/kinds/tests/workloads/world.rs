//! An engine with the kinds under test, where everybody may do everything.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ironclad_api::GroupVersion;
use ironclad_api::params::{DeleteOptions, GetOptions, WriteOptions};
use ironclad_api::status::Status;
use ironclad_client::{Body, Operation, Patch, PatchKind, Request, Target};
use ironclad_engine::{
    Admission, AdmissionRequest, Attributes, Authorizer, Context, Decision, Engine, Parts, Registry,
    Strategy, User,
};
use ironclad_env::{BoxFuture, SimEnv};
use ironclad_kinds::{deployment, job, pod, replica_set};
use ironclad_store::model::MemoryStore;
use serde_json::{Value, json};

use crate::budget::Budget;

const LIMIT: Duration = Duration::from_secs(3600);

struct Open;

impl Authorizer for Open {
    fn authorize<'a>(&'a self, _: &'a Attributes) -> BoxFuture<'a, Decision> {
        Box::pin(std::future::ready(Decision::Allow { reason: String::new() }))
    }
}

impl Admission for Open {
    fn mutate<'a>(&'a self, _: &'a mut AdmissionRequest<'_>) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn validate<'a>(&'a self, _: &'a AdmissionRequest<'_>) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

pub struct World {
    env: Arc<SimEnv>,
    engine: Arc<Engine>,
}

/// What came of a call.
pub struct Answer {
    pub code: u16,
    pub body: Value,
    pub warnings: Vec<String>,
}

impl World {
    pub fn new() -> Self {
        let env = SimEnv::new(1);
        let kinds: [Arc<dyn Strategy>; 6] = [
            Arc::new(pod::Pod::new()),
            Arc::new(pod::Bindings::new()),
            Arc::new(deployment::Deployment::new()),
            Arc::new(replica_set::ReplicaSet::new()),
            Arc::new(job::Job::new()),
            Arc::new(Budget::new()),
        ];
        let parts = Parts::new(
            env.shared(),
            MemoryStore::new(),
            Registry::new(kinds),
            Arc::new(Open),
            Arc::new(Open),
        );
        let engine = env.block_on(LIMIT, Engine::start(parts)).expect("in time").expect("starts");
        Self { env, engine }
    }

    pub fn call(&self, verb: &str, path: &str, body: Value) -> Answer {
        let request = Request { target: target(path), operation: operation(verb, body) };
        let user = User { name: "ann".to_owned(), ..User::default() };
        let context = Context::new(Arc::new(user), "kubectl/v1.36");
        let (engine, used) = (self.engine.clone(), context.clone());
        let response =
            self.env.block_on(LIMIT, async move { engine.handle(&used, request).await }).expect("in time");
        let warnings = context.warnings.lock().clone();
        let (code, body) = match response {
            Ok(response) => (response.code(), response.into_object().expect("an object").into_value()),
            Err(status) => (status.code, serde_json::from_slice(&status.to_json()).expect("JSON")),
        };
        Answer { code, body, warnings }
    }

    /// Calls, and holds the answer against a code and a part of the body, where null means absent.
    pub fn check(&self, verb: &str, path: &str, body: Value, code: u16, want: Value) -> Value {
        let answer = self.call(verb, path, body);
        let context = format!("{verb} {path}: {:#}", answer.body);
        assert_eq!(answer.code, code, "{context}");
        if let Err(why) = contains(&answer.body, &want, "") {
            panic!("{why}\nin the answer to {context}");
        }
        answer.body
    }

    /// Holds an error's code and message.
    pub fn check_error(&self, verb: &str, path: &str, body: Value, code: u16, message: &str) {
        let answer = self.call(verb, path, body);
        let got = answer.body["message"].as_str().unwrap_or_default();
        assert_eq!((answer.code, got), (code, message), "{verb} {path}: {:#}", answer.body);
    }
}

fn operation(verb: &str, body: Value) -> Operation {
    let bytes = Bytes::from(body.to_string());
    let options = WriteOptions::default();
    match verb {
        "get" => Operation::Get(GetOptions::default()),
        "create" => Operation::Create(Body::Json(bytes), options),
        "update" => Operation::Update(Body::Json(bytes), options),
        "merge" => Operation::Patch(Patch { kind: PatchKind::Merge, body: bytes }, options),
        "apply" => {
            let options = WriteOptions { field_manager: "ann".to_owned(), ..options };
            Operation::Patch(Patch { kind: PatchKind::Apply, body: bytes }, options)
        }
        "delete" if body.is_null() => Operation::Delete(DeleteOptions::default()),
        "delete" => Operation::Delete(DeleteOptions::from_body(&body).expect("options")),
        other => panic!("no verb {other}"),
    }
}

/// `v1/pods ns/a`, `v1/pods ns/a status`, `v1/pods ns/`.
fn target(path: &str) -> Target {
    let mut words = path.split(' ');
    let (version, resource) = words.next().and_then(|word| word.rsplit_once('/')).expect("a resource");
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let (namespace, name) = words.next().and_then(|word| word.split_once('/')).expect("a namespace");
    Target {
        resource: GroupVersion::new(group.to_owned(), version.to_owned()).resource(resource.to_owned()),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: words.next().unwrap_or_default().to_owned(),
    }
}

fn contains(got: &Value, want: &Value, path: &str) -> Result<(), String> {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => want.iter().try_for_each(|(name, want)| {
            let path = format!("{path}.{name}");
            match (got.get(name), want) {
                (None | Some(Value::Null), Value::Null) => Ok(()),
                (None, _) => Err(format!("{path} is missing")),
                (Some(got), want) => contains(got, want, &path),
            }
        }),
        (Value::Array(got), Value::Array(want)) if got.len() == want.len() => {
            let pairs = got.iter().zip(want).enumerate();
            let mut checks = pairs.map(|(at, (got, want))| contains(got, want, &format!("{path}[{at}]")));
            checks.find(Result::is_err).unwrap_or(Ok(()))
        }
        _ if got == want => Ok(()),
        _ => Err(format!("{path} is {got}, not {want}")),
    }
}

/// A pod with one container, and `spec` over it.
pub fn pod(name: &str, spec: Value) -> Value {
    let mut whole = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "i:1"}]},
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        whole["spec"][field] = value;
    }
    whole
}

pub fn binding(name: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": {"name": name}, "target": {"kind": "Node", "name": node},
    })
}
