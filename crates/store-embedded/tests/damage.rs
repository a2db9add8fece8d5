//! Damaged files: refused by name, or served as they were written. Never a panic, never
//! another answer.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use ironclad_store::{Range, RangeResult, Store, StoreError};
use ironclad_store_embedded::{EmbeddedStore, Options};
use support::{SMALL, copy, put, scratch, segments, write};

/// A log of several segments with updates, deletes, a compaction and moved records.
async fn sample(path: &Path) -> RangeResult {
    let store = EmbeddedStore::open(path, SMALL).expect("opens");
    for n in 0..200_u32 {
        write(&*store, vec![put(&format!("k/{}", n % 40), &vec![b'a' + (n % 26) as u8; 900])]).await;
    }
    store.compact(150).await.expect("compacts");
    for n in 0..60_u32 {
        write(&*store, vec![put(&format!("l/{n}"), format!("value {n}").as_bytes())]).await;
    }
    store.range(Range::default()).await.expect("reads")
}

/// Opens and reads everything, as it is now and as a watch sees it.
async fn read_all(path: &Path) -> Result<RangeResult, StoreError> {
    let store = EmbeddedStore::open(path, SMALL)?;
    store.range(Range::default()).await
}

#[tokio::test]
async fn a_flipped_byte_is_refused_by_name_or_harmless() {
    let directory = scratch();
    let (good, bad) = (directory.path().join("good"), directory.path().join("bad"));
    let expected = sample(&good).await;
    assert!(segments(&good).len() > 2, "the sample has several segments");
    let (mut refused, mut harmless) = (0, 0);
    for name in segments(&good) {
        let bytes = fs::read(good.join(&name)).expect("reads");
        // Heads, headers and a record whole; the rest in strides that meet every field.
        for at in (0..400).chain((400..bytes.len()).step_by(331)) {
            copy(&good, &bad);
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            fs::write(bad.join(&name), damaged).expect("writes");
            match read_all(&bad).await {
                Ok(found) => {
                    assert_eq!(found, expected, "{name:?}, byte {at}");
                    harmless += 1;
                }
                Err(StoreError::Corrupt { file, .. }) => {
                    assert!(file.contains(&*name.to_string_lossy()), "{name:?}, byte {at}: blames {file}");
                    refused += 1;
                }
                Err(other) => panic!("{name:?}, byte {at}: {other}"),
            }
        }
    }
    assert!(refused > harmless, "{refused} refused, {harmless} harmless");
}

#[tokio::test]
async fn damage_while_running_is_refused_when_it_is_read() {
    let directory = scratch();
    let store = EmbeddedStore::open(directory.path(), Options::default()).expect("opens");
    write(&*store, vec![put("good", b"value")]).await;
    write(&*store, vec![put("bad", b"MARKED")]).await;
    let file = directory.path().join("0000000001.log");
    let mut bytes = fs::read(&file).expect("reads");
    let at = bytes.windows(6).position(|bytes| bytes == b"MARKED").expect("is there");
    bytes[at] = b'X';
    fs::write(&file, bytes).expect("writes");
    let range = |prefix: &str| store.range(Range { prefix: prefix.to_owned().into(), ..Range::default() });
    let refused = range("bad").await;
    assert!(
        matches!(&refused, Err(StoreError::Corrupt { file, .. }) if file.ends_with("0000000001.log")),
        "{refused:?}"
    );
    assert_eq!(range("good").await.expect("reads").items.len(), 1);
}

#[tokio::test]
async fn a_missing_or_cut_segment_is_refused_by_name() {
    let directory = scratch();
    let (good, bad) = (directory.path().join("good"), directory.path().join("bad"));
    sample(&good).await;
    let names = segments(&good);
    let (last, earlier) = names.split_last().expect("there are segments");
    let check = async |what: &str, name: &std::ffi::OsString, harm: &dyn Fn(&PathBuf)| {
        copy(&good, &bad);
        harm(&bad.join(name));
        let result = read_all(&bad).await;
        let named = |file: &str| file.contains(&*name.to_string_lossy());
        assert!(
            matches!(&result, Err(StoreError::Corrupt { file, .. }) if named(file)),
            "{what} {name:?}: {:?}",
            result.map(|found| found.revision)
        );
    };
    for name in earlier {
        check("removing", name, &|path| fs::remove_file(path).expect("removes")).await;
        check("emptying", name, &|path| fs::write(path, b"").expect("writes")).await;
        check("cutting", name, &|path| {
            let bytes = fs::read(path).expect("reads");
            fs::write(path, &bytes[..bytes.len() / 2]).expect("writes");
        })
        .await;
    }
    check("emptying", last, &|path| fs::write(path, b"").expect("writes")).await;
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_writing_goes_on() {
    let directory = scratch();
    let (good, bad) = (directory.path().join("good"), directory.path().join("bad"));
    let store = EmbeddedStore::open(&good, SMALL).expect("opens");
    write(&*store, vec![put("a", &[b'a'; 3000])]).await;
    drop(store);
    let before = fs::read(good.join("0000000001.log")).expect("reads");
    let store = EmbeddedStore::open(&good, SMALL).expect("opens");
    write(&*store, vec![put("b", &[b'b'; 3000])]).await;
    drop(store);
    let after = fs::read(good.join("0000000001.log")).expect("reads");
    // Any sector of the second write may be missing after a power cut.
    let changed: Vec<usize> =
        (0..after.len() / 512).filter(|n| before[n * 512..][..512] != after[n * 512..][..512]).collect();
    assert!(changed.len() > 5);
    for sector in changed {
        copy(&good, &bad);
        let mut torn = after.clone();
        torn[sector * 512..][..512].copy_from_slice(&before[sector * 512..][..512]);
        fs::write(bad.join("0000000001.log"), torn).expect("writes");
        for round in 0..2 {
            let store = EmbeddedStore::open(&bad, SMALL).expect("opens");
            assert_eq!(store.revision(), 1 + round, "sector {sector}");
            let revision = write(&*store, vec![put("c", &[b'c'; 2000])]).await;
            assert_eq!(revision, 2 + round);
        }
    }
}
