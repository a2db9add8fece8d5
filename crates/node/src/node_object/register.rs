//! Making the Node object, or adopting the one that is there.

use std::collections::BTreeMap;
use std::time::Duration;

use ironclad_api::{ObjectKey, Status};
use ironclad_env::Env;
use ironclad_node_core::node_status;
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};

use super::facts::NodeFacts;
use crate::api::{self, Api};

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(7);

/// Tries until the API has the Node, with its labels. `status` is rendered for its creation.
pub(crate) async fn register(
    env: &Env,
    api: &Api,
    facts: &NodeFacts,
    more_labels: &BTreeMap<String, String>,
    status: impl Fn() -> Value,
) {
    let mut labels = node_status::labels(&facts.hostname, &facts.system.architecture);
    labels.extend(more_labels.clone());
    let mut pause = FIRST_RETRY;
    loop {
        match attempt(api, facts, &labels, status()).await {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, "not registered yet"),
        }
        env.sleep(pause).await;
        pause = (pause * 2).min(LAST_RETRY);
    }
}

async fn attempt(
    api: &Api,
    facts: &NodeFacts,
    labels: &BTreeMap<String, String>,
    status: Value,
) -> Result<(), Status> {
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": facts.name,
            "labels": labels,
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "status": status,
    });
    match api.create(api::nodes(), "", node).await {
        Ok(_) => {
            tracing::info!(node = facts.name, "registered");
            Ok(())
        }
        Err(error) if error.is_already_exists() => adopt(api, facts, labels).await,
        Err(error) => Err(error),
    }
}

/// The node was registered before: its labels are brought up to date, and what others gave it stays.
async fn adopt(api: &Api, facts: &NodeFacts, labels: &BTreeMap<String, String>) -> Result<(), Status> {
    let key = ObjectKey::cluster(facts.name.clone());
    let node: Node = api.get(api::nodes(), &key).await?;
    let old = node.metadata.labels.unwrap_or_default();
    let changed: BTreeMap<_, _> = labels.iter().filter(|(key, value)| old.get(*key) != Some(value)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    api.patch(api::nodes(), &key, "", &json!({"metadata": {"labels": changed}})).await.map(drop)
}
