//! How long a node waits before a failed pod on it is replaced: the agent may refuse each new one.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

const FIRST: SignedDuration = SignedDuration::from_secs(1);
const MAX: SignedDuration = SignedDuration::from_mins(15);
/// After so long without a failure all is forgotten.
const MEMORY: SignedDuration = SignedDuration::from_mins(30);
/// More nodes than this are not remembered.
const MAX_KNOWN: usize = 10_000;

/// The last failure of each set's pod on each node, and how long to wait after it.
#[derive(Default)]
pub(super) struct BackOff(Mutex<BTreeMap<Key, (Timestamp, SignedDuration)>>);

/// A set's uid, its generation, and a node: a changed set is tried at once.
pub(super) type Key = (String, i64, String);

impl BackOff {
    /// Notes a failure, or says how long the last one is still to be waited for.
    pub fn note(&self, key: Key, now: Timestamp) -> Result<(), SignedDuration> {
        let mut known = self.0.lock();
        known.retain(|_, (last, _)| now.duration_since(*last) < MEMORY);
        let wait = match known.get(&key) {
            Some((last, wait)) if now.duration_since(*last) < *wait => {
                return Err(*wait - now.duration_since(*last));
            }
            Some((_, wait)) => (*wait * 2).min(MAX),
            None => FIRST,
        };
        if known.len() < MAX_KNOWN || known.contains_key(&key) {
            known.insert(key, (now, wait));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_is_waited_for_twice_as_long() {
        let back_off = BackOff::default();
        let key = || ("u".to_owned(), 1, "n".to_owned());
        let at = |second: i64| Timestamp::from_second(second).expect("a time");
        let check = |second: i64, want: Result<(), i64>| {
            let got = back_off.note(key(), at(second)).map_err(|wait| wait.as_secs());
            assert_eq!(got, want, "at {second}");
        };
        check(0, Ok(()));
        check(0, Err(1));
        check(1, Ok(()));
        check(2, Err(1));
        check(3, Ok(()));
        check(4, Err(3));
        check(3 + 1800, Ok(()));
        check(4 + 1800, Ok(()));
    }
}
