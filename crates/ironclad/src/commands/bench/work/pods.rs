//! Pods: from the accepted create to Running, one after the other and all at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::params::DeleteOptions;
use ironclad_api::{GroupVersionKind, Status};
use ironclad_client::{Cache, Change, Client, Observer, Request, Target};
use ironclad_env::EnvironmentExt;
use ironclad_remote::{RemoteCache, WatchSpec};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Figures;
use crate::commands::bench::Bench;
use crate::commands::bench::cluster::pods;

const LIMIT: Duration = Duration::from_secs(120);
/// Pods that are started one after the other.
const ALONE: usize = 10;

struct Watcher {
    env: ironclad_env::Env,
    running: mpsc::UnboundedSender<(String, Duration)>,
}

impl Observer for Watcher {
    fn changed(&self, change: &Change) {
        let Some(entry) = &change.new else { return };
        if entry.object().str_at(&["status", "phase"]) == "Running" {
            // The bench may have ended; nobody counts then.
            let _ = self.running.send((entry.key.name.clone(), self.env.elapsed()));
        }
    }
}

pub async fn run(bench: Arc<Bench>) -> Result<Vec<Figures>, Status> {
    let account = bench.cluster.default_service_account(&bench.env);
    let made = bench.env.timeout(LIMIT, account).await;
    made.ok_or_else(|| Status::timeout("the namespace has no default service account", 0))?;
    let spec = WatchSpec {
        namespace: Some(bench.cluster.namespace.clone()),
        ..WatchSpec::all(GroupVersionKind::new("", "v1", "Pod"), "pods", true)
    };
    let cache = RemoteCache::start(&bench.env, bench.cluster.client(0), vec![spec]);
    let synced = bench.env.timeout(LIMIT, cache.synced()).await;
    synced.ok_or_else(|| Status::timeout("the watch did not begin in time", 0))?;
    // Bounded by the status changes of the pods of this bench.
    let (running, mut seen) = mpsc::unbounded_channel();
    cache.observe(&[pods().group_resource()], Arc::new(Watcher { env: bench.env.clone(), running }));

    let before = bench.servers.now();
    let mut alone = Vec::new();
    let began = bench.env.elapsed();
    for number in 0..ALONE.min(bench.pods) {
        alone.extend(batch(&bench, &mut seen, vec![format!("alone-{number}")]).await?);
    }
    let took = bench.env.elapsed().saturating_sub(began);
    let alone = Figures::new("pod, alone", alone, took, bench.servers.since(before));

    let before = bench.servers.now();
    let began = bench.env.elapsed();
    let names = (0..bench.pods).map(|number| format!("together-{number}")).collect();
    let together = batch(&bench, &mut seen, names).await?;
    let took = bench.env.elapsed().saturating_sub(began);
    let name = format!("pods, {} at once", bench.pods);
    let together = Figures::new(name, together, took, bench.servers.since(before));
    Ok(vec![alone, together])
}

/// Creates pods, waits until all of them run, deletes them. How long each took.
async fn batch(
    bench: &Arc<Bench>,
    seen: &mut mpsc::UnboundedReceiver<(String, Duration)>,
    names: Vec<String>,
) -> Result<Vec<Duration>, Status> {
    let mut accepted = HashMap::new();
    for (number, name) in names.iter().enumerate() {
        bench.cluster.create(number, pods(), pod(name, &bench.image)).await?;
        accepted.insert(name.clone(), bench.env.elapsed());
    }
    let mut latencies = Vec::with_capacity(names.len());
    while !accepted.is_empty() {
        match bench.env.timeout(LIMIT, seen.recv()).await {
            Some(Some((name, at))) => {
                latencies.extend(accepted.remove(&name).map(|accepted| at.saturating_sub(accepted)));
            }
            _ => return Err(Status::timeout(format!("{} pods do not run in time", accepted.len()), 0)),
        }
    }
    for name in names {
        let target = Target::object(pods(), &bench.cluster.key(name));
        let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        bench.cluster.client(0).call(Request::delete(target, now)).await?;
    }
    Ok(latencies)
}

fn pod(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": image, "imagePullPolicy": "IfNotPresent"}],
        },
    })
}
