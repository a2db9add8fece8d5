//! The store's directory: its lock, its modes, the names in it.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ironclad_store::StoreError;

use crate::failure::failed;

/// What the names of spare files begin with.
const SPARE: &str = "spare-";

/// An open, locked directory. The lock lasts as long as the value (the kernel drops it
/// with the process, however that ends).
pub struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Makes the directory if need be (0700) and takes it for this process.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        make(path).map_err(|error| failed("making the directory", path, &error))?;
        Ok(Self { path: path.to_owned(), _lock: lock(&path.join("lock"))? })
    }

    pub fn segment(&self, id: u32) -> PathBuf {
        self.path.join(format!("{id:010}.log"))
    }

    /// A pre-filled file that is to become a segment.
    pub fn spare(&self, number: u64) -> PathBuf {
        self.path.join(format!("{SPARE}{number}"))
    }

    /// Removes spare files of a run before this one: nobody knows how far they were filled.
    pub fn remove_spares(&self) -> Result<(), StoreError> {
        for name in self.names()?.iter().filter(|name| name.to_string_lossy().starts_with(SPARE)) {
            let path = self.path.join(name);
            fs::remove_file(&path).map_err(|error| failed("removing", &path, &error))?;
        }
        Ok(())
    }

    /// The numbers of the segments that are there, in order. Other files are left alone.
    pub fn segments(&self) -> Result<Vec<u32>, StoreError> {
        let mut ids = Vec::new();
        for name in self.names()? {
            let id = name.to_str().and_then(|name| name.strip_suffix(".log")?.parse().ok());
            ids.extend(id.filter(|id| self.segment(*id).file_name() == Some(&name)));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    fn names(&self) -> Result<Vec<OsString>, StoreError> {
        let names = || -> io::Result<Vec<OsString>> {
            fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name())).collect()
        };
        names().map_err(|error| failed("listing", &self.path, &error))
    }

    /// Makes new and renamed names durable.
    pub fn sync(&self) -> Result<(), StoreError> {
        let sync = || File::open(&self.path)?.sync_all();
        sync().map_err(|error| failed("syncing", &self.path, &error))
    }
}

fn make(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

/// Options for a file that only its owner may read.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let fail = |error| failed("locking", path, &error);
    let mut file = private().create(true).truncate(false).open(path).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use(path, file)),
        Err(TryLockError::Error(error)) => return Err(fail(error)),
    }
    // The number is for people; without room for it the lock still holds.
    let _ =
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
    Ok(file)
}

fn in_use(path: &Path, file: File) -> StoreError {
    let mut holder = String::new();
    let _ = file.take(20).read_to_string(&mut holder);
    let holder = if holder.is_empty() { "another process".to_owned() } else { format!("process {holder}") };
    StoreError::Unavailable(format!(
        "{} is held by {holder}: stop it (`ironclad down`) before starting another on the same data",
        path.display()
    ))
}
