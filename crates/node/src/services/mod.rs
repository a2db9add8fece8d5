//! The service proxy: services and endpoint slices to nf_tables, on a thread of its own.

mod health_server;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::ObjectKey;
use ironclad_client::typed::CacheExt;
use ironclad_client::{Change, Observer};
use ironclad_env::Env;
use ironclad_proxy::{
    Family, HealthCheck, NodeFacts, NodePortAddresses, Plan, PodMasquerade, Proxy, ProxyError, plan,
};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use tokio::sync::Notify;
use tokio::sync::watch;

use crate::api::{self, Api};
use crate::config::AgentConfig;
use crate::network;
use health_server::HealthServers;

/// The label with the name of the node's zone.
const ZONE: &str = "topology.kubernetes.io/zone";
/// Others may have changed the tables: they are compared this often.
const REPAIR: Duration = Duration::from_secs(30);
/// Changes that come within this time are one transaction.
const GATHER: Duration = Duration::from_millis(10);
/// So many times as long as the last round took nothing is done: services that change all the time must not take a
/// processor for themselves, however many there are.
const REST: u32 = 4;
/// After a failure.
const RETRY: Duration = Duration::from_secs(5);

/// Wakes whoever looks at services anew.
pub(crate) struct Waker(pub Arc<Notify>);

impl Observer for Waker {
    fn changed(&self, _: &Change) {
        self.0.notify_one();
    }
}

/// The services and slices that are known.
pub(crate) fn objects(api: &Api) -> (Vec<Arc<Service>>, Vec<Arc<EndpointSlice>>) {
    let services = api.services.list_as::<Service>(&api::services().group_resource(), None);
    let slices = api.services.list_as::<EndpointSlice>(&api::endpoint_slices().group_resource(), None);
    (services, slices)
}

/// Has `notify` woken at every change of services and slices.
pub(crate) fn observe(api: &Api, notify: &Arc<Notify>) {
    let resources = [api::services().group_resource(), api::endpoint_slices().group_resource()];
    api.services.observe(&resources, Arc::new(Waker(notify.clone())));
}

/// How long to do nothing after a round that took so long.
pub(crate) fn rest(took: Duration) -> Duration {
    took * REST
}

/// Keeps the tables as the objects say. To be called once these have been listed: what is in the tables from before
/// stays until then.
pub(crate) async fn run(env: Env, api: Api, config: Arc<AgentConfig>) {
    let facts = node_facts(&config);
    let worker = Worker::start(&env);
    let mut health = HealthServers::new(env.clone(), config.addresses.clone());
    let changed = Arc::new(Notify::new());
    observe(&api, &changed);
    api.own.observe(&[api::nodes().group_resource()], Arc::new(Waker(changed.clone())));
    loop {
        env.sleep(GATHER).await;
        let begun = env.elapsed();
        let (services, slices) = objects(&api);
        let facts = NodeFacts { zone: zone(&api, &facts.name), ..facts.clone() };
        let plan = plan(&services, &slices, &facts);
        health.set(&plan.health_checks);
        worker.plan(plan);
        env.sleep(rest(env.elapsed().saturating_sub(begun))).await;
        changed.notified().await;
    }
}

/// Where the node is, as its object says: that label may come or change at any time.
fn zone(api: &Api, node: &str) -> Option<String> {
    let node = api.own.get(&api::nodes().group_resource(), &ObjectKey::cluster(node))?;
    node.labels.get(ZONE).cloned()
}

fn node_facts(config: &AgentConfig) -> NodeFacts {
    let mut families = vec![Family::Ip];
    if config.cluster.has_ipv6() {
        families.push(Family::Ip6);
    }
    NodeFacts {
        name: config.node_name.clone(),
        zone: None,
        addresses: config.addresses.clone(),
        families,
        cluster_cidrs: config.cluster.pod_cidrs.clone(),
        service_cidrs: config.cluster.service_cidrs.clone(),
        node_ports: NodePortAddresses::Primary,
        // The bridge plugin leaves it to us.
        pod_masquerade: match config.pod_network {
            true => PodMasquerade::Except(config.segment.into_iter().collect()),
            false => PodMasquerade::Off,
        },
        behind: config.segment.into_iter().collect(),
        // Answers between pods of one bridge do not pass the packet filter then, and so would not be translated
        // back; under the node's address they have to.
        masquerade_all: config.pod_network && !network::bridge_is_filtered(),
    }
}

/// The thread that talks to the kernel. Only the newest plan waits for it.
struct Worker {
    plans: watch::Sender<Option<Arc<Plan>>>,
}

impl Worker {
    fn start(env: &Env) -> Self {
        let (plans, mut waiting) = watch::channel::<Option<Arc<Plan>>>(None);
        let env_of_thread = env.clone();
        let work = async move {
            let env = env_of_thread;
            let mut kernel = Kernel::default();
            loop {
                let newest = waiting.borrow_and_update().clone();
                let pause = match newest {
                    Some(plan) => kernel.commit(plan).await,
                    None => REPAIR,
                };
                tokio::select! {
                    changed = waiting.changed() => if changed.is_err() { return },
                    () = env.sleep(pause) => {}
                }
            }
        };
        env.spawn("service-proxy", Box::pin(work));
        Self { plans }
    }

    fn plan(&self, plan: Plan) {
        self.plans.send_replace(Some(Arc::new(plan)));
    }
}

/// The open sockets, and what was committed last.
#[derive(Default)]
struct Kernel {
    proxy: Option<Proxy>,
    committed: Option<Arc<Plan>>,
}

impl Kernel {
    /// Commits a plan, or repairs the tables if it has been committed before. Returns when to look again.
    async fn commit(&mut self, plan: Arc<Plan>) -> Duration {
        let proxy = self.proxy.take();
        let again = self.committed.as_ref().is_some_and(|old| Arc::ptr_eq(old, &plan));
        let wanted = plan.clone();
        let done = tokio::task::spawn_blocking(move || commit(proxy, &wanted, again)).await;
        match done {
            Ok(Ok(proxy)) => {
                self.proxy = Some(proxy);
                self.committed = Some(plan);
                REPAIR
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "services are not as they should be");
                RETRY
            }
            Err(_) => RETRY,
        }
    }
}

fn commit(proxy: Option<Proxy>, plan: &Plan, again: bool) -> Result<Proxy, ProxyError> {
    let mut proxy = match proxy {
        Some(proxy) => proxy,
        None => Proxy::open()?,
    };
    let synced = if again { proxy.repair(plan)? } else { proxy.sync(plan)? };
    tracing::debug!(changes = synced.rules.changes, forgotten = synced.forgotten_flows, "services");
    Ok(proxy)
}

/// The ports that are to answer, for telling which are new and which are gone.
fn ports(checks: &[HealthCheck]) -> BTreeSet<u16> {
    checks.iter().map(|check| check.port).collect()
}
