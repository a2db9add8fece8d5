//! What is tidied up now and then: cgroups of the classes, leftovers of pods that are gone, dead containers, logs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ironclad_cri::v1;
use ironclad_node_core::gc::container::{self, KEPT_PER_CONTAINER, Removal};
use ironclad_node_core::pod::State;
use ironclad_remote::RemoteCache;
use k8s_openapi::api::core::v1::Pod;

use super::Parts;
use crate::config::AgentConfig;
use crate::logs;
use crate::volumes::mounts;

const EVERY: Duration = Duration::from_secs(10);
/// Every how many rounds the slower work is done.
const SLOW: u32 = 6;

/// Tidies up for ever, once this node's pods are known.
pub(super) async fn run(parts: Parts, config: Arc<AgentConfig>, own: Arc<RemoteCache>) {
    weigh_classes(&parts);
    own.synced().await;
    // Workers are made right after: what has none then is left over.
    parts.env.sleep(EVERY).await;
    for round in 0_u32.. {
        weigh_classes(&parts);
        rotate_logs(&parts).await;
        if round % SLOW == 0 {
            collect_dead(&parts).await;
            remove_leftovers(&parts, &config).await;
        }
        parts.env.sleep(EVERY).await;
    }
}

/// The cgroups that hold pods, with weights by what their pods ask for.
fn weigh_classes(parts: &Parts) {
    let pages = parts.book.pages();
    let pods: Vec<&Pod> = pages.iter().filter(|page| page.is_taken()).map(|page| &*page.pod).collect();
    let node = &parts.settings.allocatable;
    for cgroup in parts.settings.cgroups.parents(node.cpu_milli, node.memory_bytes, pods) {
        if let Err(error) = parts.cgroups.apply(&cgroup) {
            tracing::debug!(%error, "cgroup of a class not written");
        }
    }
}

async fn rotate_logs(parts: &Parts) {
    for page in parts.book.pages() {
        for fact in page.facts.containers.iter().filter(|fact| fact.running()) {
            let pod = &page.pod;
            let meta = &pod.metadata;
            let (namespace, name) =
                (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
            let folder = parts.settings.pod_log_dir(namespace, name, page.uid());
            let log = PathBuf::from(folder).join(&fact.name).join(format!("{}.log", fact.attempt));
            if let Err(error) = logs::rotate(&*parts.hands.cri, &fact.id, &log, parts.env.now()).await {
                tracing::warn!(%error, log = %log.display(), "log not rotated");
            }
        }
    }
}

/// Dead containers and sandboxes of pods that live on.
async fn collect_dead(parts: &Parts) {
    let cri = &parts.hands.cri;
    for page in parts.book.pages().into_iter().filter(|page| page.state == State::Active) {
        for removal in container::of_pod(&page.facts, KEPT_PER_CONTAINER) {
            let removed = match removal {
                Removal::Container { id, stop_first } => {
                    if stop_first {
                        let _ = cri.stop_container(&id, 2).await;
                    }
                    parts.hands.remove_dead(&id).await
                }
                Removal::Sandbox { id } => parts.hands.remove_dead_sandbox(&id).await,
            };
            if let Err(failure) = removed {
                tracing::warn!(why = failure.message, "dead container not removed");
            }
        }
    }
    parts.manager.nudge();
}

/// Folders, mounts, cgroups and logs of pods that neither the API nor the runtime has.
async fn remove_leftovers(parts: &Parts, config: &AgentConfig) {
    let Ok(sandboxes) = parts.hands.cri.list_pod_sandboxes(None::<v1::PodSandboxFilter>).await else {
        return;
    };
    let label = ironclad_node_core::container::labels::POD_UID;
    let mut known = parts.manager.uids();
    known.extend(sandboxes.into_iter().filter_map(|sandbox| sandbox.labels.get(label).cloned()));
    let (paths, cgroups, root) = (config.paths.clone(), parts.cgroups.clone(), config.names.cgroup.clone());
    let work = move || {
        remove_pod_folders(&paths.pods(), &known);
        remove_pod_logs(&paths.pod_logs, &known);
        logs::prune_links(&paths.container_logs);
        for path in cgroups.pods(&root) {
            let uid = path.rsplit("/pod").next().unwrap_or_default();
            if !known.contains(uid)
                && let Err(error) = cgroups.remove(&path)
            {
                tracing::warn!(%error, "left-over cgroup not removed");
            }
        }
    };
    let _ = tokio::task::spawn_blocking(work).await;
}

fn remove_pod_folders(pods: &std::path::Path, known: &BTreeSet<String>) {
    let entries = std::fs::read_dir(pods).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| !known.contains(&*entry.file_name().to_string_lossy())) {
        let path = entry.path();
        let removed = mounts::unmount_below(&path).and_then(|()| std::fs::remove_dir_all(&path));
        match removed {
            Ok(()) => tracing::info!(path = %path.display(), "left-over pod folder removed"),
            Err(error) => tracing::warn!(path = %path.display(), %error, "left-over pod folder not removed"),
        }
    }
}

/// Folders are called `NAMESPACE_NAME_UID`.
fn remove_pod_logs(folder: &std::path::Path, known: &BTreeSet<String>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let uid = name.rsplit('_').next().unwrap_or_default();
        if name.matches('_').count() == 2 && !known.contains(uid) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
