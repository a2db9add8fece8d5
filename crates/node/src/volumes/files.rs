//! Volumes that show ConfigMaps, Secrets, the downward API and tokens: replaced at once, in memory where they hold
//! secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use ironclad_node_core::volume::atomic::{self, Current, DATA, DATA_TMP, Write};
use ironclad_node_core::volume::files::Files;

use super::{Work, mounts, ownership};

/// Brings what the folder shows up to date.
pub(super) fn show(folder: &Path, files: &Files, work: &Work) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    make(folder, work).map_err(failed)?;
    let current = current(folder).map_err(failed)?;
    let wanted = as_written(files, work);
    let update = atomic::update(&current, &wanted, work.now)?;
    if let Some(write) = &update.write {
        write_files(folder, write, work).map_err(failed)?;
    }
    for (name, target) in &update.link {
        symlink(target, folder.join(name)).map_err(failed)?;
    }
    for name in &update.unlink {
        std::fs::remove_file(folder.join(name)).map_err(failed)?;
    }
    if let Some(old) = &update.remove_dir {
        std::fs::remove_dir_all(folder.join(old)).map_err(failed)?;
    }
    Ok(())
}

/// Whether the folder shows something already.
pub(super) fn is_set_up(folder: &Path) -> bool {
    folder.join(DATA).is_dir()
}

fn make(folder: &Path, work: &Work) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    if !mounts::is_mount_point(folder) && holds_secrets(work) {
        mounts::tmpfs(folder, 0)?;
    }
    if !is_set_up(folder) {
        std::fs::set_permissions(folder, Permissions::from_mode(0o777))?;
        ownership::give(folder, &work.pod, false)?;
    }
    Ok(())
}

/// Those that upstream keeps in memory.
fn holds_secrets(work: &Work) -> bool {
    let volume = &work.volume;
    volume.secret.is_some() || volume.projected.is_some() || volume.downward_api.is_some()
}

/// The files with the modes that they will have once they are their group's, so that an unchanged volume is seen
/// to be unchanged.
fn as_written(files: &Files, work: &Work) -> Files {
    use ironclad_node_core::volume::ownership;
    let mut files = files.clone();
    if ownership::of_pod(&work.pod).is_some() {
        for file in files.values_mut() {
            file.mode = ownership::mode(file.mode, false, true);
        }
    }
    files
}

fn current(folder: &Path) -> io::Result<Current> {
    let data_dir = match std::fs::read_link(folder.join(DATA)) {
        Ok(target) => target.file_name().map(|name| name.to_string_lossy().into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut files = BTreeMap::new();
    if let Some(dir) = &data_dir {
        read_files(&folder.join(dir), "", &mut files)?;
    }
    let mut visible = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") {
            visible.insert(name);
        }
    }
    Ok(Current { data_dir, files, visible })
}

fn read_files(folder: &Path, prefix: &str, files: &mut BTreeMap<String, (Vec<u8>, u32)>) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // The link may point at what a kill kept from being written.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            read_files(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, (std::fs::read(entry.path())?, metadata.mode() & 0o777));
        }
    }
    Ok(())
}

fn write_files(folder: &Path, write: &Write, work: &Work) -> io::Result<()> {
    let dir = folder.join(&write.dir);
    std::fs::create_dir_all(&dir)?;
    std::fs::set_permissions(&dir, Permissions::from_mode(0o755))?;
    for (path, file) in &write.files {
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, &file.bytes)?;
        std::fs::set_permissions(&path, Permissions::from_mode(file.mode))?;
        if let Some(uid) = file.uid.and_then(|uid| u32::try_from(uid).ok()) {
            chown(&path, Some(uid), None)?;
        }
    }
    // Before anybody can see them.
    ownership::give(&dir, &work.pod, true)?;
    let link = folder.join(DATA_TMP);
    let _ = std::fs::remove_file(&link);
    symlink(&write.dir, &link)?;
    std::fs::rename(&link, folder.join(DATA))
}
