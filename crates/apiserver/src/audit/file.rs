//! The log's file: written by a thread of its own, in order, and rotated by size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use prometheus::IntCounter;
use tokio::sync::mpsc;

/// Lines that wait to be written. When it is full, requests wait, as upstream's log in
/// blocking mode: a line is not given up.
const QUEUE: usize = 4096;

/// So many lines that wait are written together.
const TOGETHER: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub path: PathBuf,
    /// The file is put aside when it would grow beyond this.
    pub max_bytes: u64,
    /// So many files that were put aside are kept, as `<path>.1` (the youngest) and so on.
    pub keep: u32,
}

impl Settings {
    /// 100 MiB and ten old files, as kubeadm's users have it.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), max_bytes: 100 << 20, keep: 10 }
    }
}

/// The way to the writing thread.
#[derive(Clone)]
pub struct Log {
    lines: mpsc::Sender<Vec<u8>>,
    lost: IntCounter,
}

impl Log {
    /// Opens the file (mode 0600) and starts the thread. It ends when the last `Log` is
    /// dropped, after the lines that wait have been written.
    /// `lost` counts lines that could not be written.
    pub fn open(settings: Settings, lost: IntCounter) -> io::Result<Self> {
        let mut rotating = Rotating::open(settings)?;
        let (lines, mut waiting) = mpsc::channel::<Vec<u8>>(QUEUE);
        let counter = lost.clone();
        std::thread::Builder::new().name("audit".into()).spawn(move || {
            let mut lines = Vec::new();
            while waiting.blocking_recv_many(&mut lines, TOGETHER) > 0 {
                if let Err(error) = rotating.write(&lines.concat()) {
                    // The first ones of a row: a full disk would flood the ordinary log.
                    if counter.get() == 0 {
                        tracing::error!(%error, "the audit log cannot be written");
                    }
                    counter.inc_by(lines.len() as u64);
                }
                lines.clear();
            }
        })?;
        Ok(Self { lines, lost })
    }

    /// Waits while the queue is full.
    pub async fn write(&self, line: Vec<u8>) {
        if self.lines.send(line).await.is_err() {
            self.lost.inc();
        }
    }

    /// For where nothing can wait: counts the line as lost while the queue is full.
    pub fn write_now(&self, line: Vec<u8>) {
        if self.lines.try_send(line).is_err() {
            self.lost.inc();
        }
    }
}

struct Rotating {
    settings: Settings,
    file: File,
    bytes: u64,
}

impl Rotating {
    fn open(settings: Settings) -> io::Result<Self> {
        if let Some(folder) = settings.path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file = open(&settings.path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { settings, file, bytes })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        if self.bytes > 0 && self.bytes + length > self.settings.max_bytes {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.bytes += length;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let old = |number: u32| numbered(&self.settings.path, number);
        for number in (1..self.settings.keep).rev() {
            match fs::rename(old(number), old(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.settings.keep > 0 {
            fs::rename(&self.settings.path, old(1))?;
        } else {
            fs::remove_file(&self.settings.path)?;
        }
        self.file = open(&self.settings.path)?;
        self.bytes = 0;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_put_aside_and_the_oldest_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("logs/audit.log");
        let settings = Settings { max_bytes: 10, keep: 2, ..Settings::at(&path) };
        let mut rotating = Rotating::open(settings).expect("opens");
        for line in ["aaaaaa\n", "bbbbbb\n", "cc\n", "dddddd\n", "eeeeee\n"] {
            rotating.write(line.as_bytes()).expect("written");
        }
        let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        assert_eq!(read(path.clone()), "eeeeee\n");
        assert_eq!(read(numbered(&path, 1)), "dddddd\n");
        assert_eq!(read(numbered(&path, 2)), "bbbbbb\ncc\n");
        assert!(!numbered(&path, 3).exists());
    }

    #[test]
    fn a_log_goes_on_where_it_was_and_ends_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        for _ in 0..2 {
            let lost = IntCounter::new("lost", "For the test.").expect("a counter");
            let log = Log::open(Settings::at(&path), lost.clone()).expect("opens");
            log.write_now(b"x\n".to_vec());
            assert_eq!(lost.get(), 0);
        }
        // The threads end after their senders are gone.
        let written = || fs::read(&path).unwrap_or_default() == b"x\nx\n";
        assert!((0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            written()
        }));
    }
}
