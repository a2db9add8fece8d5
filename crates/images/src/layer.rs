//! One layer: files by path, written as a tar file.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Files, directories and links of one layer, by their path from the root without the leading slash.
///
/// Parent directories are made as needed (root's, 0755). A later entry replaces an earlier one.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    mode: u32,
    owner: Owner,
    content: Content,
}

#[derive(Debug, Clone, Copy, Default)]
struct Owner {
    uid: u64,
    gid: u64,
}

#[derive(Debug, Clone)]
enum Content {
    Directory,
    File(Vec<u8>),
    Symlink(String),
}

/// Why files could not become a layer.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    #[error("{path:?} is no path inside an image")]
    BadPath { path: String },
    #[error("reading {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is neither a file, a directory nor a link", path.display())]
    Special { path: PathBuf },
    #[error("writing the layer: {0}")]
    Write(#[from] io::Error),
}

impl Layer {
    /// A directory with these permissions, owned by root.
    pub fn directory(&mut self, path: &str, mode: u32) -> Result<&mut Self, LayerError> {
        self.insert(path, Entry { mode, owner: Owner::default(), content: Content::Directory })
    }

    /// A file with these permissions, owned by root.
    pub fn file(
        &mut self,
        path: &str,
        mode: u32,
        bytes: impl Into<Vec<u8>>,
    ) -> Result<&mut Self, LayerError> {
        self.insert(path, Entry { mode, owner: Owner::default(), content: Content::File(bytes.into()) })
    }

    /// A symbolic link to `target`, which is taken as it is.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<&mut Self, LayerError> {
        let content = Content::Symlink(target.to_owned());
        self.insert(path, Entry { mode: 0o777, owner: Owner::default(), content })
    }

    /// Hands an entry over to another owner.
    pub fn owned_by(&mut self, path: &str, uid: u64, gid: u64) -> Result<&mut Self, LayerError> {
        let key = inside(path)?;
        let Some(entry) = self.entries.get_mut(&key) else {
            return Err(LayerError::BadPath { path: path.to_owned() });
        };
        entry.owner = Owner { uid, gid };
        Ok(self)
    }

    /// Everything below the host's directory `from`, owned by root and readable for everyone.
    ///
    /// Only the owner's execute bit is kept, as in git: the rest is the umask of whoever checked out.
    pub fn tree(&mut self, from: &Path) -> Result<&mut Self, LayerError> {
        // A list of directories still to read instead of recursion: no depth limit to think of.
        let mut pending = vec![(from.to_owned(), String::new())];
        while let Some((directory, prefix)) = pending.pop() {
            let read = |source| LayerError::Read { path: directory.clone(), source };
            for item in std::fs::read_dir(&directory).map_err(read)? {
                let item = item.map_err(read)?;
                let name = format!("{prefix}/{}", item.file_name().to_string_lossy());
                if self.add_from_host(&item.path(), &name)? {
                    pending.push((item.path(), name));
                }
            }
        }
        Ok(self)
    }

    /// One file, directory or link of the host. Returns whether it is a directory to descend into.
    fn add_from_host(&mut self, host: &Path, path: &str) -> Result<bool, LayerError> {
        let read = |source| LayerError::Read { path: host.to_owned(), source };
        let metadata = std::fs::symlink_metadata(host).map_err(read)?;
        let executable = metadata.permissions().mode() & 0o100 != 0;
        let kind = metadata.file_type();
        if kind.is_symlink() {
            let target = std::fs::read_link(host).map_err(read)?;
            self.symlink(path, &target.to_string_lossy())?;
        } else if kind.is_dir() {
            self.directory(path, 0o755)?;
        } else if kind.is_file() {
            let mode = if executable { 0o755 } else { 0o644 };
            self.file(path, mode, std::fs::read(host).map_err(read)?)?;
        } else {
            return Err(LayerError::Special { path: host.to_owned() });
        }
        Ok(kind.is_dir())
    }

    fn insert(&mut self, path: &str, entry: Entry) -> Result<&mut Self, LayerError> {
        let path = inside(path)?;
        for (slash, _) in path.match_indices('/') {
            let parent = path.get(..slash).unwrap_or_default();
            self.entries.entry(parent.to_owned()).or_insert_with(Entry::parent);
        }
        self.entries.insert(path, entry);
        Ok(self)
    }

    /// The layer as a tar file. Sorted, without dates: the same entries give the same bytes.
    pub(crate) fn to_tar(&self) -> Result<Vec<u8>, LayerError> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, entry) in &self.entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(entry.mode);
            header.set_uid(entry.owner.uid);
            header.set_gid(entry.owner.gid);
            header.set_mtime(0);
            match &entry.content {
                Content::Directory => {
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_size(0);
                    tar.append_data(&mut header, format!("{path}/"), io::empty())?;
                }
                Content::File(bytes) => {
                    header.set_size(bytes.len() as u64);
                    tar.append_data(&mut header, path, bytes.as_slice())?;
                }
                Content::Symlink(target) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_size(0);
                    tar.append_link(&mut header, path, target)?;
                }
            }
        }
        Ok(tar.into_inner()?)
    }
}

impl Entry {
    fn parent() -> Self {
        Self { mode: 0o755, owner: Owner::default(), content: Content::Directory }
    }
}

/// `path` as an entry's key: relative, and not reaching out of the image.
fn inside(path: &str) -> Result<String, LayerError> {
    let key = path.trim_matches('/');
    let good = |part: &str| !part.is_empty() && part != "." && part != "..";
    if key.split('/').all(good) {
        Ok(key.to_owned())
    } else {
        Err(LayerError::BadPath { path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The entries of the tar as `type mode uid:gid path[ -> target]`.
    fn listing(layer: &Layer) -> Vec<String> {
        let bytes = layer.to_tar().unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let describe = |entry: tar::Entry<'_, &[u8]>| {
            let header = entry.header();
            let kind = match header.entry_type() {
                tar::EntryType::Directory => 'd',
                tar::EntryType::Symlink => 'l',
                _ => 'f',
            };
            let link = entry.link_name().unwrap();
            let target = link.map(|target| format!(" -> {}", target.display())).unwrap_or_default();
            let (uid, gid) = (header.uid().unwrap(), header.gid().unwrap());
            let path = entry.path().unwrap().display().to_string();
            format!("{kind} {:o} {uid}:{gid} {path}{target}", header.mode().unwrap())
        };
        archive.entries().unwrap().map(|entry| describe(entry.unwrap())).collect()
    }

    #[test]
    fn entries_are_sorted_and_parents_are_made() {
        let mut layer = Layer::default();
        layer.file("/www/cgi-bin/index.cgi", 0o755, "x").unwrap();
        layer.symlink("bin/sh", "busybox").unwrap();
        layer.directory("/tmp", 0o1777).unwrap();
        layer.directory("data", 0o755).unwrap().owned_by("data", 1000, 1001).unwrap();
        assert_eq!(
            listing(&layer),
            [
                "d 755 0:0 bin/",
                "l 777 0:0 bin/sh -> busybox",
                "d 755 1000:1001 data/",
                "d 1777 0:0 tmp/",
                "d 755 0:0 www/",
                "d 755 0:0 www/cgi-bin/",
                "f 755 0:0 www/cgi-bin/index.cgi",
            ]
        );
    }

    #[test]
    fn a_tree_keeps_links_and_what_is_executable() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::fs::write(dir.path().join("a/b/run"), "x").unwrap();
        std::fs::set_permissions(dir.path().join("a/b/run"), PermissionsExt::from_mode(0o700)).unwrap();
        std::fs::write(dir.path().join("a/b/text"), "x").unwrap();
        std::fs::set_permissions(dir.path().join("a/b/text"), PermissionsExt::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("b/run", dir.path().join("a/link")).unwrap();
        let mut layer = Layer::default();
        layer.tree(dir.path()).unwrap();
        let names: Vec<_> = listing(&layer).into_iter().filter(|line| !line.starts_with('d')).collect();
        assert_eq!(names, ["f 755 0:0 a/b/run", "f 644 0:0 a/b/text", "l 777 0:0 a/link -> b/run"]);
    }

    #[test]
    fn a_path_cannot_leave_the_image() {
        let check = |path: &str| {
            let error = Layer::default().file(path, 0o644, "").unwrap_err();
            assert!(matches!(error, LayerError::BadPath { .. }), "{path}");
        };
        check("../etc/passwd");
        check("a/../../b");
        check("a//b");
        check("./a");
        check("/");
        check("");
    }
}
