//! Answers that were dear to reach, kept for a short while by the credentials or questions they are for.
//!
//! The credentials themselves are not kept, only a keyed hash of them: who reads this memory learns no token. So it
//! is with long questions of any kind, which cost 32 bytes each.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::hmac;
use ironclad_env::Env;
use parking_lot::Mutex;

/// Answers in each generation. When the young one is full it becomes the old one, and what was the old one is
/// forgotten: bounded without keeping an order.
const MOST: usize = 4096;

/// Which credentials or question an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

pub struct Recent<V> {
    secret: hmac::Key,
    generations: Mutex<Generations<V>>,
}

/// Each answer with the end of its life, on the monotonic clock.
struct Generations<V> {
    young: HashMap<Key, (Duration, V)>,
    old: HashMap<Key, (Duration, V)>,
}

impl<V: Clone> Recent<V> {
    pub fn new(env: &Env) -> Self {
        let mut secret = [0; 32];
        env.fill(&mut secret);
        let generations = Mutex::new(Generations { young: HashMap::new(), old: HashMap::new() });
        Self { secret: hmac::Key::new(hmac::HMAC_SHA256, &secret), generations }
    }

    /// The same token for other audiences is another question.
    pub fn key(&self, token: &str, audiences: &[String]) -> Key {
        let mut hash = hmac::Context::with_key(&self.secret);
        for part in std::iter::once(token).chain(audiences.iter().map(String::as_str)) {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut key = [0; 32];
        let tag = hash.sign();
        key.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        Key(key)
    }

    /// `now` is on the monotonic clock.
    pub fn get(&self, key: &Key, now: Duration) -> Option<V> {
        let generations = self.generations.lock();
        let (end, value) = generations.young.get(key).or_else(|| generations.old.get(key))?;
        (now < *end).then(|| value.clone())
    }

    /// Keeps an answer until `end`, or less long where there are too many.
    pub fn put(&self, key: Key, value: V, end: Duration) {
        let mut generations = self.generations.lock();
        if generations.young.len() >= MOST {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, (end, value));
    }
}

#[cfg(test)]
mod tests {
    use ironclad_env::SimEnv;

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(10);

    fn recent() -> Recent<u32> {
        Recent::new(&SimEnv::new(1).shared())
    }

    #[test]
    fn an_answer_is_kept_for_its_lifetime_and_for_its_question() {
        let recent = recent();
        let audiences = ["a".to_owned()];
        recent.put(recent.key("token", &[]), 1, LIFETIME);
        let check = |token: &str, audiences: &[String], now: Duration, expected: Option<u32>| {
            assert_eq!(
                recent.get(&recent.key(token, audiences), now),
                expected,
                "{token} {audiences:?} {now:?}"
            );
        };
        check("token", &[], Duration::ZERO, Some(1));
        check("token", &[], Duration::from_millis(9_999), Some(1));
        check("token", &[], LIFETIME, None);
        check("token", &audiences, Duration::ZERO, None);
        check("tokena", &[], Duration::ZERO, None);
        check("other", &[], Duration::ZERO, None);
    }

    #[test]
    fn no_more_than_two_generations_are_kept() {
        let recent = recent();
        let key = |n: usize| recent.key(&n.to_string(), &[]);
        for n in 0..=2 * MOST {
            recent.put(key(n), 1, LIFETIME);
        }
        assert_eq!(recent.get(&key(0), Duration::ZERO), None);
        assert_eq!(recent.get(&key(MOST), Duration::ZERO), Some(1));
        assert_eq!(recent.get(&key(2 * MOST), Duration::ZERO), Some(1));
    }
}
