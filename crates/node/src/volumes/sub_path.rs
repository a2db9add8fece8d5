//! A part of a volume, mounted by itself without ever following a link out of the volume.
//!
//! The pod may write to its volumes and so could exchange a directory for a link between the check and the mount.
//! Therefore the path is walked by descriptors, no link followed, and what the walk arrives at is bind-mounted to a
//! place that only the node writes to (CVE-2017-1002101, CVE-2021-25741).

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use ironclad_node_core::effect::Failure;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fchmod, fstat, mkdirat, openat2};
use rustix::mount::mount_bind;

use super::mounts;

/// A place that is what was asked for, and stays it. It is unmounted with the pod's volumes.
pub(crate) struct Held {
    place: PathBuf,
}

impl Held {
    pub(crate) fn path(&self) -> &Path {
        &self.place
    }
}

/// Finds `path` in `volume`, makes it (a directory) if it is not there, and mounts it at `place`.
pub(crate) fn hold(volume: &Path, path: &str, place: &Path) -> Result<Held, Failure> {
    let failed = |error: io::Error| Failure::other(format!("{path}: {error}"));
    let found = find(volume, path).map_err(failed)?;
    prepare(place, &found).map_err(failed)?;
    let source = format!("/proc/self/fd/{}", found.as_raw_fd());
    mount_bind(source.as_str(), place).map_err(|errno| failed(errno.into()))?;
    Ok(Held { place: place.to_owned() })
}

fn find(volume: &Path, path: &str) -> io::Result<OwnedFd> {
    let mut at: OwnedFd = rustix::fs::open(volume, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    // Links are followed as long as they stay inside: a ConfigMap's files are links to begin with.
    if let Ok(found) = open_inside(&at, OsStr::new(path)) {
        return Ok(found);
    }
    // As the volume itself: whoever may write there may write here.
    let mode = Mode::from_raw_mode(fstat(&at)?.st_mode);
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        at = match open_inside(&at, OsStr::new(part)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_directory(&at, part, mode)?;
                open_inside(&at, OsStr::new(part))?
            }
            found => found?,
        };
    }
    Ok(at)
}

/// The mode is set through a descriptor, as the umask would take from it, and a name could lead elsewhere by then.
fn make_directory(at: &OwnedFd, name: &str, mode: Mode) -> io::Result<()> {
    mkdirat(at, name, Mode::RWXU)?;
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = openat2(at, name, flags, Mode::empty(), ResolveFlags::BENEATH)?;
    // The group comes from the directory above, where that says so.
    let inherited = Mode::from_raw_mode(fstat(&made)?.st_mode) & Mode::SGID;
    Ok(fchmod(&made, (mode & (Mode::RWXU | Mode::RWXG | Mode::RWXO)) | inherited)?)
}

fn open_inside(at: &OwnedFd, path: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(at, path, flags, Mode::empty(), inside)?)
}

/// An empty file or directory to mount on, with nothing mounted on it.
fn prepare(place: &Path, found: &OwnedFd) -> io::Result<()> {
    mounts::unmount_below(place)?;
    if let Some(parent) = place.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let is_dir = FileType::from_raw_mode(fstat(found)?.st_mode) == FileType::Directory;
    match is_dir {
        true if place.is_file() => std::fs::remove_file(place)?,
        false if place.is_dir() => std::fs::remove_dir(place)?,
        _ => {}
    }
    if is_dir { std::fs::create_dir_all(place) } else { std::fs::write(place, "") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_path_never_leaves_its_volume() {
        let dir = tempfile::tempdir().expect("a folder");
        let (volume, outside) = (dir.path().join("volume"), dir.path().join("outside"));
        std::fs::create_dir_all(volume.join("a/b")).expect("made");
        std::fs::create_dir_all(&outside).expect("made");
        symlink(&outside, volume.join("out")).expect("linked");
        symlink("a/b", volume.join("in")).expect("linked");
        symlink("../outside", volume.join("up")).expect("linked");
        let check = |path: &str, expected: bool| {
            assert_eq!(find(&volume, path).is_ok(), expected, "{path}");
        };
        check("a/b", true);
        check("in", true);
        check("new/deep", true);
        check("out", false);
        check("up", false);
        check("out/x", false);
        check("../outside", false);
        assert!(volume.join("new/deep").is_dir());
        assert!(!outside.join("x").exists());
    }
}
