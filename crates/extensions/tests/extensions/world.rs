//! An engine that knows nothing but definitions.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ironclad_api::params::{DeleteOptions, FieldValidation, GetOptions, ListOptions, WriteOptions};
use ironclad_api::status::Status;
use ironclad_api::{GroupVersion, fields, labels};
use ironclad_client::{Body, Operation, Patch, PatchKind, Request, Target};
use ironclad_engine::{
    Admission, AdmissionRequest, Attributes, Authorizer, Context, Decision, Engine, Parts, Registry, User,
};
use ironclad_env::{BoxFuture, Environment, SimEnv};
use ironclad_extensions::Extensions;
use ironclad_kinds::custom_resource_definition::CustomResourceDefinition;
use ironclad_store::Store;
use ironclad_store::model::MemoryStore;
use ironclad_webhook::Caller;
use ironclad_webhook::resolver::NoServices;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(3600);
pub const CRDS: &str = "apiextensions.k8s.io/v1/customresourcedefinitions";

pub struct World {
    env: Arc<SimEnv>,
    pub engine: Arc<Engine>,
    pub store: Arc<MemoryStore>,
    _extensions: Extensions,
}

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

pub struct Answer {
    pub code: u16,
    pub body: Value,
    pub warnings: Vec<String>,
}

impl World {
    pub fn new() -> Self {
        Self::on(SimEnv::new(1), MemoryStore::new())
    }

    /// The same store after a restart.
    pub fn restarted(self) -> Self {
        let (env, store) = (self.env.clone(), self.store.clone());
        drop(self);
        Self::on(env, store)
    }

    fn on(env: Arc<SimEnv>, store: Arc<MemoryStore>) -> Self {
        let registry = Registry::new([Arc::new(CustomResourceDefinition::new()) as Arc<_>]);
        let gate = Arc::new(Open);
        let parts =
            Parts::new(env.shared(), store.clone() as Arc<dyn Store>, registry, gate.clone(), gate.clone());
        let engine = env.block_on(LIMIT, Engine::start(parts)).expect("in time").expect("starts");
        let caller = Caller::new(env.shared(), Arc::new(NoServices));
        let started = env.block_on(LIMIT, Extensions::start(engine.clone(), caller));
        let extensions = started.expect("in time").expect("starts");
        Self { env, engine, store, _extensions: extensions }
    }

    /// Lets time pass.
    pub fn wait(&self, duration: Duration) {
        let env = self.env.clone();
        self.env.block_on(LIMIT, async move { env.sleep(duration).await }).expect("in time");
    }

    pub fn request(&self, target: Target, operation: Operation) -> Answer {
        let user = User { name: "ann".to_owned(), ..User::default() };
        let context = Context::new(Arc::new(user), "kubectl/v1.36");
        let (engine, used) = (self.engine.clone(), context.clone());
        let handled = async move { engine.handle(&used, Request { target, operation }).await };
        let response = self.env.block_on(LIMIT, handled).expect("in time");
        let warnings = context.warnings.lock().clone();
        match response {
            Ok(response) => {
                let code = response.code();
                Answer { code, body: response.into_object().expect("no watch").into_value(), warnings }
            }
            Err(status) => {
                let body = serde_json::from_slice(&status.to_json()).expect("JSON");
                Answer { code: status.code, body, warnings }
            }
        }
    }

    pub fn call(&self, verb: &str, path: &str, body: Value) -> Answer {
        self.request(target(path), operation(verb, &body))
    }

    /// Calls, and holds the answer against a code and a part of the body.
    #[track_caller]
    pub fn check(&self, verb: &str, path: &str, body: Value, code: u16, want: Value) -> Value {
        let answer = self.call(verb, path, body);
        let context = format!("{verb} {path}: {:#}", answer.body);
        assert_eq!(answer.code, code, "{context}");
        if let Err(why) = contains(&answer.body, &want, "") {
            panic!("{why}\nin the answer to {context}");
        }
        answer.body
    }

    /// The error of a call.
    #[track_caller]
    pub fn check_error(&self, verb: &str, path: &str, body: Value, code: u16, message: &str) {
        let answer = self.call(verb, path, body);
        let got = answer.body["message"].as_str().unwrap_or_default();
        assert_eq!((answer.code, got), (code, message), "{verb} {path}");
    }

    /// Creates a definition and waits until what it defines is served.
    #[track_caller]
    pub fn define(&self, definition: Value) -> Value {
        let name = definition["metadata"]["name"].as_str().expect("a name").to_owned();
        self.check("create", CRDS, definition, 201, json!({}));
        self.wait(Duration::from_millis(10));
        let established = json!({"status": {"conditions": [{"type": "NamesAccepted", "status": "True"},
            {"type": "Established", "status": "True", "reason": "InitialNamesAccepted"}]}});
        self.check("get", &format!("{CRDS} {name}"), json!(null), 200, established)
    }
}

fn operation(verb: &str, body: &Value) -> Operation {
    let bytes = || Bytes::from(body.to_string());
    let write = WriteOptions { field_manager: "test".to_owned(), ..WriteOptions::default() };
    let strict = WriteOptions { field_validation: FieldValidation::Strict, ..write.clone() };
    let applied = |text: &str| {
        Operation::Patch(Patch { kind: PatchKind::Apply, body: Bytes::from(text.to_owned()) }, strict.clone())
    };
    let patch = |kind| Operation::Patch(Patch { kind, body: bytes() }, write.clone());
    match verb {
        "get" => Operation::Get(GetOptions::default()),
        "list" => {
            let text = |name: &str| body[name].as_str().unwrap_or_default();
            Operation::List(ListOptions {
                label_selector: labels::Selector::parse(text("labels")).expect("a selector"),
                field_selector: fields::Selector::parse(text("fields")).expect("a selector"),
                ..ListOptions::default()
            })
        }
        "create" => Operation::Create(Body::Json(bytes()), write),
        "apply-yaml-strict" => applied(body.as_str().unwrap_or_default()),
        "create-strict" => Operation::Create(Body::Json(bytes()), strict.clone()),
        "update" => Operation::Update(Body::Json(bytes()), write),
        "json-patch" => patch(PatchKind::Json),
        "merge" => patch(PatchKind::Merge),
        "apply" => patch(PatchKind::Apply),
        "delete" => Operation::Delete(DeleteOptions::default()),
        other => panic!("no verb {other}"),
    }
}

/// `example.com/v1/widgets ns/a status`
pub fn target(path: &str) -> Target {
    let mut words = path.split(' ');
    let (version, resource) = words.next().and_then(|word| word.rsplit_once('/')).expect("a resource");
    let (group, version) = version.split_once('/').expect("a group");
    let object = words.next().unwrap_or_default();
    let (namespace, name) = object.split_once('/').unwrap_or(("", object));
    Target {
        resource: GroupVersion::new(group.to_owned(), version.to_owned()).resource(resource.to_owned()),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: words.next().unwrap_or_default().to_owned(),
    }
}

/// Whether `got` has everything that `want` has. In `want`, null means absent.
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
        (Value::Array(got), Value::Array(want)) if got.len() == want.len() => got
            .iter()
            .zip(want)
            .enumerate()
            .try_for_each(|(at, (got, want))| contains(got, want, &format!("{path}[{at}]"))),
        _ if got == want => Ok(()),
        _ => Err(format!("{path} is {got}, not {want}")),
    }
}

/// The schema of a widget.
pub fn schema() -> Value {
    json!({"type": "object", "properties": {
        "spec": {"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "minimum": 1},
            "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
            "note": {"type": "string", "nullable": true},
            "replicas": {"type": "integer"},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "port": {"x-kubernetes-int-or-string": true},
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "weight": {"type": "integer"}}}}}},
        "status": {"type": "object", "properties": {
            "phase": {"type": "string", "maxLength": 7}, "replicas": {"type": "integer"}, "selector": {"type": "string"}}}}})
}

/// A namespaced kind with status, scale, a column and a selectable field; fields of the
/// specification may be given.
pub fn widgets(spec: Value) -> Value {
    let mut whole = json!({"group": "example.com", "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"], "categories": ["all"]},
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema()},
            "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}},
            "selectableFields": [{"jsonPath": ".spec.color"}],
            "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]}]});
    if let (Some(whole), Some(spec)) = (whole.as_object_mut(), spec.as_object()) {
        whole.extend(spec.clone());
    }
    let name = format!(
        "{}.{}",
        whole["names"]["plural"].as_str().unwrap_or_default(),
        whole["group"].as_str().unwrap_or_default()
    );
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": name}, "spec": whole})
}

pub fn widget(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}
