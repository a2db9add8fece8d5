//! Watches: replay, then live; no gaps, duplicates or reorderings.

use super::*;
use crate::PROGRESS_REVISIONS;

cases![
    a_watch_replays_and_then_is_live,
    a_watch_sees_only_its_prefix,
    a_transaction_is_one_item,
    events_carry_the_value_before,
    a_watch_is_told_when_the_replay_is_over,
    a_quiet_watch_is_told_of_progress,
    a_commit_is_visible_before_it_is_acknowledged,
    every_watch_sees_every_event,
    a_dropped_wait_loses_nothing,
    a_slow_watch_misses_nothing_or_says_so,
    watches_resume_where_they_stopped,
];

async fn a_watch_replays_and_then_is_live(store: Arc<dyn Store>) {
    write(&*store, vec![put("a", "1")]).await;
    write(&*store, vec![put("a", "2")]).await;
    write(&*store, vec![delete("a")]).await;
    for (after, replay) in [(0, &["a=1@1", "a=2@2", "a deleted@3"][..]), (2, &["a deleted@3"]), (3, &[])] {
        let mut watch = watch(&*store, "", after);
        assert_eq!(lines(&events_through(&mut *watch, 3).await), replay, "after {after}");
    }
    let mut watch = watch(&*store, "", 2);
    write(&*store, vec![put("b", "1")]).await;
    assert_eq!(lines(&events_through(&mut *watch, 4).await), ["a deleted@3", "b=1@4"]);
    write(&*store, vec![put("b", "2")]).await;
    assert_eq!(lines(&next_events(&mut *watch).await), ["b=2@5"]);
}

async fn a_watch_sees_only_its_prefix(store: Arc<dyn Store>) {
    let mut live = watch(&*store, "a/", 0);
    for key in ["a", "a/1", "a0", "b/1", "a/\u{7f}"] {
        write(&*store, vec![put(key, "x")]).await;
    }
    write(&*store, vec![put("b/2", "x"), put("a/2", "x"), delete("a0")]).await;
    let expected = ["a/1=x@2", "a/\u{7f}=x@5", "a/2=x@6"];
    assert_eq!(lines(&events_through(&mut *live, 6).await), expected);
    assert_eq!(lines(&events_through(&mut *watch(&*store, "a/", 0), 6).await), expected);
}

async fn a_transaction_is_one_item(store: Arc<dyn Store>) {
    let mut live = watch(&*store, "", 0);
    write(&*store, vec![put("c", "0")]).await;
    write(&*store, vec![put("b", "1"), delete("c"), put("a", "1")]).await;
    for mut watch in [watch(&*store, "", 1), watch(&*store, "", 0)] {
        let events = loop {
            let events = next_events(&mut *watch).await;
            if check_item(&events) == 2 {
                break events;
            }
        };
        assert_eq!(lines(&events), ["b=1@2", "c deleted@2", "a=1@2"]);
    }
    assert_eq!(next_events(&mut *live).await.len(), 1);
    assert_eq!(next_events(&mut *live).await.len(), 3);
}

async fn events_carry_the_value_before(store: Arc<dyn Store>) {
    let live = watch(&*store, "", 0);
    write(&*store, vec![put("a", "1")]).await;
    write(&*store, vec![put("a", "2")]).await;
    write(&*store, vec![delete("a")]).await;
    write(&*store, vec![put("a", "3")]).await;
    let change = |value: &str, created, previous| Change::Put { value: bytes(value), created, previous };
    let expected = [
        change("1", 1, None),
        change("2", 1, Some(entry("a", "1", 1, 1))),
        Change::Delete { previous: entry("a", "2", 1, 2) },
        change("3", 4, None),
    ];
    for mut watch in [live, watch(&*store, "", 0)] {
        let changes: Vec<Change> =
            events_through(&mut *watch, 4).await.into_iter().map(|event| event.change).collect();
        assert_eq!(changes, expected);
    }
}

async fn a_watch_is_told_when_the_replay_is_over(store: Arc<dyn Store>) {
    let mut empty = watch(&*store, "", 0);
    assert_eq!(empty.next().await, Ok(WatchItem::Progress(0)));
    write(&*store, vec![put("a/1", "x")]).await;
    write(&*store, vec![put("b/1", "x")]).await;
    let mut watch = watch(&*store, "a/", 0);
    assert!(matches!(watch.next().await, Ok(WatchItem::Events(_))));
    assert_eq!(watch.next().await, Ok(WatchItem::Progress(2)));
}

async fn a_quiet_watch_is_told_of_progress(store: Arc<dyn Store>) {
    let mut watch = watch(&*store, "quiet/", 0);
    assert_eq!(watch.next().await, Ok(WatchItem::Progress(0)));
    for n in 0..=PROGRESS_REVISIONS {
        write(&*store, vec![put("loud", &n.to_string())]).await;
    }
    match watch.next().await {
        Ok(WatchItem::Progress(revision)) => assert!(revision >= PROGRESS_REVISIONS, "only {revision}"),
        other => panic!("no progress but {other:?}"),
    }
    let revision = write(&*store, vec![put("quiet/1", "x")]).await;
    assert_eq!(lines(&next_events(&mut *watch).await), [format!("quiet/1=x@{revision}")]);
}

async fn a_commit_is_visible_before_it_is_acknowledged(store: Arc<dyn Store>) {
    use futures::FutureExt;
    let mut watch = watch(&*store, "", 0);
    assert_eq!(watch.next().await, Ok(WatchItem::Progress(0)));
    for n in 1..=20 {
        write(&*store, vec![put("a", &n.to_string())]).await;
        assert_eq!(store.revision(), n);
        let item = watch.next().now_or_never().expect("the event is there already");
        let Ok(WatchItem::Events(events)) = item else { panic!("no event but {item:?}") };
        assert_eq!(lines(&events), [format!("a={n}@{n}")]);
    }
}

async fn every_watch_sees_every_event(store: Arc<dyn Store>) {
    const KINDS: usize = 20;
    let mut watches: Vec<_> = (0..200).map(|n| watch(&*store, &format!("{}/", n % KINDS), 0)).collect();
    for n in 0..100 {
        write(&*store, vec![put(&format!("{}/{n}", n % KINDS), "x")]).await;
    }
    let last = write(&*store, (0..KINDS).map(|kind| put(&format!("{kind}/last"), "x")).collect()).await;
    for (n, watch) in watches.iter_mut().enumerate() {
        let kind = n % KINDS;
        let mut expected: Vec<String> =
            (0..5).map(|m| m * KINDS + kind).map(|m| format!("{kind}/{m}=x@{}", m + 1)).collect();
        expected.push(format!("{kind}/last=x@{last}"));
        assert_eq!(lines(&events_through(&mut **watch, last).await), expected);
    }
}

async fn a_dropped_wait_loses_nothing(store: Arc<dyn Store>) {
    use futures::FutureExt;
    let mut watch = watch(&*store, "", 0);
    let mut seen = Vec::new();
    let mut keep = |item: Option<Result<WatchItem, StoreError>>| {
        if let Some(Ok(WatchItem::Events(events))) = item {
            seen.extend(lines(&events));
        }
    };
    for n in 1..=50 {
        keep(watch.next().now_or_never());
        write(&*store, vec![put("a", &n.to_string())]).await;
        keep(watch.next().now_or_never());
    }
    let last = write(&*store, vec![put("last", "x")]).await;
    seen.extend(lines(&events_through(&mut *watch, last).await));
    let mut expected: Vec<String> = (1..=50).map(|n| format!("a={n}@{n}")).collect();
    expected.push(format!("last=x@{last}"));
    assert_eq!(seen, expected);
}

async fn a_slow_watch_misses_nothing_or_says_so(store: Arc<dyn Store>) {
    const COMMITS: u64 = 600;
    let mut watch = watch(&*store, "", 0);
    let value = "x".repeat(20_000);
    for n in 0..COMMITS {
        write(&*store, vec![put(&format!("k/{}", n % 7), &value)]).await;
    }
    let mut next = 1;
    while next <= COMMITS {
        match watch.next().await {
            Ok(WatchItem::Progress(_)) => {}
            Ok(WatchItem::Events(events)) => {
                assert_eq!(check_item(&events), next, "a gap");
                next += 1;
            }
            Err(StoreError::Overrun { .. }) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn watches_resume_where_they_stopped(store: Arc<dyn Store>) {
    const COMMITS: u64 = 300;
    for n in 1..=COMMITS {
        write(&*store, vec![put(&format!("{}/{n}", if n % 3 == 0 { "a" } else { "b" }), "x")]).await;
    }
    let mut position = 0;
    let mut seen = 0;
    while position < COMMITS {
        let mut watch = watch(&*store, "a/", position);
        for _ in 0..7 {
            match watch.next().await.expect("the watch goes on") {
                WatchItem::Progress(revision) => position = revision,
                WatchItem::Events(events) => {
                    position = check_item(&events);
                    seen += 1;
                    assert_eq!(position, seen * 3, "a gap or a duplicate");
                }
            }
            if position == COMMITS {
                break;
            }
        }
    }
    assert_eq!(seen, COMMITS / 3);
}
