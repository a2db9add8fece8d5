//! Folders and files.

use std::io::ErrorKind;
use std::path::Path;

use super::Report;

/// Where the runtime's CNI library keeps what plugins answered.
const RESULTS: &str = "/var/lib/cni/results";

pub(super) fn remove_folder(path: &Path, report: &mut Report) {
    match std::fs::remove_dir_all(path) {
        Ok(()) => report.done.push(format!("removed {}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // Somebody has mounted something there: what can go has gone.
        Err(error) if error.kind() == ErrorKind::ResourceBusy => {}
        Err(error) => report.failed.push(format!("removing {}: {error}", path.display())),
    }
}

pub(super) fn remove_file(path: &Path, report: &mut Report) {
    match std::fs::remove_file(path) {
        Ok(()) => report.done.push(format!("removed {}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => report.failed.push(format!("removing {}: {error}", path.display())),
    }
}

/// Only what is of our network; folders that are empty then.
pub(super) fn remove_cni_results(network: &str) {
    let entries = std::fs::read_dir(RESULTS).into_iter().flatten().flatten();
    let ours = format!("{network}-");
    let loopback = "cni-loopback-";
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&ours) || name.starts_with(loopback) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    for folder in [RESULTS, "/var/lib/cni/networks", "/var/lib/cni"] {
        let _ = std::fs::remove_dir(folder);
    }
}
