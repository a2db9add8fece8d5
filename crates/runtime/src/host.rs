//! What this machine offers: programs, plugins, privileges, file systems.

mod overlay;
mod privileges;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::version::OLDEST;
use crate::{RuntimeError, Snapshotter, Version};

/// Where distributions put the CNI plugins: Debian, then everybody else.
pub const CNI_BIN_DIRS: &[&str] = &["/usr/lib/cni", "/opt/cni/bin"];

/// The plugins that Ironclad's pod network is made of.
pub const REQUIRED_CNI_PLUGINS: &[&str] = &["bridge", "host-local", "loopback", "portmap"];

/// The facts that a containerd of our own needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub containerd: PathBuf,
    pub version: Version,
    pub runc: PathBuf,
    pub cni_bin_dir: PathBuf,
    /// CAP_SYS_RESOURCE, without which an OOM score can only be raised. Containers and some virtual
    /// machines lack it.
    pub may_lower_oom_score: bool,
}

impl Host {
    /// Looks around. Fails with what to install when something is missing.
    pub async fn look(cni_bin_dir: Option<&Path>) -> Result<Self, RuntimeError> {
        let path = search_path();
        let containerd = program("containerd", &path).ok_or(RuntimeError::NoContainerd)?;
        let runc = program("runc", &path).ok_or(RuntimeError::NoRunc)?;
        Ok(Self {
            version: version_of(&containerd).await?,
            containerd,
            runc,
            cni_bin_dir: find_cni_plugins(cni_bin_dir)?,
            may_lower_oom_score: privileges::may_lower_oom_score(),
        })
    }
}

/// The best snapshotter for images kept under `root`, which must exist.
pub(crate) fn snapshotter_for(root: &Path) -> Snapshotter {
    match overlay::probe(root) {
        Ok(()) => Snapshotter::Overlayfs,
        Err(reason) => {
            tracing::warn!(root = %root.display(), %reason, "no overlayfs here: images are copied instead");
            Snapshotter::Native
        }
    }
}

/// PATH, and the folders for administrators, which an ordinary user's PATH lacks: Debian's runc is there.
pub(crate) fn search_path() -> String {
    let mut path = std::env::var("PATH").unwrap_or_default();
    for folder in ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] {
        if !path.split(':').any(|known| known == folder) {
            path = if path.is_empty() { folder.to_owned() } else { format!("{path}:{folder}") };
        }
    }
    path
}

/// The first executable file of this name in `path`.
pub(crate) fn program(name: &str, path: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    std::env::split_paths(OsStr::new(path)).map(|folder| folder.join(name)).find(|file| {
        let metadata = std::fs::metadata(file);
        metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}

async fn version_of(containerd: &Path) -> Result<Version, RuntimeError> {
    let output = Command::new(containerd).arg("--version").output().await;
    let output = output.map_err(|source| RuntimeError::Run { program: containerd.to_owned(), source })?;
    let output = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let found = Version::parse(&output).ok_or(RuntimeError::UnknownVersion { output })?;
    if found < OLDEST { Err(RuntimeError::TooOld { found, needed: OLDEST }) } else { Ok(found) }
}

/// The given folder, or the first usual one, that has every plugin.
fn find_cni_plugins(given: Option<&Path>) -> Result<PathBuf, RuntimeError> {
    let looked_in: Vec<PathBuf> = match given {
        Some(folder) => vec![folder.to_owned()],
        None => CNI_BIN_DIRS.iter().map(PathBuf::from).collect(),
    };
    let missing_in = |folder: &PathBuf| -> Vec<String> {
        let missing = REQUIRED_CNI_PLUGINS.iter().filter(|plugin| !folder.join(plugin).is_file());
        missing.map(|&plugin| plugin.to_owned()).collect()
    };
    if let Some(folder) = looked_in.iter().find(|folder| missing_in(folder).is_empty()) {
        return Ok(folder.clone());
    }
    // Names only what the best folder still lacks.
    let missing = looked_in.iter().map(missing_in).min_by_key(Vec::len).unwrap_or_default();
    Err(RuntimeError::NoCniPlugins { missing, looked_in })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_an_executable_file_in_the_path() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str| dir.path().join(name);
        for name in ["first", "second", "third"] {
            std::fs::create_dir(folder(name)).unwrap();
        }
        std::fs::create_dir(folder("first").join("tool")).unwrap();
        std::fs::write(folder("second").join("tool"), "").unwrap();
        std::fs::write(folder("third").join("tool"), "").unwrap();
        std::fs::set_permissions(folder("second").join("tool"), PermissionsExt::from_mode(0o644)).unwrap();
        std::fs::set_permissions(folder("third").join("tool"), PermissionsExt::from_mode(0o755)).unwrap();
        let path = ["first", "second", "third"].map(|name| folder(name).display().to_string()).join(":");
        assert_eq!(program("tool", &path), Some(folder("third").join("tool")));
        assert_eq!(program("other", &path), None);
    }

    #[test]
    fn missing_cni_plugins_are_named_with_the_package() {
        let dir = tempfile::tempdir().unwrap();
        for plugin in ["bridge", "loopback"] {
            std::fs::write(dir.path().join(plugin), "").unwrap();
        }
        let error = find_cni_plugins(Some(dir.path())).unwrap_err().to_string();
        assert!(error.starts_with("no CNI plugins (host-local, portmap) in "), "{error}");
        assert!(error.ends_with("apt-get install containernetworking-plugins"), "{error}");
        for plugin in ["host-local", "portmap"] {
            std::fs::write(dir.path().join(plugin), "").unwrap();
        }
        assert_eq!(find_cni_plugins(Some(dir.path())).unwrap(), dir.path());
    }
}
