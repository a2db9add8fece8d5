//! Whole writes: a body on its way through engine, kinds and admission, over the model store.
//!
//! An input is a line `VERB GROUP/VERSION/RESOURCE[/NAME[/SUBRESOURCE]]` and the body.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ironclad_admission::{Outside, Plugins};
use ironclad_api::params::{DeleteOptions, FieldValidation, WriteOptions};
use ironclad_api::{GroupVersionResource, Reason, Status, protobuf};
use ironclad_auth::Rbac;
use ironclad_client::{Body, Cache, Deferred, Operation, Patch, PatchKind, Request, Target as Place};
use ironclad_engine::gate::{Attributes, Authenticated, Authorizer, Decision, TokenAuthenticator, User};
use ironclad_engine::{Context, Engine, Parts, Registry, ServerClient};
use ironclad_env::{BoxFuture, SimEnv};
use ironclad_kinds::Services;
use ironclad_kinds::service_account::{TokenGrant, TokenIssuer};
use ironclad_store::model::MemoryStore;
use ironclad_webhook::Caller;
use ironclad_webhook::resolver::NoServices;
use jiff::Timestamp;

use super::{Target, none};

pub const TARGET: Target = Target {
    name: "write",
    promise: "what is refused changes nothing and is the client's fault; what is taken can be read",
    check,
    words: &[
        "\"apiVersion\":\"v1\"",
        "\"kind\":\"Pod\"",
        "\"metadata\":",
        "\"name\":\"a\"",
        "\"generateName\":\"a\"",
        "\"labels\":",
        "\"annotations\":",
        "\"finalizers\":[\"a/b\"]",
        "\"ownerReferences\":[{}]",
        "\"managedFields\":[{}]",
        "\"resourceVersion\":\"1\"",
        "\"uid\":\"u\"",
        "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"",
        "\"spec\":",
        "\"status\":",
        "\"selector\":",
        "\"template\":",
        "\"containers\":",
        "\"image\":\"i\"",
        "\"replicas\":-1",
        "\"ports\":[{\"port\":0}]",
        "\"$patch\":\"replace\"",
        "[{\"op\":\"replace\",\"path\":\"/metadata/name\",\"value\":1}]",
        "null",
        "{}",
        "[]",
        "\"\"",
        ",",
        "\n",
    ],
    made: none,
    short_run: 1_200,
};

/// In simulated time.
const LIMIT: Duration = Duration::from_secs(60);

/// What there is before each input.
const THERE: &[(&str, &str)] = &[
    ("v1/namespaces", include_str!("write/namespace.json")),
    ("v1/serviceaccounts", include_str!("write/service_account.json")),
    ("v1/configmaps", include_str!("write/config_map.json")),
    ("v1/pods", include_str!("write/pod.json")),
    ("v1/services", include_str!("write/service.json")),
    ("apps/v1/deployments", include_str!("write/deployment.json")),
    ("apiextensions.k8s.io/v1/customresourcedefinitions", include_str!("write/definition.json")),
];

fn check(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (line, body) = input.split_at(end);
    let Some(request) = read(&String::from_utf8_lossy(line), body.get(1..).unwrap_or_default()) else {
        return;
    };
    thread_local! {
        static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
    }
    // Taken out, so that a world in which something panicked is not used again.
    let world = WORLD.take().unwrap_or_else(World::new);
    let before = world.engine.cache().revision();
    match world.call(request) {
        Ok(()) => {}
        Err(status) => {
            assert!((400..500).contains(&status.code) || is_upstreams(&status), "{status:?}");
            assert!(!status.message.is_empty(), "{status:?}");
            assert_eq!(
                world.engine.cache().revision(),
                before,
                "refused, and yet something changed: {status:?}"
            );
        }
    }
    // Every input finds the same.
    if world.engine.cache().revision() == before {
        WORLD.set(Some(world));
    }
}

/// Upstream answers some faults of clients with 500, where its errors have no type: those have no reason.
fn is_upstreams(status: &Status) -> bool {
    status.code == 500 && status.reason == Reason::Unknown
}

/// `None` if the line is no verb and place.
fn read(line: &str, body: &[u8]) -> Option<Request> {
    let (verb, path) = line.split_once(' ')?;
    let mut parts: Vec<&str> = path.split('/').collect();
    // The core group has no name.
    if parts.first() == Some(&"v1") {
        parts.insert(0, "");
    }
    let mut parts = parts.into_iter().map(str::to_owned);
    let (group, version, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let namespaced =
        !["namespaces", "nodes", "customresourcedefinitions", "clusterroles"].contains(&&*resource);
    let target = Place {
        resource: GroupVersionResource::new(group, version, resource),
        namespace: if namespaced { "default".to_owned() } else { String::new() },
        name: parts.next().unwrap_or_default(),
        subresource: parts.next().unwrap_or_default(),
    };
    Some(Request { target, operation: operation(verb, Bytes::copy_from_slice(body))? })
}

fn operation(verb: &str, body: Bytes) -> Option<Operation> {
    let options = || WriteOptions { field_manager: "fuzz".into(), ..WriteOptions::default() };
    let strict = || WriteOptions { field_validation: FieldValidation::Strict, ..options() };
    let patch =
        |kind, body, force| Operation::Patch(Patch { kind, body }, WriteOptions { force, ..options() });
    Some(match verb {
        "create" => Operation::Create(Body::Json(body), options()),
        "create-strict" => Operation::Create(Body::Json(body), strict()),
        "create-yaml" => Operation::Create(Body::Yaml(body), strict()),
        "create-protobuf" => Operation::Create(Body::Tree(protobuf::decode(&body, None).ok()?), options()),
        "update" => Operation::Update(Body::Json(body), options()),
        "json" => patch(PatchKind::Json, body, false),
        "merge" => patch(PatchKind::Merge, body, false),
        "strategic" => patch(PatchKind::Strategic, body, false),
        "apply" => patch(PatchKind::Apply, body, false),
        "force" => patch(PatchKind::Apply, body, true),
        "delete" => Operation::Delete(DeleteOptions::from_body(&super::decoded(&body)?).ok()?),
        _ => return None,
    })
}

/// An engine with all kinds and all admission plugins, in which everybody may everything.
struct World {
    env: Arc<SimEnv>,
    engine: Arc<Engine>,
}

impl World {
    fn new() -> Self {
        let env = SimEnv::new(1);
        let engine = env.block_on(LIMIT, start(env.clone())).expect("the engine starts in time");
        let world = Self { env, engine };
        for (place, body) in THERE {
            let request = read(&format!("create {place}"), body.as_bytes()).expect("a request");
            world.call(request).unwrap_or_else(|status| panic!("{place}: {status:?}"));
        }
        world
    }

    fn call(&self, request: Request) -> Result<(), Status> {
        let user = User { name: "ann".to_owned(), ..User::default() };
        let context = Context::new(Arc::new(user), "fuzz");
        let engine = self.engine.clone();
        let handled = async move { engine.handle(&context, request).await };
        let response = self.env.block_on(LIMIT, handled).expect("an answer in time")?;
        drop(response.into_object().expect("what was written can be read"));
        Ok(())
    }
}

async fn start(env: Arc<SimEnv>) -> Arc<Engine> {
    let cache = Arc::new(Deferred::default());
    let open: Arc<dyn Authorizer> = Arc::new(Open);
    let rbac = Rbac::new(cache.clone());
    let services = Services {
        authorizer: open.clone(),
        rules: rbac.clone(),
        tokens: Arc::new(Open),
        issuer: Arc::new(Open),
        pod_network: "10.244.0.0/16".parse().expect("a network"),
        service_network: "10.96.0.0/16".parse().expect("a network"),
    };
    let server = Arc::new(ServerClient::default());
    let outside = Outside {
        caller: Caller::new(env.shared(), Arc::new(NoServices)),
        authorizer: open.clone(),
        rules: rbac,
        pod_security: Default::default(),
        client: server.clone(),
    };
    let admission = Plugins::standard(env.shared(), cache.clone(), &outside);
    let registry = Registry::new(ironclad_kinds::all(&services));
    let parts = Parts::new(env.shared(), MemoryStore::new(), registry, open, admission);
    let engine = Engine::start(parts).await.expect("an empty store is readable");
    cache.fill(engine.cache());
    server.fill(&engine);
    engine
}

struct Open;

impl Authorizer for Open {
    fn authorize<'a>(&'a self, _: &'a Attributes) -> BoxFuture<'a, Decision> {
        Box::pin(std::future::ready(Decision::Allow { reason: String::new() }))
    }
}

impl TokenAuthenticator for Open {
    fn authenticate<'a>(
        &'a self,
        _: &'a str,
        _: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Authenticated>, String>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

impl TokenIssuer for Open {
    fn default_audiences(&self) -> Vec<String> {
        Vec::new()
    }

    fn issue(&self, _: &TokenGrant, _: Timestamp) -> Result<String, String> {
        Ok("token".to_owned())
    }
}
