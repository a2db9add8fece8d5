//! A file that is put aside when it has grown too long.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

/// Appends to `path`; the one file before it is kept as `path.1`.
pub struct Rotating {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
}

impl Rotating {
    pub fn open(path: PathBuf, max_bytes: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file = append(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, file, bytes, max_bytes })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        fs::rename(&self.path, old)?;
        self.file = append(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

fn append(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.max_bytes {
            self.rotate()?;
        }
        let written = self.file.write(line)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_full_is_put_aside_and_the_one_before_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log/ironclad.log");
        for lines in [&["aaaaaa\n", "bbbbbb\n"][..], &["cc\n", "dddddddd\n"]] {
            let mut log = Rotating::open(path.clone(), 10).expect("opens");
            lines.iter().for_each(|line| log.write_all(line.as_bytes()).expect("writes"));
        }
        let read = |name: &str| fs::read_to_string(folder.path().join("log").join(name)).unwrap_or_default();
        assert_eq!(read("ironclad.log"), "dddddddd\n");
        assert_eq!(read("ironclad.log.1"), "bbbbbb\ncc\n");
        assert_eq!(fs::read_dir(folder.path().join("log")).expect("a folder").count(), 2);
    }
}
