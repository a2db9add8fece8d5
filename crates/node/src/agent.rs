//! The agent: everything put together, started in order, and let go.

mod housekeeping;
mod images;
mod pressure;
mod settings;
mod tasks;
mod usage;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;
use ironclad_api::{GroupVersionKind, ObjectKey};
use ironclad_client::{Cache, Client, Recorder};
use ironclad_cri::Cri;
use ironclad_env::Env;
use ironclad_node_core::node_status;
use ironclad_pki::tls::{self, TlsError};
use ironclad_remote::{RemoteCache, RemoteClient, RemoteError, WatchSpec};
use k8s_openapi::api::core::v1::Node;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::api::{self, Api};
use crate::cgroups::Cgroups;
use crate::config::AgentConfig;
use crate::dns;
use crate::machine::Machine;
use crate::network::{self, NetworkError};
use crate::node_object::{self, Health, NodeFacts, Reporter};
use crate::pods::{Book, Events, Manager, NodeHands, SharedHands};
use crate::runtime::{self, Inspector, RuntimeUp, RuntimeUpError};
use crate::server::{self, ServerAccess, Shared};
use crate::services;
use crate::sources::{Follow, Gatherer};
use crate::volumes::Volumes;
use images::ImageKeeper;
use tasks::Tasks;

/// Why the agent cannot be started. What can be mended while it runs (an API server that is away, a container
/// runtime that dies) is no reason.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StartError(#[from] Reason);

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Runtime(#[from] RuntimeUpError),
    #[error("the API's client: {0}")]
    Client(#[from] RemoteError),
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    #[error("the pod network: {0}")]
    Network(#[from] NetworkError),
    #[error("{what}: {source}")]
    Files { what: String, source: std::io::Error },
}

/// A running agent. Dropping it stops it as [`Agent::shutdown`] does.
pub struct Agent {
    tasks: Tasks,
    runtime: runtime::Runtime,
    ready: watch::Receiver<Arc<Vec<String>>>,
}

impl Agent {
    /// Starts the agent: returns once the runtime answers and everything else is under way.
    pub async fn start(config: AgentConfig, env: Env) -> Result<Self, StartError> {
        let (client, caches) = connect(&config, &env).map_err(StartError)?;
        start(Arc::new(config), env, client, caches).await.map_err(StartError)
    }

    /// Stops the agent. Pods, services and names go on.
    pub fn shutdown(self) {
        self.runtime.let_go();
        drop(self.tasks);
    }

    /// Returns once the runtime and the pod network are fit to run pods.
    pub async fn ready(&self) {
        let mut ready = self.ready.clone();
        // The sender lives as long as the agent.
        let _ = ready.wait_for(|troubles| troubles.is_empty()).await;
    }

    /// What keeps the node from being ready right now, in words.
    pub fn troubles(&self) -> Vec<String> {
        self.ready.borrow().to_vec()
    }
}

/// The caches of an agent. Each is filled by itself, so that none waits for what another may not read.
struct Caches {
    own: Arc<RemoteCache>,
    services: Arc<RemoteCache>,
    /// All Nodes, for the routes to their pods.
    nodes: Arc<RemoteCache>,
}

fn connect(config: &AgentConfig, env: &Env) -> Result<(Arc<RemoteClient>, Caches), Reason> {
    let access = &config.api;
    let tls = tls::client_config(&access.trust, Some(access.identity.clone()), tls::UNSET)?;
    let client = RemoteClient::new(&access.url, tls, None, "kubelet")?;
    let kind =
        |group: &str, name: &str| GroupVersionKind::new(group.to_owned(), "v1".to_owned(), name.to_owned());
    let own = vec![
        WatchSpec::all(kind("", "Pod"), "pods", true).selecting("spec.nodeName", &config.node_name),
        WatchSpec::all(kind("", "Node"), "nodes", false).selecting("metadata.name", &config.node_name),
    ];
    let services = vec![
        WatchSpec::all(kind("", "Service"), "services", true),
        WatchSpec::all(kind("discovery.k8s.io", "EndpointSlice"), "endpointslices", true),
    ];
    let nodes = vec![WatchSpec::all(kind("", "Node"), "nodes", false)];
    let caches = Caches {
        own: RemoteCache::start(env, &client, own),
        services: RemoteCache::start(env, &client, services),
        nodes: RemoteCache::start(env, &client, nodes),
    };
    Ok((client, caches))
}

async fn start(
    config: Arc<AgentConfig>,
    env: Env,
    client: Arc<RemoteClient>,
    caches: Caches,
) -> Result<Agent, Reason> {
    for folder in [&config.paths.root, &config.paths.pods(), &config.paths.pod_logs, &config.paths.run] {
        let failed = |source| Reason::Files { what: folder.display().to_string(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    if config.pod_network {
        network::set_up(&config).await?;
    }
    let up = runtime::bring_up(&config, &env).await?;
    let api = Api {
        client: client.clone() as Arc<dyn Client>,
        own: caches.own.clone(),
        services: caches.services.clone(),
        services_known: Arc::new(AtomicBool::new(false)),
    };
    let follow: Follow = {
        let (env, client) = (env.clone(), client.clone());
        Arc::new(move |watch| RemoteCache::start(&env, &client, vec![watch]) as Arc<dyn Cache>)
    };
    let parts = Parts::new(&config, &env, &up, api, follow);
    let mut tasks = Tasks::new(env.clone());
    let (health, ready) = Health::new();
    parts.run(&mut tasks, &config, &caches, &up, health, ready.clone());
    Ok(Agent { tasks, runtime: up.runtime, ready })
}

/// The agent's parts, shared by its tasks.
#[derive(Clone)]
struct Parts {
    env: Env,
    api: Api,
    facts: NodeFacts,
    machine: Arc<Machine>,
    capacity: node_status::capacity::Machine,
    settings: Arc<ironclad_node_core::NodeSettings>,
    cgroups: Cgroups,
    book: Arc<Book>,
    hands: Arc<NodeHands>,
    manager: Arc<Manager>,
    events: Events,
    pressure: watch::Sender<ironclad_node_core::admit::Pressure>,
}

impl Parts {
    fn new(config: &Arc<AgentConfig>, env: &Env, up: &RuntimeUp, api: Api, follow: Follow) -> Self {
        let machine = Arc::new(Machine::look());
        let capacity = node_object::machine_capacity(&machine, config.max_pods, &config.paths.root);
        let cgroups = Cgroups::detect();
        let settings = Arc::new(settings::of_node(config, env, up, &machine, &capacity, &cgroups));
        let inspector = Arc::new(Inspector::new(up.cri.clone()));
        let recorder = Recorder::new(env.clone(), api.client.clone(), "kubelet", config.node_name.clone());
        let (events, _recording) = Events::start(env, Arc::new(recorder));
        let book = Arc::new(Book::default());
        let sources = Arc::new(Gatherer::new(env.clone(), api.clone(), settings.clone(), follow));
        let volumes = Arc::new(Volumes::new(env.clone(), settings.clone(), sources.clone()));
        let hands = Arc::new(NodeHands {
            env: env.clone(),
            settings: settings.clone(),
            paths: config.paths.clone(),
            cri: up.cri.clone(),
            inspector: inspector.clone(),
            api: api.clone(),
            cgroups: cgroups.clone(),
            sources,
            volumes,
            images: Default::default(),
            statuses: Default::default(),
            events: events.clone(),
            book: book.clone(),
            limits: Default::default(),
        });
        let shared = Arc::new(SharedHands(hands.clone()));
        let manager =
            Manager::new(env.clone(), settings.clone(), api.clone(), inspector.clone(), shared, book.clone());
        let facts = NodeFacts {
            name: config.node_name.clone(),
            hostname: config.hostname.clone(),
            addresses: config.addresses.clone(),
            agent_port: config.listen.port(),
            system: NodeFacts::system(&machine),
            runtime: node_status::Runtime {
                name: up.name.clone(),
                version: up.version.trim_start_matches('v').to_owned(),
                ..Default::default()
            },
        };
        let (pressure, _) = watch::channel(Default::default());
        Self {
            env: env.clone(),
            api,
            facts,
            machine,
            capacity,
            settings,
            cgroups,
            book,
            hands,
            manager,
            events,
            pressure,
        }
    }

    /// Sets everything in motion.
    fn run(
        &self,
        tasks: &mut Tasks,
        config: &Arc<AgentConfig>,
        caches: &Caches,
        up: &RuntimeUp,
        health: Health,
        ready: watch::Receiver<Arc<Vec<String>>>,
    ) {
        tasks.add("node-health", health.run(self.env.clone(), up.cri.clone()));
        let reporter = Arc::new(Reporter {
            env: self.env.clone(),
            api: self.api.clone(),
            cri: up.cri.clone(),
            facts: self.facts.clone(),
            capacity: self.capacity.clone(),
            events: self.events.clone(),
            troubles: ready,
            pressure: self.pressure.subscribe(),
            written: Mutex::new(None),
        });
        tasks.add("node-object", self.clone().keep_node(config.clone(), reporter));
        if config.pod_network {
            let conf = up.cni_conf.clone();
            tasks.add("pod-network", self.clone().keep_conflist(config.clone(), conf));
            let (nodes, env, own) = (caches.nodes.clone(), self.env.clone(), config.node_name.clone());
            tasks.add("pod-routes", async move {
                nodes.synced().await;
                network::routes::keep(env, nodes, own).await;
            });
        }
        let (pods, services) = (caches.own.clone(), caches.services.clone());
        let (manager, ups) = (self.manager.clone(), up.runtime.ups());
        tasks.add(
            "container-exits",
            runtime::watch_exits(self.env.clone(), up.socket.clone(), manager.clone()),
        );
        tasks.add("pods", async move {
            pods.synced().await;
            manager.run(ups).await;
        });
        let known = self.api.services_known.clone();
        tasks.add("services-known", async move {
            services.synced().await;
            known.store(true, Ordering::Release);
        });
        self.run_services(tasks, config, caches);
        tasks.add("agent-server", self.clone().serve(config.clone(), up.cri.clone()));
        let images = ImageKeeper::new(self.env.clone(), up.cri.clone(), config.sandbox_image.clone());
        tasks.add("pressure", pressure::run(self.clone(), images, config.paths.root.clone()));
        tasks.add("housekeeping", housekeeping::run(self.clone(), config.clone(), caches.own.clone()));
    }

    /// The service proxy and DNS. What was there before stays as it is until services are known.
    fn run_services(&self, tasks: &mut Tasks, config: &Arc<AgentConfig>, caches: &Caches) {
        let known = || {
            let services = caches.services.clone();
            async move { services.synced().await }
        };
        if config.service_proxy {
            let (known, proxy) = (known(), services::run(self.env.clone(), self.api.clone(), config.clone()));
            tasks.add("services", async move {
                known.await;
                proxy.await;
            });
        }
        if let Some(program) = config.dns_program.clone() {
            let (known, zone) = (known(), dns::keep_zone(self.env.clone(), self.api.clone(), config.clone()));
            tasks.add("dns-zone", async move {
                known.await;
                zone.await;
            });
            tasks.add("dns-process", dns::keep_process(self.env.clone(), config.clone(), program));
        }
    }

    /// Answers the API server and whoever else asks.
    async fn serve(self, config: Arc<AgentConfig>, cri: Arc<dyn Cri>) {
        let node = config.node_name.clone();
        let shared = Arc::new(Shared {
            env: self.env,
            settings: self.settings,
            cri,
            book: self.book,
            cgroups: self.cgroups,
            machine: self.machine,
            access: ServerAccess::new(self.api.client, config.client_ca.clone(), node),
        });
        if let Err(error) = server::serve(shared, config.listen, config.serving.clone()).await {
            tracing::error!(%error, "the agent's server cannot be set up");
        }
    }

    /// Registers the node and keeps its status and lease.
    async fn keep_node(self, config: Arc<AgentConfig>, reporter: Arc<Reporter>) {
        let first = reporter.clone();
        node_object::register(&self.env, &self.api, &self.facts, &config.labels, || first.first()).await;
        let lease = node_object::keep_lease(self.env.clone(), self.api.clone(), self.facts.name.clone());
        futures::join!(reporter.run(), lease);
    }

    /// Writes the CNI configuration as soon as the node has been given its range, and again when that changes.
    async fn keep_conflist(self, config: Arc<AgentConfig>, folder: std::path::PathBuf) {
        loop {
            let cidrs = self.pod_cidrs();
            if !cidrs.is_empty()
                && let Err(error) = network::write_conflist(&config, &folder, &cidrs)
            {
                tracing::warn!(%error, "the CNI configuration is not written");
            }
            let pause = if cidrs.is_empty() { POD_CIDR_POLL } else { CONFLIST_CHECK };
            self.env.sleep(pause).await;
        }
    }

    fn pod_cidrs(&self) -> Vec<IpNet> {
        let key = ObjectKey::cluster(self.facts.name.clone());
        let node =
            self.api.own.get(&api::nodes().group_resource(), &key).and_then(|entry| entry.typed::<Node>());
        let spec = node.and_then(|node| node.spec.clone()).unwrap_or_default();
        let listed = spec.pod_cidrs.unwrap_or_else(|| spec.pod_cidr.into_iter().collect());
        listed.iter().filter_map(|net| net.parse().ok()).collect()
    }
}

/// The range comes with the first sight of the Node; looking costs nothing.
const POD_CIDR_POLL: std::time::Duration = std::time::Duration::from_millis(50);
const CONFLIST_CHECK: std::time::Duration = std::time::Duration::from_secs(30);
