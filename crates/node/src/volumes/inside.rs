//! Reading what pods have written, without being led astray: they may put links, pipes or endless files where a file is
//! expected.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

/// Longer files are refused.
const MOST_BYTES: u64 = 1 << 20;

/// The contents of a file in a volume. The volume is the root of all links, as it is for upstream (`securejoin`).
pub(crate) fn read(volume: &Path, path: &str) -> io::Result<Vec<u8>> {
    let root = rustix::fs::open(volume, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = File::from(openat2(&root, path, READ_AT_ONCE, Mode::empty(), resolve)?);
    let mut bytes = Vec::new();
    regular(file)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MOST_BYTES {
        true => Err(io::Error::other(format!("the file is longer than {MOST_BYTES} bytes"))),
        false => Ok(bytes),
    }
}

/// Nobody is waited for who might write to a pipe.
const READ_AT_ONCE: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Opens a file at a path that only the node writes to, and a pod may have mounted something at.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    regular(File::from(rustix::fs::open(path, READ_AT_ONCE, Mode::empty())?))
}

fn regular(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("not a regular file")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_files_of_the_volume_are_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let volume = dir.path().join("volume");
        std::fs::create_dir_all(volume.join("a")).expect("made");
        std::fs::write(dir.path().join("secret"), "K='stolen'").expect("written");
        std::fs::write(volume.join("a/file"), "K='v'").expect("written");
        std::fs::write(volume.join("long"), vec![b'#'; 1 << 21]).expect("written");
        let outside = dir.path().join("secret").display().to_string();
        for (target, link) in [
            (outside.as_str(), "absolute"),
            ("../secret", "above"),
            ("/a/file", "inside"),
            ("/proc/self/environ", "process"),
            ("/dev/zero", "endless"),
        ] {
            symlink(target, volume.join(link)).expect("linked");
        }
        let pipe = std::process::Command::new("mkfifo").arg(volume.join("pipe")).status();
        assert!(pipe.expect("mkfifo runs").success());
        let check = |path: &str, expected: Option<&str>| {
            let found = read(&volume, path).ok();
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{path}");
        };
        check("a/file", Some("K='v'"));
        check("inside", Some("K='v'"));
        check("/a/../a/file", Some("K='v'"));
        for led_astray in
            ["absolute", "above", "../secret", "process", "endless", "pipe", "long", "a", "none"]
        {
            check(led_astray, None);
        }
        assert!(open(&volume.join("a/file")).is_ok() && open(&volume.join("pipe")).is_err());
    }
}
