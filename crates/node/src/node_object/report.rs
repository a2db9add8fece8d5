//! The Node's status: rendered often, written when it says something new, and now and then.

use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{ObjectKey, Status};
use ironclad_cri::Cri;
use ironclad_env::{Env, EnvironmentExt};
use ironclad_node_core::admit::Pressure;
use ironclad_node_core::node_status::capacity::Machine as Capacity;
use ironclad_node_core::node_status::{self, Image, NodeView};
use k8s_openapi::api::core::v1::{Node, NodeStatus};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::facts::NodeFacts;
use super::health::Troubles;
use crate::api::{self, Api};
use crate::machine::{Disk, Machine};
use crate::pods::Events;

/// Between two looks; a change is written then at the latest.
const EVERY: Duration = Duration::from_secs(10);
/// A status that says nothing new is written this often.
const AT_LEAST: Duration = Duration::from_secs(300);
const RETRY: Duration = Duration::from_secs(1);
/// How long an agent that starts waits for good news: saying "not ready" of a node that was ready takes its pods out
/// of service, and usually it only means that nobody has asked the runtime yet.
const FIRST: Duration = Duration::from_secs(10);

/// What the machine has, as its status counts it. `storage` is a path on the disk of volumes and logs.
pub(crate) fn machine_capacity(machine: &Machine, max_pods: u32, storage: &std::path::Path) -> Capacity {
    Capacity {
        cpu_cores: machine.cpus,
        memory_bytes: machine.memory_bytes,
        ephemeral_storage_bytes: i64::try_from(Disk::of(storage).capacity_bytes).unwrap_or(i64::MAX),
        hugepages: Vec::new(),
        max_pods,
        reserved: Default::default(),
    }
}

/// Writes the status.
pub(crate) struct Reporter {
    pub env: Env,
    pub api: Api,
    pub cri: Arc<dyn Cri>,
    pub facts: NodeFacts,
    pub capacity: Capacity,
    pub events: Events,
    pub troubles: watch::Receiver<Troubles>,
    pub pressure: watch::Receiver<Pressure>,
    /// What was written last, and when.
    pub written: Mutex<Option<(NodeStatus, Duration)>>,
}

impl Reporter {
    /// The status as a new Node is registered with.
    pub(crate) fn first(&self) -> Value {
        let (status, _) = self.render(&NodeStatus::default(), &[]);
        serde_json::to_value(status).unwrap_or_default()
    }

    /// Reports for ever; the Node must be there.
    pub(crate) async fn run(self: Arc<Self>) {
        let (mut troubles, mut pressure) = (self.troubles.clone(), self.pressure.clone());
        let good_news = async { drop(troubles.wait_for(|troubles| troubles.is_empty()).await) };
        self.env.timeout(FIRST, good_news).await;
        loop {
            let pause = match self.report().await {
                Ok(()) => EVERY,
                Err(error) => {
                    tracing::debug!(%error, "the node's status is not written");
                    RETRY
                }
            };
            tokio::select! {
                () = self.env.sleep(pause) => {}
                Ok(()) = troubles.changed() => {}
                Ok(()) = pressure.changed() => {}
            }
        }
    }

    async fn report(&self) -> Result<(), Status> {
        let key = ObjectKey::cluster(self.facts.name.clone());
        let previous =
            match self.api.own.get(&api::nodes().group_resource(), &key).and_then(|e| e.typed::<Node>()) {
                Some(node) => node.status.clone().unwrap_or_default(),
                None => self.api.get::<Node>(api::nodes(), &key).await?.status.unwrap_or_default(),
            };
        let (status, events) = self.render(&previous, &self.images().await);
        let now = self.env.elapsed();
        let due = match &*self.written.lock() {
            None => true,
            Some((written, at)) => now.saturating_sub(*at) >= AT_LEAST || !says_same(written, &status),
        };
        if !due && says_same(&previous, &status) {
            return Ok(());
        }
        let Some(patch) = patch(&previous, &status) else { return Ok(()) };
        self.api.patch(api::nodes(), &key, "status", &patch).await?;
        *self.written.lock() = Some((status, now));
        events.into_iter().for_each(|event| self.events.of_node(&self.facts.name, event));
        Ok(())
    }

    fn render(
        &self,
        previous: &NodeStatus,
        images: &[Image],
    ) -> (NodeStatus, Vec<ironclad_node_core::event::PodEvent>) {
        let troubles = self.troubles.borrow().clone();
        let pressure = *self.pressure.borrow();
        let view = NodeView {
            name: &self.facts.name,
            hostname: &self.facts.hostname,
            addresses: &self.facts.addresses,
            agent_port: self.facts.agent_port,
            machine: &self.capacity,
            system: &self.facts.system,
            images,
            runtime: &self.facts.runtime,
            troubles: &troubles,
            pressure,
        };
        node_status::render(&view, previous, self.env.now())
    }

    async fn images(&self) -> Vec<Image> {
        let listed = self.cri.list_images(None).await.unwrap_or_default();
        let image = |image: ironclad_cri::v1::Image| Image {
            digests: image.repo_digests,
            tags: image.repo_tags,
            size_bytes: i64::try_from(image.size).unwrap_or(i64::MAX),
        };
        listed.into_iter().map(image).collect()
    }
}

/// Whether two statuses differ in nothing but when they were seen to be true.
fn says_same(a: &NodeStatus, b: &NodeStatus) -> bool {
    let timeless = |status: &NodeStatus| {
        let mut status = status.clone();
        for condition in status.conditions.iter_mut().flatten() {
            condition.last_heartbeat_time = None;
        }
        status
    };
    timeless(a) == timeless(b)
}

/// The strategic merge patch from one status to the other; `None` if there is nothing to say.
fn patch(old: &NodeStatus, new: &NodeStatus) -> Option<Value> {
    let fields = |status: &NodeStatus| match serde_json::to_value(status) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let (old, new) = (fields(old), fields(new));
    let mut changed = Map::new();
    for (name, value) in &new {
        if old.get(name) == Some(value) {
            continue;
        }
        let mut value = value.clone();
        // Two addresses of one type would be merged into one.
        if let (true, Value::Array(items)) = (name == "addresses", &mut value) {
            items.push(json!({"$patch": "replace"}));
        }
        changed.insert(name.clone(), value);
    }
    (!changed.is_empty()).then(|| json!({"status": changed}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_names_only_what_changed() {
        let check = |old: Value, new: Value, expected: Option<Value>| {
            let read = |value: Value| serde_json::from_value::<NodeStatus>(value).expect("a status");
            assert_eq!(patch(&read(old), &read(new)), expected);
        };
        let cpu = |n: &str| json!({"capacity": {"cpu": n}, "phase": "Running"});
        check(cpu("1"), cpu("1"), None);
        check(cpu("1"), cpu("2"), Some(json!({"status": {"capacity": {"cpu": "2"}}})));
        let at = |ip: &str| json!({"addresses": [{"type": "InternalIP", "address": ip}]});
        let replaced = json!([{"type": "InternalIP", "address": "b"}, {"$patch": "replace"}]);
        check(at("a"), at("b"), Some(json!({"status": {"addresses": replaced}})));
    }
}
