//! A full disk: writes are refused, reads go on, nothing is lost, and writes succeed
//! again once there is room, without a restart.
//!
//! On a small tmpfs of its own, so it needs root; elsewhere it says that it is skipped.

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use ironclad_store::{Range, Store, StoreError, Txn, TxnResult};
use ironclad_store_embedded::EmbeddedStore;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use support::{SMALL, put};
use tempfile::TempDir;

/// A tmpfs of a given size, unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new(size: &str) -> Option<Self> {
        let directory = TempDir::new().expect("a directory");
        let options = std::ffi::CString::new(format!("size={size}")).expect("no zero byte");
        match mount("tmpfs", directory.path(), "tmpfs", MountFlags::empty(), options.as_c_str()) {
            Ok(()) => Some(Self(directory)),
            Err(error) => {
                println!("skipped: mounting a tmpfs needs root ({error})");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = unmount(self.0.path(), UnmountFlags::DETACH);
    }
}

/// Writes until the disk is full; returns how many writes were acknowledged since `start`.
async fn fill(store: &dyn Store, start: usize) -> usize {
    for n in start..100_000 {
        let ops = vec![put(&format!("k/{n}"), &[b'v'; 2000])];
        match store.txn(Txn { compares: Vec::new(), ops }).await {
            Ok(TxnResult::Committed { .. }) => {}
            Err(StoreError::Full { what }) => {
                assert!(!what.is_empty());
                return n - start;
            }
            other => panic!("write {n}: {other:?}"),
        }
    }
    panic!("the disk never fills up");
}

async fn count(store: &dyn Store) -> usize {
    store.range(Range::default()).await.expect("reads go on").items.len()
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_nothing_else() {
    let Some(disk) = SmallDisk::new("2m") else { return };
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![0; 512 << 10]).expect("writes");
    let path = disk.path().join("store");
    let store = EmbeddedStore::open(&path, SMALL).expect("opens");
    let first = fill(&*store, 0).await;
    assert!(first > 100, "only {first} writes fit");
    let revision = store.revision();
    for _ in 0..3 {
        assert_eq!(fill(&*store, first).await, 0);
        assert_eq!((count(&*store).await, store.revision()), (first, revision));
    }
    fs::remove_file(&ballast).expect("removes");
    let second = fill(&*store, first).await;
    assert!(second > 100, "only {second} writes after there was room");
    assert_eq!(count(&*store).await, first + second);
    assert_eq!(store.revision(), (first + second) as u64);
    drop(store);
    let store = EmbeddedStore::open(&path, SMALL).expect("opens on a full disk");
    assert_eq!(count(&*store).await, first + second);
    assert_eq!(fill(&*store, first + second).await, 0);
}

/// Repeats a write until there is room for it.
async fn write_when_possible(store: &dyn Store, key: &str, value: &[u8]) {
    for _ in 0..1000 {
        let ops = vec![put(key, value)];
        match store.txn(Txn { compares: Vec::new(), ops }).await {
            Ok(_) => return,
            Err(StoreError::Full { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(other) => panic!("{other}"),
        }
    }
    panic!("there is never room again");
}

#[tokio::test]
async fn a_compaction_makes_room_on_a_full_disk() {
    let Some(disk) = SmallDisk::new("2m") else { return };
    let path = disk.path().join("store");
    let store = EmbeddedStore::open(&path, SMALL).expect("opens");
    for round in 0..5 {
        // Something lives in every segment, so that none can simply be dropped.
        let mut revision = store.revision();
        for n in 0..10_000 {
            let key = if n % 20 == 0 { format!("live/{}", n / 20) } else { "the same key".to_owned() };
            let ops = vec![put(&key, &[b'v'; 2000])];
            match store.txn(Txn { compares: Vec::new(), ops }).await {
                Ok(TxnResult::Committed { revision: committed }) => revision = committed,
                Err(StoreError::Full { .. }) => break,
                other => panic!("{other:?}"),
            }
        }
        store.compact(revision).await.expect("compacts");
        for _ in 0..100 {
            write_when_possible(&*store, "the same key", format!("round {round}").as_bytes()).await;
        }
    }
    let before = store.range(Range::default()).await.expect("reads");
    assert!(before.items.len() > 20);
    drop(store);
    let store = EmbeddedStore::open(&path, SMALL).expect("opens");
    assert_eq!(store.range(Range::default()).await.expect("reads"), before);
}
