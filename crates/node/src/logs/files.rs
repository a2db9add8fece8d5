//! A container's log file and those it was rotated to: `0.log`, `0.log.20260101-000000`, `0.log.20260101-000000.gz`.

use std::path::{Path, PathBuf};

/// The files that a log was rotated to, oldest first.
pub(crate) fn rotated_names(log: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (log.parent(), log.file_name()) else { return Vec::new() };
    let prefix = format!("{}.", name.to_string_lossy());
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// Removes a log with all it was rotated to, and its folder if that is empty then.
pub(crate) fn remove(log: &Path) {
    for path in rotated_names(log).iter().map(PathBuf::as_path).chain([log]) {
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "log not removed");
        }
    }
    if let Some(folder) = log.parent() {
        let _ = std::fs::remove_dir(folder);
    }
}
