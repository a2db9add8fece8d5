//! containerd's log file, which it writes itself: kept from growing without bound, and read when it dies.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::Layout;

/// A log longer than this is moved aside.
const LIMIT: u64 = 16 * 1024 * 1024;
/// How much of the end of the log an error shows.
const TAIL: u64 = 2048;

/// Moves a log that is too long aside. containerd keeps its file open, so the content is copied and the
/// file emptied; because it appends, it goes on at the new beginning. A line written in between is lost.
pub(super) fn bound(layout: &Layout) {
    let path = layout.log();
    if std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LIMIT) {
        let moved = std::fs::copy(&path, layout.old_log())
            .and_then(|_| OpenOptions::new().write(true).open(&path))
            .and_then(|log| log.set_len(0));
        if let Err(error) = moved {
            tracing::warn!(log = %path.display(), %error, "containerd's log cannot be moved aside");
        }
    }
}

/// The last lines of a log, as far as they can be read.
pub(super) fn tail(path: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut log = File::open(path)?;
        let end = log.seek(SeekFrom::End(0))?;
        log.seek(SeekFrom::Start(end.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        log.take(TAIL).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    };
    read().unwrap_or_else(|error| format!("(unreadable: {error})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_long_log_moves_aside_while_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path(), dir.path());
        let mut writer = OpenOptions::new().create(true).append(true).open(layout.log()).unwrap();
        writer.write_all(b"short\n").unwrap();
        bound(&layout);
        assert!(!layout.old_log().exists());

        writer.write_all(&vec![b'x'; LIMIT as usize]).unwrap();
        bound(&layout);
        writer.write_all(b"after\n").unwrap();
        assert_eq!(std::fs::read_to_string(layout.log()).unwrap(), "after\n");
        assert_eq!(std::fs::metadata(layout.old_log()).unwrap().len(), LIMIT + 6);
    }

    #[test]
    fn the_tail_is_the_end_of_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        assert!(tail(&path).starts_with("(unreadable"));
        std::fs::write(&path, "x".repeat(5000) + "\nlast line\n").unwrap();
        let tail = tail(&path);
        assert!(tail.ends_with("\nlast line") && tail.len() < 2100);
    }
}
