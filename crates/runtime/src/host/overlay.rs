//! Whether the kernel can overlay folders of a given file system: it is tried, because what an upper layer
//! may lie on depends on kernel, file system and how it is mounted.

use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// Mounts an empty overlay below `root` and takes it away again.
pub(super) fn probe(root: &Path) -> io::Result<()> {
    let probe = Probe { folder: root.join(format!("overlay-probe-{}", std::process::id())) };
    for part in ["lower", "upper", "work", "merged"] {
        std::fs::create_dir_all(probe.part(part))?;
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        probe.part("lower").display(),
        probe.part("upper").display(),
        probe.part("work").display()
    );
    let options =
        std::ffi::CString::new(options).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    mount("overlay", probe.part("merged"), "overlay", MountFlags::empty(), options.as_c_str())?;
    unmount(probe.part("merged"), UnmountFlags::DETACH)?;
    Ok(())
}

/// The folder of a probe, removed at the end.
struct Probe {
    folder: PathBuf,
}

impl Probe {
    fn part(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
