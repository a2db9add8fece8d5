//! What is tidied up now and then: cgroups of the classes, leftovers of pods that are gone, dead containers, logs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ironclad_cri::v1;
use ironclad_node_core::gc::container::{self, KEPT_PER_CONTAINER, Removal};
use ironclad_node_core::pod::State;
use ironclad_remote::RemoteCache;
use k8s_openapi::api::core::v1::Pod;

use super::Parts;
use crate::cgroups::Cgroups;
use crate::config::{AgentConfig, Paths};
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
    let (paths, cgroups, root) = (config.paths.clone(), parts.cgroups.clone(), config.names.cgroup.clone());
    // Looked for before it is asked who is known: what a pod makes that comes in between is not among them.
    let look = move || Leftovers::look(&paths, &cgroups, &root);
    let Ok(found) = tokio::task::spawn_blocking(look).await else { return };
    let Ok(sandboxes) = parts.hands.cri.list_pod_sandboxes(None::<v1::PodSandboxFilter>).await else {
        return;
    };
    let label = ironclad_node_core::container::labels::POD_UID;
    let mut known = parts.manager.uids();
    known.extend(sandboxes.into_iter().filter_map(|sandbox| sandbox.labels.get(label).cloned()));
    let (links, cgroups) = (config.paths.container_logs.clone(), parts.cgroups.clone());
    let remove = move || {
        found.remove(&known, &cgroups);
        logs::prune_links(&links);
    };
    let _ = tokio::task::spawn_blocking(remove).await;
}

/// What there is of pods on this node, known or not: each with the pod's uid.
struct Leftovers {
    folders: Vec<(String, PathBuf)>,
    logs: Vec<(String, PathBuf)>,
    cgroups: Vec<(String, String)>,
}

impl Leftovers {
    fn look(paths: &Paths, cgroups: &Cgroups, root: &str) -> Self {
        let entries = |folder: &Path| {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        };
        // Folders of logs are called `NAMESPACE_NAME_UID`.
        let uid = |name: &str| name.rsplit('_').next().unwrap_or_default().to_owned();
        let logs = entries(&paths.pod_logs).filter(|(name, _)| name.matches('_').count() == 2);
        let of_cgroup = |path: String| (path.rsplit("/pod").next().unwrap_or_default().to_owned(), path);
        Self {
            folders: entries(&paths.pods()).collect(),
            logs: logs.map(|(name, path)| (uid(&name), path)).collect(),
            cgroups: cgroups.pods(root).into_iter().map(of_cgroup).collect(),
        }
    }

    /// Removes what is of pods that are not known.
    fn remove(&self, known: &BTreeSet<String>, cgroups: &Cgroups) {
        for (_, path) in self.folders.iter().filter(|(uid, _)| !known.contains(uid)) {
            let removed = mounts::unmount_below(path).and_then(|()| std::fs::remove_dir_all(path));
            match removed {
                Ok(()) => tracing::info!(path = %path.display(), "left-over pod folder removed"),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "left-over pod folder not removed");
                }
            }
        }
        for (_, path) in self.logs.iter().filter(|(uid, _)| !known.contains(uid)) {
            let _ = std::fs::remove_dir_all(path);
        }
        for (_, path) in self.cgroups.iter().filter(|(uid, _)| !known.contains(uid)) {
            if let Err(error) = cgroups.remove(path) {
                tracing::warn!(%error, "left-over cgroup not removed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_there_before_and_is_of_nobody_is_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        let paths = Paths::below(dir.path());
        let make = |uid: &str| {
            std::fs::create_dir_all(paths.pods().join(uid).join("volumes")).expect("made");
            std::fs::create_dir_all(paths.pod_logs.join(format!("ns_{uid}_{uid}"))).expect("made");
        };
        make("known");
        make("gone");
        std::fs::create_dir_all(paths.pod_logs.join("somebody-elses")).expect("made");
        let cgroups = Cgroups::detect();
        let found = Leftovers::look(&paths, &cgroups, "/no-such-cgroup");
        make("new");
        found.remove(&BTreeSet::from(["known".to_owned()]), &cgroups);
        let names = |folder: &Path| {
            let entries = std::fs::read_dir(folder).expect("a folder").flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<BTreeSet<_>>()
        };
        assert_eq!(names(&paths.pods()), BTreeSet::from(["known", "new"].map(str::to_owned)));
        let logs = ["ns_known_known", "ns_new_new", "somebody-elses"].map(str::to_owned);
        assert_eq!(names(&paths.pod_logs), BTreeSet::from(logs));
    }
}
