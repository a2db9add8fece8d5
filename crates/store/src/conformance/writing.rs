//! Transactions: revisions, compares, all or nothing.

use super::*;

cases![
    a_new_store_is_at_revision_zero,
    a_put_creates_and_then_updates,
    every_op_of_a_transaction_has_one_revision,
    create_fails_with_the_current_value_if_the_key_exists,
    update_needs_the_revision_that_wrote_the_value,
    a_conflict_changes_nothing,
    the_first_failing_compare_is_the_one_reported,
    compares_may_name_keys_that_are_not_written,
    deleting_an_absent_key_is_no_change,
    a_transaction_without_ops_is_a_check,
    a_key_made_again_is_a_new_key,
    putting_the_same_value_is_a_change,
    invalid_transactions_are_refused,
    keys_and_values_are_any_bytes,
];

async fn a_new_store_is_at_revision_zero(store: Arc<dyn Store>) {
    assert_eq!(store.revision(), 0);
    let empty = RangeResult { revision: 0, items: Vec::new(), remaining: 0 };
    assert_eq!(range(&*store, Range::default()).await, empty);
}

async fn a_put_creates_and_then_updates(store: Arc<dyn Store>) {
    assert_eq!(write(&*store, vec![put("a", "1")]).await, 1);
    assert_eq!(write(&*store, vec![put("b", "1")]).await, 2);
    assert_eq!(write(&*store, vec![put("a", "2")]).await, 3);
    assert_eq!(store.revision(), 3);
    let items = range(&*store, prefix("")).await.items;
    assert_eq!(items, [entry("a", "2", 1, 3), entry("b", "1", 2, 2)]);
}

async fn every_op_of_a_transaction_has_one_revision(store: Arc<dyn Store>) {
    write(&*store, vec![put("c", "0")]).await;
    assert_eq!(write(&*store, vec![put("a", "1"), delete("c"), put("b", "2")]).await, 2);
    let items = range(&*store, prefix("")).await.items;
    assert_eq!(items, [entry("a", "1", 2, 2), entry("b", "2", 2, 2)]);
}

async fn create_fails_with_the_current_value_if_the_key_exists(store: Arc<dyn Store>) {
    let create = |value| txn(&*store, vec![absent("a")], vec![put("a", value)]);
    assert_eq!(create("1").await, TxnResult::Committed { revision: 1 });
    let current = Some(entry("a", "1", 1, 1));
    assert_eq!(create("2").await, TxnResult::Conflict { key: bytes("a"), current });
}

async fn update_needs_the_revision_that_wrote_the_value(store: Arc<dyn Store>) {
    let update = |at, value| txn(&*store, vec![modified_at("a", at)], vec![put("a", value)]);
    assert_eq!(update(1, "x").await, TxnResult::Conflict { key: bytes("a"), current: None });
    write(&*store, vec![put("a", "1")]).await;
    assert_eq!(update(1, "2").await, TxnResult::Committed { revision: 2 });
    for stale in [0, 1, 3] {
        let current = Some(entry("a", "2", 1, 2));
        assert_eq!(update(stale, "x").await, TxnResult::Conflict { key: bytes("a"), current });
    }
    let gone = txn(&*store, vec![modified_at("a", 2)], vec![delete("a")]).await;
    assert_eq!(gone, TxnResult::Committed { revision: 3 });
    assert_eq!(update(2, "x").await, TxnResult::Conflict { key: bytes("a"), current: None });
}

async fn a_conflict_changes_nothing(store: Arc<dyn Store>) {
    write(&*store, vec![put("a", "1")]).await;
    txn(&*store, vec![absent("a")], vec![put("b", "1"), delete("a")]).await;
    assert_eq!(store.revision(), 1);
    assert_eq!(range(&*store, prefix("")).await.items, [entry("a", "1", 1, 1)]);
}

async fn the_first_failing_compare_is_the_one_reported(store: Arc<dyn Store>) {
    write(&*store, vec![put("b", "1"), put("c", "1")]).await;
    let compares = vec![absent("a"), absent("c"), absent("b")];
    let result = txn(&*store, compares, vec![put("d", "1")]).await;
    assert_eq!(result, TxnResult::Conflict { key: bytes("c"), current: Some(entry("c", "1", 1, 1)) });
}

async fn compares_may_name_keys_that_are_not_written(store: Arc<dyn Store>) {
    write(&*store, vec![put("namespace", "1")]).await;
    let result = txn(&*store, vec![modified_at("namespace", 1), absent("a")], vec![put("a", "1")]).await;
    assert_eq!(result, TxnResult::Committed { revision: 2 });
}

async fn deleting_an_absent_key_is_no_change(store: Arc<dyn Store>) {
    write(&*store, vec![put("a", "1")]).await;
    assert_eq!(write(&*store, vec![delete("b")]).await, 1);
    assert_eq!(store.revision(), 1);
    assert_eq!(write(&*store, vec![delete("b"), put("c", "1")]).await, 2);
    let mut watch = watch(&*store, "", 0);
    assert_eq!(lines(&events_through(&mut *watch, 2).await), ["a=1@1", "c=1@2"]);
}

async fn a_transaction_without_ops_is_a_check(store: Arc<dyn Store>) {
    write(&*store, vec![put("a", "1")]).await;
    assert_eq!(txn(&*store, vec![modified_at("a", 1)], vec![]).await, TxnResult::Committed { revision: 1 });
    let current = Some(entry("a", "1", 1, 1));
    let expected = TxnResult::Conflict { key: bytes("a"), current };
    assert_eq!(txn(&*store, vec![absent("a")], vec![]).await, expected);
    assert_eq!(store.revision(), 1);
}

async fn a_key_made_again_is_a_new_key(store: Arc<dyn Store>) {
    write(&*store, vec![put("a", "1")]).await;
    write(&*store, vec![delete("a")]).await;
    assert_eq!(keys(&*store, prefix("")).await, Vec::<String>::new());
    write(&*store, vec![put("a", "2")]).await;
    assert_eq!(range(&*store, prefix("")).await.items, [entry("a", "2", 3, 3)]);
}

async fn putting_the_same_value_is_a_change(store: Arc<dyn Store>) {
    write(&*store, vec![put("a", "1")]).await;
    assert_eq!(write(&*store, vec![put("a", "1")]).await, 2);
    assert_eq!(range(&*store, prefix("")).await.items, [entry("a", "1", 1, 2)]);
}

async fn invalid_transactions_are_refused(store: Arc<dyn Store>) {
    for ops in [
        vec![put("", "1")],
        vec![delete("")],
        vec![put("a", "1"), put("a", "2")],
        vec![put("a", "1"), put("b", "1"), delete("a")],
    ] {
        let result = store.txn(Txn { compares: Vec::new(), ops: ops.clone() }).await;
        assert!(matches!(result, Err(StoreError::Invalid(_))), "{ops:?} gives {result:?}");
    }
    assert_eq!(store.revision(), 0);
}

async fn keys_and_values_are_any_bytes(store: Arc<dyn Store>) {
    let all: Vec<u8> = (0..=255).collect();
    for (key, value) in
        [(&all[..], &b""[..]), (b"nul\0", &all), (b"\xff\xff", b"\0\0"), (b"big", &[7; 300_000])]
    {
        let (key, value) = (bytes(key), bytes(value));
        let revision = write(&*store, vec![Op::Put { key: key.clone(), value: value.clone() }]).await;
        let found = range(&*store, Range { prefix: key.clone(), ..Range::default() }).await.items;
        assert_eq!(found, [KeyValue { key, value, created: revision, modified: revision }]);
    }
}
