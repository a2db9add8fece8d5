//! A pod's place on the node: folders, cgroup, volumes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ironclad_node_core::admit;
use ironclad_node_core::cgroup::CgroupConfig;
use ironclad_node_core::effect::{Answer, Failure};
use ironclad_node_core::{spec, volume};
use k8s_openapi::api::core::v1::{Node, Pod, Volume};

use super::hands::{NodeHands, blocking, other};
use crate::api;
use crate::volumes::mounts;
use ironclad_api::ObjectKey;

impl NodeHands {
    pub(super) async fn prepare(&self, pod: &Pod, cgroup: &CgroupConfig) -> Result<Answer, Failure> {
        let (cgroups, cgroup) = (self.cgroups.clone(), cgroup.clone());
        let uid = spec::uid(pod);
        let dir = PathBuf::from(self.settings.pod_dir(uid));
        let logs = self.settings.pod_log_dir(spec::namespace(pod), spec::name(pod), uid);
        blocking(move || {
            for folder in [dir.clone(), dir.join("volumes"), dir.join("plugins")] {
                make_private(&folder)?;
            }
            std::fs::create_dir_all(&logs).map_err(|error| other(format!("{logs}: {error}")))?;
            cgroups.apply(&cgroup).map_err(|error| other(format!("pod cgroup: {error}")))?;
            Ok(Answer::Done)
        })
        .await
    }

    pub(super) async fn resize_cgroup(&self, cgroup: &CgroupConfig) -> Result<Answer, Failure> {
        let (cgroups, cgroup) = (self.cgroups.clone(), cgroup.clone());
        blocking(move || cgroups.apply(&cgroup).map(|()| Answer::Done).map_err(other)).await
    }

    pub(super) async fn unprepare(&self, pod: &Pod, cgroup_path: String) -> Result<Answer, Failure> {
        let cgroups = self.cgroups.clone();
        let dir = PathBuf::from(self.settings.pod_dir(spec::uid(pod)));
        self.volumes.forget(spec::uid(pod));
        blocking(move || {
            cgroups.remove(&cgroup_path).map_err(|error| other(format!("pod cgroup: {error}")))?;
            remove_pod_dir(&dir)?;
            Ok(Answer::Done)
        })
        .await
    }

    pub(super) async fn set_up_volume(&self, pod: &Arc<Pod>, volume: &Volume) -> Result<Answer, Failure> {
        let done = self.volumes.set_up(pod, volume).await;
        done.map(|()| Answer::Done).map_err(|why| Failure::other(volume::set_up_failed(&volume.name, &why)))
    }

    pub(super) async fn tear_down_volume(&self, pod: &Arc<Pod>, volume: &Volume) -> Result<Answer, Failure> {
        self.volumes.tear_down(pod, volume).await.map(|()| Answer::Done).map_err(Failure::other)
    }

    /// Whether there is room for a pod to grow, beside the others as they were granted.
    pub(super) fn admit_resize(&self, pod: &Pod) -> Answer {
        let key = ObjectKey::cluster(self.settings.node_name.clone());
        let node =
            self.api.own.get(&api::nodes().group_resource(), &key).and_then(|entry| entry.typed::<Node>());
        let node = node.map(|node| (*node).clone()).unwrap_or_default();
        let pages = self.book.pages();
        let others = pages.iter().filter(|page| page.is_taken() && page.uid() != spec::uid(pod));
        let others: Vec<&Pod> = others.map(|page| &*page.pod).collect();
        match admit::resize_fits(&spec::of(pod), &node, &others) {
            Ok(()) => Answer::Done,
            Err(rejection) => Answer::Refused(rejection),
        }
    }
}

/// For root alone: what pods keep here is theirs.
fn make_private(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o750).create(folder);
    made.map_err(|error| other(format!("{}: {error}", folder.display())))
}

/// Removes a pod's folder, but never through a mount: what is mounted there is not the pod's to delete.
pub(super) fn remove_pod_dir(dir: &Path) -> Result<(), Failure> {
    mounts::unmount_below(dir).map_err(other)?;
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(other(format!("{}: {error}", dir.display())))
        }
        _ => Ok(()),
    }
}
