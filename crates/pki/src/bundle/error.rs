//! Why a bundle could not be opened. Each text names the file and what to do.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use thiserror::Error;

use crate::ca::CaError;
use crate::certificate::CertificateError;
use crate::issue::IssueError;
use crate::key::KeyError;
use crate::kubeconfig::KubeconfigError;

#[derive(Debug, Error)]
pub enum BundleError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is larger than 1 MiB and cannot be what its name says; move it away", path.display())]
    TooLarge { path: PathBuf },
    #[error("{} is corrupt ({problem}); {remedy}", path.display())]
    Corrupt { path: PathBuf, problem: String, remedy: Remedy },
    #[error("{} does not belong to {}; {remedy}", path.display(), other.display())]
    Mismatch { path: PathBuf, other: PathBuf, remedy: Remedy },
    #[error("{} is missing beside {}; {remedy}", path.display(), other.display())]
    HalfMissing { path: PathBuf, other: PathBuf, remedy: Remedy },
    #[error(
        "{} is valid from {not_before} only, but the machine's clock says {now}; set the clock", path.display()
    )]
    ClockBehind { path: PathBuf, not_before: Timestamp, now: Timestamp },
    #[error("cannot make {}: {source}", path.display())]
    Make { path: PathBuf, source: MakeError },
    #[error("{name:?} cannot be a node's name (want lower-case letters, digits, '-' and '.')")]
    NodeName { name: String },
}

/// Which step of making a file failed.
#[derive(Debug, Error)]
pub enum MakeError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Authority(#[from] CaError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
}

/// What the reader of an error can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// For what only a backup brings back.
    Restore,
    /// For a certificate and key that are made anew without loss.
    RemovePair,
    /// For a single file that is.
    Remove,
}

impl std::fmt::Display for Remedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Remedy::Restore => {
                "restore it from a backup (removing the pair makes a new one, and everything \
                 issued with the old one stops being accepted)"
            }
            Remedy::RemovePair => "remove the pair to have it made anew",
            Remedy::Remove => "remove it to have it made anew",
        })
    }
}
