//! Ranges: prefixes, pages, the past.

use super::*;

cases![
    a_range_is_the_keys_under_a_prefix_in_byte_order,
    prefixes_that_end_in_ff_have_right_edges,
    a_limit_cuts_and_counts_what_remains,
    pages_continue_after_a_key,
    a_range_continues_after_keys_that_are_gone,
    a_range_cannot_continue_outside_its_prefix,
    the_past_is_read_as_it_was,
    pages_of_one_revision_are_one_snapshot,
    the_future_is_refused,
];

async fn a_range_is_the_keys_under_a_prefix_in_byte_order(store: Arc<dyn Store>) {
    for key in ["a/2", "a", "b/1", "a/10", "a/1", "a0", "A/1"] {
        write(&*store, vec![put(key, "x")]).await;
    }
    assert_eq!(keys(&*store, prefix("a/")).await, ["a/1", "a/10", "a/2"]);
    assert_eq!(keys(&*store, prefix("a")).await, ["a", "a/1", "a/10", "a/2", "a0"]);
    assert_eq!(keys(&*store, prefix("")).await.len(), 7);
    assert_eq!(keys(&*store, prefix("c")).await, Vec::<String>::new());
    assert_eq!(range(&*store, prefix("c")).await.revision, 7);
}

async fn prefixes_that_end_in_ff_have_right_edges(store: Arc<dyn Store>) {
    let written: [&[u8]; 7] = [b"a", b"a\xff", b"a\xff\x01", b"a\xff\xff", b"b", b"\xff", b"\xff\xff\x01"];
    for key in written {
        write(&*store, vec![Op::Put { key: bytes(key), value: Bytes::new() }]).await;
    }
    let check = async |prefix: &[u8], expected: &[&[u8]]| {
        let found = range(&*store, Range { prefix: bytes(prefix), ..Range::default() }).await;
        let found: Vec<Bytes> = found.items.into_iter().map(|item| item.key).collect();
        assert_eq!(found, expected, "under {prefix:?}");
    };
    check(b"a\xff", &[b"a\xff", b"a\xff\x01", b"a\xff\xff"]).await;
    check(b"a\xff\xff", &[b"a\xff\xff"]).await;
    check(b"\xff", &[b"\xff", b"\xff\xff\x01"]).await;
    check(b"\xff\xff", &[b"\xff\xff\x01"]).await;
}

async fn numbered(store: &dyn Store, count: usize) {
    write(store, (0..count).map(|n| put(&format!("k/{n}"), "x")).collect()).await;
    write(store, vec![put("l", "x")]).await;
}

async fn a_limit_cuts_and_counts_what_remains(store: Arc<dyn Store>) {
    numbered(&*store, 5).await;
    for (limit, items, remaining) in [(0, 5, 0), (1, 1, 4), (4, 4, 1), (5, 5, 0), (6, 5, 0)] {
        let found = range(&*store, Range { limit, ..prefix("k/") }).await;
        assert_eq!((found.items.len(), found.remaining), (items, remaining), "limit {limit}");
    }
}

async fn pages_continue_after_a_key(store: Arc<dyn Store>) {
    numbered(&*store, 5).await;
    let after = Some(bytes("k/1"));
    let found = range(&*store, Range { after: after.clone(), limit: 2, ..prefix("k/") }).await;
    assert_eq!((found.items.len(), found.remaining), (2, 1));
    assert_eq!(keys(&*store, Range { after, ..prefix("k/") }).await, ["k/2", "k/3", "k/4"]);
    let after = Some(bytes("k/4"));
    assert_eq!(keys(&*store, Range { after, ..prefix("k/") }).await, Vec::<String>::new());
    let after = Some(bytes("k/"));
    assert_eq!(keys(&*store, Range { after, ..prefix("k/") }).await.len(), 5);
}

async fn a_range_continues_after_keys_that_are_gone(store: Arc<dyn Store>) {
    numbered(&*store, 5).await;
    write(&*store, vec![delete("k/1"), delete("k/2")]).await;
    let after = Some(bytes("k/1"));
    assert_eq!(keys(&*store, Range { after, ..prefix("k/") }).await, ["k/3", "k/4"]);
}

async fn a_range_cannot_continue_outside_its_prefix(store: Arc<dyn Store>) {
    numbered(&*store, 2).await;
    for after in ["", "k", "j/1", "l", "k0"] {
        let result = store.range(Range { after: Some(bytes(after)), ..prefix("k/") }).await;
        assert!(matches!(result, Err(StoreError::Invalid(_))), "after {after:?}: {result:?}");
    }
}

async fn the_past_is_read_as_it_was(store: Arc<dyn Store>) {
    write(&*store, vec![put("a", "1")]).await;
    write(&*store, vec![put("b", "1"), put("a", "2")]).await;
    write(&*store, vec![delete("a")]).await;
    write(&*store, vec![put("a", "3")]).await;
    let past: [&[KeyValue]; 5] = [
        &[],
        &[entry("a", "1", 1, 1)],
        &[entry("a", "2", 1, 2), entry("b", "1", 2, 2)],
        &[entry("b", "1", 2, 2)],
        &[entry("a", "3", 4, 4), entry("b", "1", 2, 2)],
    ];
    for (revision, items) in (0..).zip(past) {
        let found = range(&*store, Range { revision: Some(revision), ..prefix("") }).await;
        assert_eq!(found, RangeResult { revision, items: items.to_vec(), remaining: 0 });
    }
}

async fn pages_of_one_revision_are_one_snapshot(store: Arc<dyn Store>) {
    numbered(&*store, 6).await;
    let revision = Some(store.revision());
    let first = range(&*store, Range { limit: 3, revision, ..prefix("k/") }).await;
    write(&*store, vec![delete("k/4"), put("k/3", "changed"), put("k/45", "new")]).await;
    let after = first.items.last().map(|item| item.key.clone());
    let second = range(&*store, Range { after, limit: 3, revision, ..prefix("k/") }).await;
    assert_eq!((first.remaining, second.remaining), (3, 0));
    assert_eq!(second.revision, first.revision);
    let second: Vec<(&[u8], &[u8])> = second.items.iter().map(|item| (&*item.key, &*item.value)).collect();
    assert_eq!(second, [(&b"k/3"[..], &b"x"[..]), (b"k/4", b"x"), (b"k/5", b"x")]);
}

async fn the_future_is_refused(store: Arc<dyn Store>) {
    write(&*store, vec![put("a", "1")]).await;
    let refused = StoreError::Future { requested: 2, newest: 1 };
    assert_eq!(store.range(Range { revision: Some(2), ..prefix("") }).await, Err(refused.clone()));
    assert_eq!(watch_error(&*store, "", 2).await, refused);
    assert_eq!(store.compact(2).await, Err(refused));
}
