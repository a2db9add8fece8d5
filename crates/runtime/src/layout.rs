//! Where our containerd keeps what.

use std::path::{Path, PathBuf};

/// The files and folders of one containerd. Nothing else may use them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    data_dir: PathBuf,
    run_dir: PathBuf,
}

impl Layout {
    /// `data_dir` outlives a reboot (images, configuration, log); `run_dir` need not (sockets, pid).
    pub fn new(data_dir: impl Into<PathBuf>, run_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), run_dir: run_dir.into() }
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// Images and snapshots.
    pub fn root(&self) -> PathBuf {
        self.data_dir.join("root")
    }

    /// Mounts, bundles and fifos of running containers.
    pub fn state(&self) -> PathBuf {
        self.run_dir.join("state")
    }

    /// Where runc keeps what it knows of running containers.
    pub fn runc_root(&self) -> PathBuf {
        self.run_dir.join("runc")
    }

    /// The CRI socket, which is containerd's own too.
    pub fn socket(&self) -> PathBuf {
        self.run_dir.join("containerd.sock")
    }

    pub fn config(&self) -> PathBuf {
        self.data_dir.join("config.toml")
    }

    pub fn log(&self) -> PathBuf {
        self.data_dir.join("containerd.log")
    }

    /// The log before the last time it grew too long.
    pub fn old_log(&self) -> PathBuf {
        self.data_dir.join("containerd.log.1")
    }

    pub fn pid_file(&self) -> PathBuf {
        self.run_dir.join("containerd.pid")
    }

    /// Held while containerd is started or stopped.
    pub fn lock(&self) -> PathBuf {
        self.run_dir.join("containerd.lock")
    }
}
