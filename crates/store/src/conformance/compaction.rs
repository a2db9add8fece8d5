//! Compaction: what is forgotten, and what never is.

use super::*;

cases![
    compaction_keeps_the_newest_state,
    compacted_revisions_are_refused,
    the_compacted_revision_itself_can_be_read,
    history_after_the_compaction_is_whole,
    compacting_twice_is_no_change,
    compaction_makes_no_revision,
    a_watch_that_has_seen_all_outlives_a_compaction,
    deleted_keys_stay_deleted,
];

async fn history(store: &dyn Store) {
    write(store, vec![put("a", "1"), put("b", "1")]).await;
    write(store, vec![put("a", "2"), put("c", "1")]).await;
    write(store, vec![delete("b")]).await;
    write(store, vec![put("a", "3")]).await;
    write(store, vec![delete("c")]).await;
}

async fn compaction_keeps_the_newest_state(store: Arc<dyn Store>) {
    history(&*store).await;
    store.compact(5).await.expect("compacts");
    let expected = RangeResult { revision: 5, items: vec![entry("a", "3", 1, 4)], remaining: 0 };
    assert_eq!(range(&*store, prefix("")).await, expected);
}

async fn compacted_revisions_are_refused(store: Arc<dyn Store>) {
    history(&*store).await;
    store.compact(3).await.expect("compacts");
    for requested in 0..3 {
        let refused = StoreError::Compacted { requested, oldest: 3 };
        let past = store.range(Range { revision: Some(requested), ..prefix("") }).await;
        assert_eq!(past, Err(refused.clone()));
        assert_eq!(watch_error(&*store, "", requested).await, refused);
    }
}

async fn the_compacted_revision_itself_can_be_read(store: Arc<dyn Store>) {
    history(&*store).await;
    store.compact(2).await.expect("compacts");
    let found = range(&*store, Range { revision: Some(2), ..prefix("") }).await;
    assert_eq!(found.items, [entry("a", "2", 1, 2), entry("b", "1", 1, 1), entry("c", "1", 2, 2)]);
    let found = range(&*store, Range { revision: Some(3), ..prefix("") }).await;
    assert_eq!(found.items, [entry("a", "2", 1, 2), entry("c", "1", 2, 2)]);
}

async fn history_after_the_compaction_is_whole(store: Arc<dyn Store>) {
    history(&*store).await;
    store.compact(2).await.expect("compacts");
    let mut watch = watch(&*store, "", 2);
    let events = events_through(&mut *watch, 5).await;
    assert_eq!(lines(&events), ["b deleted@3", "a=3@4", "c deleted@5"]);
    assert_eq!(events[0].change, Change::Delete { previous: entry("b", "1", 1, 1) });
    let previous = Some(entry("a", "2", 1, 2));
    assert_eq!(events[1].change, Change::Put { value: bytes("3"), created: 1, previous });
}

async fn compacting_twice_is_no_change(store: Arc<dyn Store>) {
    history(&*store).await;
    for revision in [3, 3, 1, 0] {
        assert_eq!(store.compact(revision).await, Ok(()), "compacting {revision}");
    }
    let refused = StoreError::Compacted { requested: 2, oldest: 3 };
    assert_eq!(store.range(Range { revision: Some(2), ..prefix("") }).await, Err(refused));
}

async fn compaction_makes_no_revision(store: Arc<dyn Store>) {
    history(&*store).await;
    store.compact(5).await.expect("compacts");
    assert_eq!(store.revision(), 5);
    assert_eq!(write(&*store, vec![put("d", "1")]).await, 6);
}

async fn a_watch_that_has_seen_all_outlives_a_compaction(store: Arc<dyn Store>) {
    let mut watch = watch(&*store, "a/", 0);
    write(&*store, vec![put("a/1", "x")]).await;
    assert_eq!(lines(&events_through(&mut *watch, 1).await), ["a/1=x@1"]);
    for _ in 0..10 {
        write(&*store, vec![put("b/1", "x")]).await;
    }
    store.compact(11).await.expect("compacts");
    write(&*store, vec![put("a/2", "x")]).await;
    assert_eq!(lines(&next_events(&mut *watch).await), ["a/2=x@12"]);
}

async fn deleted_keys_stay_deleted(store: Arc<dyn Store>) {
    for round in 0..5 {
        write(&*store, vec![put("a", &round.to_string()), put("b", "x")]).await;
        let revision = write(&*store, vec![delete("a")]).await;
        store.compact(revision).await.expect("compacts");
        assert_eq!(keys(&*store, prefix("")).await, ["b"]);
        let again = txn(&*store, vec![modified_at("a", revision - 1)], vec![put("a", "x")]).await;
        assert_eq!(again, TxnResult::Conflict { key: bytes("a"), current: None });
    }
}
