//! Random histories: every answer of the engine is the model's answer.

use super::*;
use crate::model::State;

/// How many histories, and of how many steps, a run of the suite holds against the model.
pub(super) const SEEDS: u64 = 6;
pub(super) const STEPS: usize = 400;

/// A small, fixed generator (splitmix64), so that a seed reproduces a history anywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn key(&mut self) -> Bytes {
        const STEMS: [&[u8]; 4] = [b"a/", b"a/b/", b"b/", b"\xff\xff"];
        let mut key = STEMS[self.below(4) as usize].to_vec();
        key.push(b'0' + self.below(8) as u8);
        key.into()
    }

    fn prefix(&mut self) -> Bytes {
        const PREFIXES: [&[u8]; 7] = [b"", b"a", b"a/", b"a/b/", b"b/3", b"\xff", b"c"];
        Bytes::from_static(PREFIXES[self.below(7) as usize])
    }

    fn value(&mut self) -> Bytes {
        let len = if self.chance(3) { 70_000 } else { self.below(300) };
        let byte = self.roll() as u8;
        vec![byte; len as usize].into()
    }

    /// A revision that is mostly there, sometimes compacted, sometimes not yet there.
    fn revision(&mut self, model: &State) -> Revision {
        let newest = model.revision();
        match self.below(10) {
            0 => self.below(newest + 3),
            1 => newest,
            _ => model.compacted() + self.below(newest - model.compacted() + 1),
        }
    }
}

pub(super) async fn run(store: Arc<dyn Store>, seed: u64, steps: usize) {
    let mut dice = Dice(seed);
    let mut model = State::default();
    let mut live = watch(&*store, "a/", 0);
    let mut seen: Vec<Event> = Vec::new();
    let mut expected: Vec<Event> = Vec::new();
    for step in 0..steps {
        let place = format!("seed {seed}, step {step}");
        expected.extend(one_step(&*store, &mut model, &mut dice, &place).await);
        if dice.chance(20) {
            catch_up(&mut *live, &mut seen, expected.len()).await;
            assert_eq!(seen, expected, "{place}");
        }
    }
}

pub(super) async fn reopening(open: impl AsyncFn() -> Arc<dyn Store>, seed: u64, steps: usize) {
    let mut dice = Dice(seed);
    let mut model = State::default();
    let mut step = 0;
    while step < steps {
        let store = open().await;
        assert_eq!(store.revision(), model.revision(), "seed {seed}, reopened at step {step}");
        for _ in 0..=dice.below(40) {
            one_step(&*store, &mut model, &mut dice, &format!("seed {seed}, step {step}")).await;
            step += 1;
        }
        let everything = Range::default();
        let place = format!("seed {seed}, step {step}");
        assert_eq!(store.range(everything.clone()).await, model.range(&everything), "{place}");
    }
}

/// One random action on both. Returns the events under `a/` that it made.
async fn one_step(store: &dyn Store, model: &mut State, dice: &mut Dice, place: &str) -> Vec<Event> {
    let mut events = Vec::new();
    match dice.below(100) {
        0..65 => events = commit(store, model, dice, place).await,
        65..90 => read(store, model, dice, place).await,
        90..97 => replay(store, model, dice, place).await,
        _ => {
            let revision = dice.revision(model);
            assert_eq!(store.compact(revision).await, model.compact(revision), "{place}");
        }
    }
    assert_eq!(store.revision(), model.revision(), "{place}");
    events
}

/// Reads the live watch until it has yielded as many events as the model made.
async fn catch_up(live: &mut dyn Watch, seen: &mut Vec<Event>, wanted: usize) {
    while seen.len() < wanted {
        seen.extend(next_events(live).await);
    }
}

/// One random transaction on both. Returns its events under `a/`.
async fn commit(store: &dyn Store, model: &mut State, dice: &mut Dice, place: &str) -> Vec<Event> {
    let txn = random_txn(model, dice);
    let expected = model.txn(&txn);
    let result = store.txn(txn.clone()).await;
    match expected {
        Ok((expected, events)) => {
            assert_eq!(result, Ok(expected), "{place}: {txn:?}");
            events.into_iter().filter(|event| event.key.starts_with(b"a/")).collect()
        }
        Err(_) => {
            assert!(matches!(result, Err(StoreError::Invalid(_))), "{place}: {txn:?} gives {result:?}");
            Vec::new()
        }
    }
}

fn random_txn(model: &State, dice: &mut Dice) -> Txn {
    let ops = (0..1 + dice.below(4))
        .map(|_| match (dice.key(), dice.chance(70)) {
            (key, true) => Op::Put { key, value: dice.value() },
            (key, false) => Op::Delete { key },
        })
        .collect();
    let compares = (0..dice.below(3)).map(|_| random_compare(model, dice)).collect();
    Txn { compares, ops }
}

/// A compare that mostly holds.
fn random_compare(model: &State, dice: &mut Dice) -> Compare {
    let key = dice.key();
    let truth = model.get(&key).map_or(Expect::Absent, |found| Expect::ModifiedAt(found.modified));
    let expect = match dice.below(10) {
        0 => Expect::Absent,
        1 => Expect::ModifiedAt(dice.below(model.revision() + 2)),
        _ => truth,
    };
    Compare { key, expect }
}

async fn read(store: &dyn Store, model: &State, dice: &mut Dice, place: &str) {
    let range = Range {
        prefix: dice.prefix(),
        after: dice.chance(30).then(|| dice.key()),
        limit: if dice.chance(50) { dice.below(6) as usize } else { 0 },
        revision: dice.chance(50).then(|| dice.revision(model)),
    };
    let result = store.range(range.clone()).await;
    match model.range(&range) {
        Err(StoreError::Invalid(_)) => {
            assert!(matches!(result, Err(StoreError::Invalid(_))), "{place}: {range:?} gives {result:?}");
        }
        expected => assert_eq!(result, expected, "{place}: {range:?}"),
    }
}

async fn replay(store: &dyn Store, model: &State, dice: &mut Dice, place: &str) {
    let (prefix, after) = (dice.prefix(), dice.revision(model));
    let watch = store.watch(prefix.clone(), after);
    match (model.events_after(&prefix, after), watch) {
        (Ok(expected), Ok(mut watch)) => {
            let seen = events_through(&mut *watch, model.revision()).await;
            assert_eq!(seen, expected, "{place}: watch {prefix:?} after {after}");
        }
        (Err(expected), Ok(mut watch)) => assert_eq!(watch.next().await, Err(expected), "{place}"),
        (Err(expected), Err(error)) => assert_eq!(error, expected, "{place}"),
        (Ok(_), Err(error)) => panic!("{place}: a watch after {after} is refused: {error}"),
    }
}
