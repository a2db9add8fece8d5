//! What keeping a store open and in order means: one process, private files, disk space
//! given back, watches that fall behind caught up from disk.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use ironclad_store::{Range, Store, StoreError, WatchItem};
use ironclad_store_embedded::{EmbeddedStore, Options};
use support::{SMALL, delete, put, scratch, segments, write};

#[tokio::test]
async fn a_second_process_is_refused_and_told_which_has_it() {
    let directory = scratch();
    let store = EmbeddedStore::open(directory.path(), SMALL).expect("opens");
    let Err(StoreError::Unavailable(refused)) = EmbeddedStore::open(directory.path(), SMALL) else {
        panic!("opened twice")
    };
    assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
    assert!(refused.contains("ironclad down"), "{refused}");
    drop(store);
    EmbeddedStore::open(directory.path(), SMALL).expect("opens once it is free");
}

#[tokio::test]
async fn only_the_owner_may_read() {
    let directory = scratch();
    let path = directory.path().join("store");
    let store = EmbeddedStore::open(&path, SMALL).expect("opens");
    for n in 0..100 {
        write(&*store, vec![put(&n.to_string(), &[b'x'; 2000])]).await;
    }
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in fs::read_dir(&path).expect("lists") {
        let path = entry.expect("lists").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn dropping_the_store_ends_its_watches() {
    let directory = scratch();
    let store = EmbeddedStore::open(directory.path(), SMALL).expect("opens");
    let mut watch = store.watch("".into(), 0).expect("watches");
    assert_eq!(watch.next().await, Ok(WatchItem::Progress(0)));
    drop(store);
    assert!(matches!(watch.next().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn disk_space_is_given_back() {
    let directory = scratch();
    let store = EmbeddedStore::open(directory.path(), SMALL).expect("opens");
    // 30 keys stay as they are while others come and go: 6 MB in all, 60 KB of it alive.
    for n in 0..30 {
        write(&*store, vec![put(&format!("cold/{n}"), &[b'c'; 1000])]).await;
    }
    let mut most = 0;
    for n in 0..3000_u32 {
        let key = format!("hot/{}", n % 30);
        let op = if n % 3 == 2 { delete(&key) } else { put(&key, &[b'h'; 3000]) };
        let revision = write(&*store, vec![op]).await;
        if n % 50 == 0 {
            store.compact(revision).await.expect("compacts");
        }
        most = most.max(segments(directory.path()).len());
    }
    assert!(most < 20, "{most} segments at once");
    let before = store.range(Range::default()).await.expect("reads");
    assert!(before.items.iter().filter(|item| item.key.starts_with(b"cold/")).count() == 30);
    drop(store);
    let store = EmbeddedStore::open(directory.path(), SMALL).expect("opens");
    assert_eq!(store.range(Range::default()).await.expect("reads"), before);
}

#[tokio::test]
async fn a_watch_that_fell_far_behind_catches_up_from_disk() {
    let directory = scratch();
    let store = EmbeddedStore::open(directory.path(), Options::default()).expect("opens");
    let mut slow = store.watch("a/".into(), 0).expect("watches");
    assert_eq!(slow.next().await, Ok(WatchItem::Progress(0)));
    // 20 MB, more than is kept in memory for any watch.
    for n in 0..400 {
        let (a, b) = (put(&format!("a/{}", n % 10), &[b'a'; 25_000]), put("b/1", &[b'b'; 25_000]));
        write(&*store, if n % 2 == 0 { vec![a, b] } else { vec![b] }).await;
    }
    let late = store.watch("a/".into(), 100).expect("watches");
    for (mut watch, after) in [(slow, 0), (late, 100)] {
        let mut expected = (after..400).filter(|n| n % 2 == 0).map(|n| n + 1);
        loop {
            match watch.next().await.expect("the watch goes on") {
                WatchItem::Events(events) => {
                    assert_eq!(Some(events[0].revision), expected.next());
                    assert_eq!(events.len(), 1);
                }
                WatchItem::Progress(revision) => {
                    assert_eq!(revision, 400);
                    break;
                }
            }
        }
        assert_eq!(expected.next(), None);
    }
}

#[tokio::test]
async fn a_watch_that_fell_behind_a_compaction_is_told() {
    let directory = scratch();
    let store = EmbeddedStore::open(directory.path(), Options::default()).expect("opens");
    let mut watch = store.watch("".into(), 0).expect("watches");
    for _ in 0..600 {
        write(&*store, vec![put("a", &[b'a'; 20_000])]).await;
    }
    store.compact(600).await.expect("compacts");
    let error = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Err(error) = watch.next().await {
                return error;
            }
        }
    });
    assert!(matches!(error.await, Ok(StoreError::Compacted { oldest: 600, .. })));
}

/// Waits until the oldest segment is a later one than `segment`.
async fn dropped(path: &Path, segment: &std::ffi::OsStr) {
    for _ in 0..1000 {
        if segments(path)[0] > *segment {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("{segment:?} is never dropped");
}

#[tokio::test]
async fn a_value_that_was_moved_after_its_deletion_stays_deleted() {
    let directory = scratch();
    let path = directory.path();
    let store = EmbeddedStore::open(path, SMALL).expect("opens");
    let fill = async |count| {
        for _ in 0..count {
            write(&*store, vec![put("filler", &[b'f'; 2000])]).await;
        }
    };
    write(&*store, vec![put("victim", b"v")]).await;
    fill(300).await;
    let deleted = write(&*store, vec![delete("victim")]).await;
    let with_deletion = segments(path).pop().expect("there are segments");
    fill(80).await;
    // The past that is kept still shows the victim: it is moved behind its own deletion.
    store.compact(deleted - 1).await.expect("compacts");
    dropped(path, "0000000001.log".as_ref()).await;
    let past = Range { prefix: "victim".into(), revision: Some(deleted - 1), ..Range::default() };
    assert_eq!(store.range(past).await.expect("reads").items.len(), 1);
    // Now the deletion is forgotten and its record goes; the moved value is still in the log.
    store.compact(store.revision()).await.expect("compacts");
    dropped(path, &with_deletion).await;
    drop(store);
    let log: Vec<u8> =
        segments(path).iter().flat_map(|name| fs::read(path.join(name)).expect("reads")).collect();
    assert!(log.windows(7).any(|bytes| bytes == b"victimv"), "the moved value is not there: no test");
    let store = EmbeddedStore::open(path, SMALL).expect("opens");
    let keys: Vec<_> = store.range(Range::default()).await.expect("reads").items;
    assert_eq!(keys.iter().map(|item| &*item.key).collect::<Vec<_>>(), [b"filler"]);
}
