//! `/var/log/containers/POD_NS_CONTAINER-ID.log`: where log shippers look.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use ironclad_node_core::{ContainerFact, NodeSettings, spec};
use k8s_openapi::api::core::v1::Pod;

/// Names of files are not longer than this.
const MAX_NAME: usize = 255;

/// A link to a container's log.
pub(crate) struct Link {
    at: PathBuf,
    to: PathBuf,
}

/// The link for one attempt at a container.
pub(crate) fn link(settings: &NodeSettings, folder: &Path, pod: &Pod, container: &ContainerFact) -> Link {
    let (namespace, name) = (spec::namespace(pod), spec::name(pod));
    let suffix = format!("-{}.log", container.id);
    let mut stem = format!("{name}_{namespace}_{}", container.name);
    stem.truncate(stem.floor_char_boundary(MAX_NAME.saturating_sub(suffix.len())));
    let logs = settings.pod_log_dir(namespace, name, spec::uid(pod));
    let to = Path::new(&logs).join(&container.name).join(format!("{}.log", container.attempt));
    Link { at: folder.join(stem + &suffix), to }
}

impl Link {
    pub(crate) fn make(&self) -> io::Result<()> {
        if let Some(folder) = self.at.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let _ = std::fs::remove_file(&self.at);
        symlink(&self.to, &self.at)
    }
}

/// Removes the link of a container.
pub(crate) fn unlink(folder: &Path, id: &str) {
    let suffix = format!("-{id}.log");
    for path in links(folder).filter(|path| path.to_string_lossy().ends_with(&suffix)) {
        let _ = std::fs::remove_file(path);
    }
}

/// Removes links whose log is gone.
pub(crate) fn prune(folder: &Path) {
    for path in links(folder).filter(|path| !path.exists()) {
        let _ = std::fs::remove_file(path);
    }
}

fn links(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|ext| ext == "log"))
}
