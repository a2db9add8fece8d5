//! The control plane: production code over a simulated store, as the binary puts it together.

use std::sync::Arc;
use std::time::Duration;

use ironclad_admission::{Outside, Plugins};
use ironclad_api::gvk::GroupResource;
use ironclad_api::{GroupVersionResource, Object, ObjectKey, Status};
use ironclad_auth::{NodeAuthorizer, Rbac, Union};
use ironclad_client::{Cache, Client, Deferred, PatchKind, Request, Target};
use ironclad_control::{Runner, Running};
use ironclad_controllers::token_secrets::{AccountSecret, SecretTokens};
use ironclad_engine::gate::{Authenticated, TokenAuthenticator, User};
use ironclad_engine::{Engine, LocalClient, Parts, Registry, ServerClient};
use ironclad_env::{BoxFuture, Env, SimEnv};
use ironclad_kinds::Services;
use ironclad_kinds::service_account::{TokenGrant, TokenIssuer};
use ironclad_node_core::NodeSettings;
use ironclad_scheduler::Scheduler;
use ironclad_store::model::MemoryStore;
use ironclad_webhook::Caller;
use ironclad_webhook::resolver::NoServices;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::faults::FaultyStore;
use crate::node::Agent;
use crate::runtime::Runtime;

pub const NODE: &str = "node-1";
/// The longest that a call may take in simulated time.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// A cluster of one node. The store and the runtime survive everything; the rest can be killed.
pub struct Cluster {
    pub sim: Arc<SimEnv>,
    pub env: Env,
    pub store: Arc<FaultyStore>,
    pub runtime: Arc<Runtime>,
    server: Option<Server>,
    agent: Option<Agent>,
}

/// What dies with the server process. Fields are dropped in order: who writes goes first.
struct Server {
    _controllers: Running,
    _scheduler: ironclad_scheduler::Running,
    engine: Arc<Engine>,
}

impl Cluster {
    /// A cluster with its namespaces, its roles and a ready node.
    pub fn new(seed: u64) -> Self {
        let sim = SimEnv::new(seed);
        let env = sim.shared();
        let store = FaultyStore::new(MemoryStore::new(), env.clone());
        let runtime = Arc::new(Runtime::new(env.clone()));
        let mut cluster = Self { sim, env, store, runtime, server: None, agent: None };
        cluster.start_server();
        cluster.bootstrap();
        cluster.start_agent();
        cluster
    }

    // === life and death ===

    pub fn start_server(&mut self) {
        let (env, store) = (self.env.clone(), self.store.clone());
        let started = self.sim.block_on(CALL_LIMIT, async move { start_engine(env, store).await });
        let engine = started.expect("the engine starts in time");
        let cache: Arc<dyn Cache> = engine.cache();
        let client_of = |name: &str| -> Arc<dyn Client> {
            let user = match ironclad_controllers::OF_THE_SERVER.contains(&name) {
                true => User::server(),
                false => controller_user(name),
            };
            Arc::new(LocalClient::new(engine.clone(), Arc::new(user), name))
        };
        let settings = ironclad_controllers::Settings {
            root_ca: "simulated".into(),
            tokens: Arc::new(NoTokens),
            certificates: None,
        };
        let runner = Runner { env: self.env.clone(), cache: cache.clone() };
        let controllers = runner.start(ironclad_controllers::all(&settings), &client_of);
        let scheduler_user =
            User { name: "system:kube-scheduler".into(), groups: authenticated(), ..User::default() };
        let client = Arc::new(LocalClient::new(engine.clone(), Arc::new(scheduler_user), "kube-scheduler"));
        let scheduler = Scheduler::start(self.env.clone(), cache, client);
        self.server = Some(Server { _controllers: controllers, _scheduler: scheduler, engine });
    }

    /// `kill -9` of the server: whatever was under way stops where it is.
    pub fn kill_server(&mut self) {
        self.agent = None;
        self.server = None;
    }

    /// The agent needs the server's cache here, so it starts after it.
    pub fn start_agent(&mut self) {
        let user = User {
            name: format!("system:node:{NODE}"),
            groups: vec!["system:nodes".into(), "system:authenticated".into()],
            ..User::default()
        };
        let client = Arc::new(LocalClient::new(self.engine().clone(), Arc::new(user), "kubelet"));
        let settings = Arc::new(node_settings(self.env.now()));
        let cache = self.engine().cache();
        self.agent = Some(Agent::start(self.env.clone(), settings, cache, client, self.runtime.clone()));
    }

    pub fn kill_agent(&mut self) {
        self.agent = None;
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.server.as_ref().expect("the server runs").engine
    }

    pub fn run_for(&self, duration: Duration) {
        self.sim.run_for(duration);
    }

    /// Runs until `condition` holds. Panics after `limit` with what there is.
    pub fn run_until(&self, what: &str, limit: Duration, condition: impl Fn(&Self) -> bool) {
        let end = self.env.elapsed() + limit;
        while !condition(self) {
            assert!(self.env.elapsed() < end, "not within {limit:?}: {what}\n{}", self.describe());
            self.run_for(Duration::from_millis(100));
        }
    }

    // === talking to it ===

    /// A call as the administrator.
    pub fn call(&self, request: Request) -> Result<Object, Status> {
        let client = self.admin();
        let result = self.sim.block_on(CALL_LIMIT, async move { client.call(request).await });
        result.expect("a call is answered in time")
    }

    fn admin(&self) -> LocalClient {
        let groups = vec!["system:masters".into(), "system:authenticated".into()];
        let user = User { name: "admin".into(), groups, ..User::default() };
        LocalClient::new(self.engine().clone(), Arc::new(user), "admin")
    }

    pub fn create(&self, value: Value) -> Object {
        let object = Object::from_value(value).expect("an object");
        let key = object.key();
        let request =
            Request::create(Target::collection(resource_of(&object), key.namespace.clone()), object);
        self.call(request).unwrap_or_else(|status| panic!("creating {key}: {status}"))
    }

    /// Creates against a disk that fails now and then.
    pub fn create_until_it_holds(&self, value: Value) {
        let object = Object::from_value(value).expect("an object");
        let target = Target::collection(resource_of(&object), object.namespace());
        for _ in 0..100 {
            match self.call(Request::create(target.clone(), object.clone())) {
                Ok(_) => return,
                // It was applied though it seemed to fail.
                Err(status) if status.is_already_exists() => return,
                Err(_) => self.run_for(Duration::from_millis(100)),
            }
        }
        panic!("{} was never created", object.key());
    }

    pub fn get(&self, group: &'static str, resource: &'static str, key: &ObjectKey) -> Option<Object> {
        let entry = self.engine().cache().get(&GroupResource::new(group, resource), key);
        entry.map(|entry| entry.object())
    }

    pub fn list(&self, group: &'static str, resource: &'static str) -> Vec<Object> {
        let entries = self.engine().cache().list(&GroupResource::new(group, resource), None);
        entries.iter().map(|entry| entry.object()).collect()
    }

    /// Pods, and where they stand; for failures of tests.
    pub fn describe(&self) -> String {
        let line = |pod: &Object| {
            let phase = pod.str_at(&["status", "phase"]);
            format!("{} {phase} on {:?} {}", pod.key(), pod.str_at(&["spec", "nodeName"]), pod.0["status"])
        };
        let pods = self.list("", "pods");
        let mut lines: Vec<String> = pods.iter().map(line).collect();
        for (group, resource) in [("apps", "deployments"), ("apps", "replicasets")] {
            let sets = self.list(group, resource);
            lines.extend(
                sets.iter()
                    .map(|set| format!("{} {} {}", set.key(), set.0["spec"]["replicas"], set.0["status"])),
            );
        }
        lines.join("\n")
    }

    fn bootstrap(&self) {
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            self.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
        }
        for (_, object) in ironclad_auth::bootstrap::objects().expect("readable") {
            self.create(object.into_value());
        }
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {
            "name": NODE, "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"},
        }});
        self.create(node);
        let amounts = json!({"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "100Gi"});
        let now = ironclad_api::time::format(self.env.now());
        let ready = json!([{"type": "Ready", "status": "True", "lastHeartbeatTime": now}]);
        let status = json!({"capacity": amounts, "allocatable": amounts, "conditions": ready});
        self.patch_node(json!({ "status": status })).expect("the node's status is written");
        self.run_until("the default service account", CALL_LIMIT, |cluster| {
            cluster.get("", "serviceaccounts", &ObjectKey::new("default", "default")).is_some()
        });
    }

    /// The agent's sign of life. Without it the node is taken for dead after 50 seconds.
    pub fn heartbeat(&self) {
        let now = ironclad_api::time::format(self.env.now());
        let patch = json!({"status": {"conditions": [
            {"type": "Ready", "status": "True", "lastHeartbeatTime": now},
        ]}});
        // A failing disk is part of the game: the next one counts.
        drop(self.patch_node(patch));
    }

    fn patch_node(&self, patch: Value) -> Result<Object, Status> {
        let nodes = GroupVersionResource::new("", "v1", "nodes");
        let target = Target::object(nodes, &ObjectKey::cluster(NODE)).subresource("status");
        self.call(Request::patch(target, PatchKind::Strategic, patch.to_string()))
    }
}

fn resource_of(object: &Object) -> GroupVersionResource {
    let version = ironclad_api::GroupVersion::parse(object.api_version()).expect("a version");
    let kind = object.kind().to_lowercase();
    let plural = match kind.strip_suffix('s') {
        Some(_) if kind != "endpoints" => format!("{kind}es"),
        _ => format!("{kind}s"),
    };
    version.resource(plural)
}

fn authenticated() -> Vec<String> {
    vec!["system:authenticated".into()]
}

fn controller_user(name: &str) -> User {
    let mut groups = authenticated();
    groups.extend(["system:serviceaccounts".to_owned(), "system:serviceaccounts:kube-system".to_owned()]);
    User { name: format!("system:serviceaccount:kube-system:{name}"), groups, ..User::default() }
}

async fn start_engine(env: Env, store: Arc<FaultyStore>) -> Arc<Engine> {
    let cache = Arc::new(Deferred::default());
    let rbac = Rbac::new(cache.clone());
    let policy = ironclad_auth::bootstrap::objects().expect("readable");
    let node = Arc::new(NodeAuthorizer::new(cache.clone(), &policy));
    let authorizer = Union::new(vec![node, rbac.clone()]);
    let services = Services {
        authorizer: authorizer.clone(),
        rules: rbac.clone(),
        tokens: Arc::new(NoTokens),
        issuer: Arc::new(NoTokens),
        pod_network: "10.244.0.0/16".parse().expect("a network"),
        service_network: "10.96.0.0/16".parse().expect("a network"),
    };
    let registry = Registry::new(ironclad_kinds::all(&services));
    let caller = Caller::new(env.clone(), Arc::new(NoServices));
    let server = Arc::new(ServerClient::default());
    let outside = Outside {
        caller,
        authorizer: authorizer.clone(),
        rules: rbac,
        pod_security: Default::default(),
        client: server.clone(),
    };
    let admission = Plugins::standard(env.clone(), cache.clone(), &outside);
    let parts = Parts::new(env, store, registry, authorizer, admission);
    let engine = Engine::start(parts).await.expect("the store is readable");
    cache.fill(engine.cache());
    server.fill(&engine);
    engine
}

/// Nobody logs in here.
struct NoTokens;

impl TokenAuthenticator for NoTokens {
    fn authenticate<'a>(
        &'a self,
        _token: &'a str,
        _audiences: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Authenticated>, String>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

impl SecretTokens for NoTokens {
    fn sign(&self, _account: &AccountSecret<'_>) -> Result<String, String> {
        Err("the simulator signs no tokens".into())
    }
}

impl TokenIssuer for NoTokens {
    fn default_audiences(&self) -> Vec<String> {
        Vec::new()
    }

    fn issue(&self, _grant: &TokenGrant, _now: Timestamp) -> Result<String, String> {
        Err("the simulator issues no tokens".into())
    }
}

fn node_settings(now: Timestamp) -> NodeSettings {
    NodeSettings {
        node_name: NODE.into(),
        host_ips: vec!["192.168.0.1".parse().expect("an address")],
        runtime_name: "containerd".into(),
        root_dir: "/var/lib/kubelet".into(),
        pod_logs_dir: "/var/log/pods".into(),
        seccomp_dir: "/var/lib/kubelet/seccomp".into(),
        cluster_dns: vec!["10.96.0.10".parse().expect("an address")],
        cluster_domain: "cluster.local".into(),
        host_resolv: Default::default(),
        host_hosts: String::new(),
        cgroups: ironclad_node_core::cgroup::CgroupLayout {
            version: ironclad_node_core::cgroup::CgroupVersion::V2,
            driver: ironclad_node_core::cgroup::CgroupDriver::Cgroupfs,
            root: "/kubepods".into(),
        },
        memory_capacity_bytes: 8 << 30,
        allocatable: ironclad_node_core::settings::Allocatable {
            cpu_milli: 4000,
            memory_bytes: 8 << 30,
            ephemeral_storage_bytes: 100 << 30,
        },
        allowed_unsafe_sysctls: Vec::new(),
        recursive_read_only_mounts: true,
        swap_accounting: false,
        agent_started: now,
    }
}
