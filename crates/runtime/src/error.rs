//! Why there is no container runtime, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Version;

/// The failure of one step; the text says what the operator can do next.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error("containerd is not installed; run: apt-get install containerd runc")]
    NoContainerd,
    #[error("runc is not installed, and containerd starts containers with it; run: apt-get install runc")]
    NoRunc,
    #[error(
        "no CNI plugins ({}) in {}; run: apt-get install containernetworking-plugins",
        missing.join(", "),
        listed(looked_in)
    )]
    NoCniPlugins { missing: Vec<String>, looked_in: Vec<PathBuf> },
    #[error("`containerd --version` printed {output:?}, which names no version")]
    UnknownVersion { output: String },
    #[error("containerd {found} is too old: Kubernetes 1.36 needs {needed} or later, which Debian 12 has")]
    TooOld { found: Version, needed: Version },
    #[error("running {}: {source}", program.display())]
    Run { program: PathBuf, source: io::Error },
    #[error("making {} for containerd: {source}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("{} is too long for a socket: the kernel takes {limit} bytes; choose a shorter run directory", path.display())]
    SocketPathTooLong { path: PathBuf, limit: usize },
    #[error("writing {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("another ironclad is starting or stopping containerd (it holds {})", lock.display())]
    Busy { lock: PathBuf },
    #[error("containerd ended while starting; {} ends with:\n{tail}", log.display())]
    DiedStarting { log: PathBuf, tail: String },
    #[error("containerd does not answer after {waited:?}; see {}", log.display())]
    NotReady { waited: Duration, log: PathBuf },
    #[error("process {pid} cannot be watched or signalled: {source}")]
    Signal { pid: i32, source: io::Error },
    #[error("containerd (process {pid}) did not end, not even when killed")]
    WillNotEnd { pid: i32 },
    #[error("removing {}: {source}", path.display())]
    Remove { path: PathBuf, source: io::Error },
    #[error("unmounting {}: {source}", path.display())]
    Unmount { path: PathBuf, source: io::Error },
}

impl RuntimeError {
    pub(crate) fn directory(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Directory { path, source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Write { path, source }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" or ")
}
