//! Rotation: a log that has grown large is renamed and begun anew.

use std::path::{Path, PathBuf};

use ironclad_cri::{Cri, CriError};
use jiff::Timestamp;

use super::rotated_names;

/// Upstream's defaults: `containerLogMaxSize: 10Mi`, `containerLogMaxFiles: 5`.
const MAX_BYTES: u64 = 10 << 20;
const MAX_FILES: usize = 5;

/// Rotates the log of a running container if it is too large. Says whether it was.
pub(crate) async fn rotate(cri: &dyn Cri, id: &str, log: &Path, now: Timestamp) -> Result<bool, CriError> {
    let size = tokio::fs::metadata(log).await.map_or(0, |metadata| metadata.len());
    if size < MAX_BYTES {
        return Ok(false);
    }
    // The current file and the one it becomes count too.
    drop_oldest(log, MAX_FILES.saturating_sub(2));
    let old = renamed(log, now);
    if let Err(error) = tokio::fs::rename(log, &old).await {
        tracing::warn!(log = %log.display(), %error, "log not rotated");
        return Ok(false);
    }
    if let Err(error) = cri.reopen_container_log(id).await {
        // The runtime still writes to the old file, so that has to be the log.
        let _ = tokio::fs::rename(&old, log).await;
        return Err(error);
    }
    Ok(true)
}

fn drop_oldest(log: &Path, kept: usize) {
    let rotated = rotated_names(log);
    let surplus = rotated.len().saturating_sub(kept);
    for path in rotated.iter().take(surplus) {
        let _ = std::fs::remove_file(path);
    }
}

fn renamed(log: &Path, now: Timestamp) -> PathBuf {
    let mut name = log.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}", now.strftime("%Y%m%d-%H%M%S")));
    log.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_rotated_logs_are_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = dir.path().join("0.log");
        for name in
            ["0.log", "0.log.20260101-000000", "0.log.20260103-000000", "0.log.20260102-000000", "1.log"]
        {
            std::fs::write(dir.path().join(name), "").expect("written");
        }
        drop_oldest(&log, 2);
        let names: Vec<_> =
            rotated_names(&log).iter().filter_map(|p| p.file_name()?.to_str().map(str::to_owned)).collect();
        assert_eq!(names, ["0.log.20260102-000000", "0.log.20260103-000000"]);
        assert!(dir.path().join("1.log").exists() && log.exists());
    }
}
