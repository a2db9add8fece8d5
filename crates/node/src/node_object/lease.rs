//! The node's lease: a heartbeat that costs next to nothing (KEP-589).

use std::time::Duration;

use ironclad_api::{ObjectKey, Status, time};
use ironclad_client::{PatchKind, Request, Target};
use ironclad_env::Env;
use serde_json::json;

use crate::api::{self, Api};

const NAMESPACE: &str = "kube-node-lease";
const EVERY: Duration = Duration::from_secs(10);
const LIFETIME_S: u32 = 40;
/// After a failure: what is late must not be later still.
const RETRY: Duration = Duration::from_secs(1);

/// Renews the lease for ever.
pub(crate) async fn keep_lease(env: Env, api: Api, node: String) {
    loop {
        let pause = match renew(&env, &api, &node).await {
            Ok(()) => EVERY,
            Err(error) => {
                tracing::debug!(%error, "lease not renewed");
                RETRY
            }
        };
        env.sleep(pause).await;
    }
}

async fn renew(env: &Env, api: &Api, node: &str) -> Result<(), Status> {
    let renewed = json!({"spec": {
        "holderIdentity": node,
        "leaseDurationSeconds": LIFETIME_S,
        "renewTime": time::format_micro(env.now()),
    }});
    let target = Target::object(api::leases(), &ObjectKey::new(NAMESPACE, node));
    let patched = api.client.call(Request::patch(target, PatchKind::Merge, renewed.to_string())).await;
    match patched {
        Err(error) if error.is_not_found() => create(env, api, node).await,
        patched => patched.map(drop),
    }
}

/// Owned by the Node, so that it goes when that does.
async fn create(env: &Env, api: &Api, node: &str) -> Result<(), Status> {
    let entry = api.own.get(&api::nodes().group_resource(), &ObjectKey::cluster(node));
    let owners =
        entry.map(|entry| json!([{"apiVersion": "v1", "kind": "Node", "name": node, "uid": entry.uid}]));
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": node, "namespace": NAMESPACE, "ownerReferences": owners},
        "spec": {
            "holderIdentity": node,
            "leaseDurationSeconds": LIFETIME_S,
            "renewTime": time::format_micro(env.now()),
        },
    });
    api.create(api::leases(), NAMESPACE, lease).await.map(drop)
}
