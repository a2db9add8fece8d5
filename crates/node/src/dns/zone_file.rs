//! The file by which the agent tells the DNS process of services and endpoints.

use std::io;
use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde::{Deserialize, Serialize};

/// The contents.
#[derive(Default, Deserialize)]
pub(super) struct Zone {
    pub services: Vec<Arc<Service>>,
    pub slices: Vec<Arc<EndpointSlice>>,
}

#[derive(Serialize)]
struct ZoneRef<'a> {
    services: &'a [Arc<Service>],
    slices: &'a [Arc<EndpointSlice>],
}

/// Replaces the file at once, if it would say something else.
pub(super) fn write(path: &Path, services: &[Arc<Service>], slices: &[Arc<EndpointSlice>]) -> io::Result<()> {
    let bytes = serde_json::to_vec(&ZoneRef { services, slices })?;
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    std::fs::write(&new, bytes)?;
    std::fs::rename(&new, path)
}

/// What tells one version of the file from another: it is replaced, never changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Version {
    /// Of the file as it is now.
    pub(super) fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        let Ok(metadata) = std::fs::metadata(path) else { return Self::default() };
        Self { inode: metadata.ino(), seconds: metadata.mtime(), nanoseconds: metadata.mtime_nsec() }
    }
}

/// `None` if there is no such file yet, or nothing that can be read.
pub(super) fn read(path: &Path) -> Option<Zone> {
    let bytes = std::fs::read(path).ok()?;
    match serde_json::from_slice(&bytes) {
        Ok(zone) => Some(zone),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the DNS zone cannot be read");
            None
        }
    }
}
