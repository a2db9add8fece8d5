//! What the operating system says, as a [`StoreError`].

use std::io::{Error, ErrorKind};
use std::path::Path;

use ironclad_store::StoreError;

/// `doing` is a verb phrase: "writing", "opening".
pub fn failed(doing: &str, path: &Path, error: &Error) -> StoreError {
    if is_full(error) {
        return StoreError::Full { what: path.display().to_string() };
    }
    StoreError::Unavailable(format!("{doing} {}: {error}", path.display()))
}

/// Disk, quota or file size limit reached: room may come back.
pub fn is_full(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

pub fn corrupt(path: &Path, detail: impl Into<String>) -> StoreError {
    StoreError::Corrupt { file: path.display().to_string(), detail: detail.into() }
}

pub fn stopped() -> StoreError {
    StoreError::Unavailable("the store has been closed".to_owned())
}
