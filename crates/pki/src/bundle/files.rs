//! The files of a bundle.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::BundleError;
use crate::private_file;

/// No file of a bundle comes near this.
const MAX_BYTES: u64 = 1 << 20;

/// Files under one directory, by relative path.
pub(super) struct Files {
    root: PathBuf,
}

// === impl Files ===

impl Files {
    pub(super) fn new(root: &Path) -> Self {
        Files { root: root.to_owned() }
    }

    pub(super) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }

    /// Makes a directory that only its owner may enter, and those above it.
    pub(super) fn make_dir(&self, name: &Path) -> Result<(), BundleError> {
        let path = self.path(name);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|source| BundleError::Io { action: "create the directory", path, source })
    }

    /// The contents of a file, or none if it does not exist.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, BundleError> {
        let path = self.path(name);
        let mut bytes = Vec::new();
        let outcome = File::open(&path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
        match outcome {
            Ok(_) if bytes.len() as u64 > MAX_BYTES => Err(BundleError::TooLarge { path }),
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BundleError::Io { action: "read", path, source }),
        }
    }

    /// Replaces a file as a whole, readable by its owner only.
    pub(super) fn write(&self, name: &str, contents: &str) -> Result<(), BundleError> {
        let path = self.path(name);
        private_file::replace(&path, contents.as_bytes()).map_err(|source| BundleError::Io {
            action: "write",
            path,
            source,
        })
    }

    /// Takes a secret away from other users. Returns whether they had access.
    pub(super) fn tighten(&self, name: &str) -> Result<bool, BundleError> {
        let path = self.path(name);
        let tightened = fs::metadata(&path).and_then(|metadata| {
            if metadata.permissions().mode() & 0o077 == 0 {
                return Ok(false);
            }
            fs::set_permissions(&path, Permissions::from_mode(0o600)).map(|()| true)
        });
        tightened.map_err(|source| BundleError::Io { action: "protect", path, source })
    }
}
