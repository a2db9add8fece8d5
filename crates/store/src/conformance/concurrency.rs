//! Many callers at once.

use futures::future::{join, join_all};

use super::*;

cases![
    concurrent_updates_lose_nothing,
    one_of_many_creators_wins,
    concurrent_writers_get_revisions_of_their_own,
    a_watch_beside_writers_sees_one_order,
    reads_see_their_own_writes,
];

/// Adds one to the number at `key`, as often as it takes.
async fn increment(store: &dyn Store, key: &str) {
    loop {
        let found = range(store, prefix(key)).await.items.pop();
        let number: u64 = found
            .as_ref()
            .and_then(|found| std::str::from_utf8(&found.value).ok()?.parse().ok())
            .unwrap_or_default();
        let compare = found.map_or_else(|| absent(key), |found| modified_at(key, found.modified));
        let result = txn(store, vec![compare], vec![put(key, &(number + 1).to_string())]).await;
        if let TxnResult::Committed { .. } = result {
            return;
        }
    }
}

async fn concurrent_updates_lose_nothing(store: Arc<dyn Store>) {
    let writer = async || {
        for _ in 0..20 {
            increment(&*store, "counter").await;
        }
    };
    join_all((0..8).map(|_| writer())).await;
    assert_eq!(range(&*store, prefix("counter")).await.items, [entry("counter", "160", 1, 160)]);
}

async fn one_of_many_creators_wins(store: Arc<dyn Store>) {
    let create = async |n: usize| txn(&*store, vec![absent("a")], vec![put("a", &n.to_string())]).await;
    let results = join_all((0..32).map(create)).await;
    let current = range(&*store, prefix("a")).await.items.pop();
    let mut winners = 0;
    for result in results {
        match result {
            TxnResult::Committed { revision } => {
                assert_eq!(revision, 1);
                winners += 1;
            }
            TxnResult::Conflict { current: seen, .. } => assert_eq!(seen, current),
        }
    }
    assert_eq!(winners, 1);
}

async fn concurrent_writers_get_revisions_of_their_own(store: Arc<dyn Store>) {
    let writer = async |n: usize| {
        let mut revisions = Vec::new();
        for m in 0..25 {
            revisions.push(write(&*store, vec![put(&format!("{n}/{m}"), "x")]).await);
        }
        assert!(revisions.is_sorted(), "a writer's revisions go back: {revisions:?}");
        revisions
    };
    let mut revisions = join_all((0..16).map(writer)).await.concat();
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=400).collect::<Vec<_>>());
}

async fn a_watch_beside_writers_sees_one_order(store: Arc<dyn Store>) {
    let mut live = watch(&*store, "", 0);
    let writer = async |n: usize| {
        for m in 0..30 {
            write(&*store, vec![put(&format!("k/{}", (n + m) % 5), &format!("{n}.{m}"))]).await;
        }
    };
    let (seen, _) = join(events_through(&mut *live, 240), join_all((0..8).map(writer))).await;
    assert_eq!(seen.len(), 240);
    assert_eq!(seen, events_through(&mut *watch(&*store, "", 0), 240).await);
}

async fn reads_see_their_own_writes(store: Arc<dyn Store>) {
    let client = async |n: usize| {
        for m in 0..20 {
            let key = format!("{n}/");
            let revision = write(&*store, vec![put(&key, &m.to_string())]).await;
            let found = range(&*store, prefix(&key)).await;
            assert!(found.revision >= revision);
            assert_eq!(found.items[0].value, m.to_string());
        }
    };
    join_all((0..8).map(client)).await;
}
