//! What the tests of this crate share.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use ironclad_store::{Op, Revision, Store, Txn, TxnResult};
use ironclad_store_embedded::Options;
use tempfile::TempDir;

pub const SMALL: Options = Options { segment_bytes: 64 << 10 };

/// A directory in memory where there is one: for tests that are not about the disk.
pub fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("a directory")
}

pub fn put(key: &str, value: &[u8]) -> Op {
    Op::Put { key: Bytes::copy_from_slice(key.as_bytes()), value: Bytes::copy_from_slice(value) }
}

pub fn delete(key: &str) -> Op {
    Op::Delete { key: Bytes::copy_from_slice(key.as_bytes()) }
}

pub async fn write(store: &dyn Store, ops: Vec<Op>) -> Revision {
    match store.txn(Txn { compares: Vec::new(), ops }).await {
        Ok(TxnResult::Committed { revision }) => revision,
        other => panic!("not committed: {other:?}"),
    }
}

/// The names of the segments in a store's directory, in order.
pub fn segments(path: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(path).expect("lists");
    let names = entries.map(|entry| entry.expect("lists").file_name());
    let mut names: Vec<OsString> = names.filter(|name| name.to_string_lossy().ends_with(".log")).collect();
    names.sort();
    names
}

/// Makes `to` a copy of the store's directory `from`.
pub fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("makes the directory");
    for name in segments(from) {
        fs::copy(from.join(&name), to.join(&name)).expect("copies");
    }
}
