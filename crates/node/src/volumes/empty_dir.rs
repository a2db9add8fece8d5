//! Directories that begin empty.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ironclad_node_core::volume::EmptyDir;

use super::{Work, mounts, ownership};

/// The mark that a directory has been made and given its owner: whether it is empty is the pod's business.
const READY: &str = "ready";

/// Makes the directory, once. What is in it stays.
pub(super) fn make(folder: &Path, kind: &EmptyDir, work: &Work) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mark = mark(folder, work);
    let mounted = mounts::is_mount_point(folder);
    let memory = !matches!(kind, EmptyDir::Disk { .. });
    if mark.exists() && folder.is_dir() && mounted == memory {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    match kind {
        EmptyDir::Memory { size_bytes } if !mounted => mounts::tmpfs(folder, *size_bytes).map_err(failed)?,
        EmptyDir::HugePages { page_size } if !mounted => {
            mounts::hugetlbfs(folder, page_size.as_deref()).map_err(failed)?;
        }
        _ => {}
    }
    // Explicitly, as the umask takes bits from the mode that a directory is made with.
    std::fs::set_permissions(folder, Permissions::from_mode(0o777)).map_err(failed)?;
    ownership::give(folder, &work.pod, false).map_err(failed)?;
    if let Some(parent) = mark.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::write(&mark, "").map_err(failed)
}

/// Beside the volumes, where kubelet keeps its marks.
fn mark(folder: &Path, work: &Work) -> std::path::PathBuf {
    let pod_dir = work.settings.pod_dir(ironclad_node_core::spec::uid(&work.pod));
    let name = folder.file_name().unwrap_or_default();
    Path::new(&pod_dir).join("plugins/kubernetes.io~empty-dir").join(name).join(READY)
}
