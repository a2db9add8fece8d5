//! The message that an ended container left: its file, or the end of its log.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use ironclad_cri::v1;
use ironclad_node_core::container::labels;
use ironclad_node_core::logs::{Decoder, LogOptions};
use ironclad_node_core::status::termination::{self, File};

use crate::volumes::inside;

/// As much of a log's end as [`termination::MAX_LOG`] bytes of text can need, with what stands before each line.
const LOG_TAIL: u64 = 16 * 1024;

/// The message of an exited container's status: the runtime's joined with the container's own.
pub(super) async fn message(status: &v1::ContainerStatus) -> String {
    if status.state != v1::ContainerState::ContainerExited as i32 {
        return status.message.clone();
    }
    let status = status.clone();
    let read = tokio::task::spawn_blocking(move || read(&status)).await;
    read.unwrap_or_default()
}

fn read(status: &v1::ContainerStatus) -> String {
    let annotation = |key: &str| status.annotations.get(key).map(String::as_str).unwrap_or_default();
    let file = message_file(status, annotation(labels::TERMINATION_MESSAGE_PATH));
    let policy = annotation(labels::TERMINATION_MESSAGE_POLICY);
    let tail = termination::falls_back_to_log(policy, status.exit_code, &status.reason, &file)
        .then(|| log_tail(Path::new(&status.log_path)));
    termination::message(&status.message, &file, tail.as_deref())
}

fn message_file(status: &v1::ContainerStatus, path: &str) -> File {
    let mount = status.mounts.iter().find(|mount| !path.is_empty() && mount.container_path == path);
    let Some(mount) = mount else { return File::Absent };
    match last_bytes(Path::new(&mount.host_path), termination::MAX_FILE as u64) {
        Ok(bytes) => File::Text(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => File::Absent,
        Err(error) => File::Unreadable { path: mount.host_path.clone(), error: error.to_string() },
    }
}

/// The last lines of the log, as the container wrote them.
fn log_tail(path: &Path) -> Vec<u8> {
    let Ok(bytes) = last_bytes(path, LOG_TAIL) else { return Vec::new() };
    let mut decoder = Decoder::new(LogOptions::default());
    let mut chunks = decoder.push(&bytes);
    chunks.extend(decoder.finish());
    let text: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
    let lines = text.split_inclusive(|b| *b == b'\n').count();
    let skipped = lines.saturating_sub(termination::MAX_LOG_LINES);
    text.split_inclusive(|b| *b == b'\n').skip(skipped).flatten().copied().collect()
}

fn last_bytes(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut file = inside::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containers_file_comes_before_its_log() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, log) = (dir.path().join("message"), dir.path().join("0.log"));
        std::fs::write(&log, "2026-01-01T00:00:00Z stderr F it broke\n").expect("written");
        let mut status = v1::ContainerStatus {
            exit_code: 1,
            reason: "Error".into(),
            log_path: log.display().to_string(),
            mounts: vec![v1::Mount {
                container_path: "/dev/termination-log".into(),
                host_path: file.display().to_string(),
                ..Default::default()
            }],
            ..Default::default()
        };
        status.annotations.insert(labels::TERMINATION_MESSAGE_PATH.into(), "/dev/termination-log".into());
        status.annotations.insert(labels::TERMINATION_MESSAGE_POLICY.into(), "FallbackToLogsOnError".into());
        std::fs::write(&file, "").expect("written");
        assert_eq!(read(&status), "it broke\n");
        std::fs::write(&file, "said so").expect("written");
        assert_eq!(read(&status), "said so");
        status.message = "oci".into();
        assert_eq!(read(&status), "oci: said so");
    }
}
