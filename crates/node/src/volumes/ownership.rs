//! Giving a volume to the group that `fsGroup` names.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;

use ironclad_node_core::volume::ownership;
use k8s_openapi::api::core::v1::Pod;

/// Folders within folders that are followed; deeper ones are an error.
const MAX_DEPTH: usize = 64;

/// Changes group and mode of everything in the folder, if the pod asks for it.
pub(super) fn give(folder: &Path, pod: &Pod, read_only: bool) -> io::Result<()> {
    let Some(wanted) = ownership::of_pod(pod) else { return Ok(()) };
    let gid = u32::try_from(wanted.gid).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    if wanted.on_root_mismatch && fits(folder, gid, read_only)? {
        return Ok(());
    }
    give_all(folder, gid, read_only, MAX_DEPTH)
}

/// Whether the folder itself is as it should be already.
fn fits(folder: &Path, gid: u32, read_only: bool) -> io::Result<bool> {
    let metadata = std::fs::symlink_metadata(folder)?;
    let mode = metadata.mode() & 0o7777;
    Ok(metadata.gid() == gid && ownership::mode(mode, true, read_only) == mode)
}

fn give_all(path: &Path, gid: u32, read_only: bool, depth: usize) -> io::Result<()> {
    let metadata = std::fs::symlink_metadata(path)?;
    lchown(path, None, Some(gid))?;
    if metadata.file_type().is_symlink() {
        return Ok(());
    }
    let mode = ownership::mode(metadata.mode() & 0o7777, metadata.is_dir(), read_only);
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    if metadata.is_dir() {
        let depth = depth.checked_sub(1).ok_or_else(|| io::Error::other("folders are nested too deep"))?;
        for entry in std::fs::read_dir(path)? {
            give_all(&entry?.path(), gid, read_only, depth)?;
        }
    }
    Ok(())
}
