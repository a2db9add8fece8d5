//! Answers of upstream, kept for a short while.

use std::collections::HashMap;
use std::time::Duration;

use hickory_proto::op::{Query, ResponseCode};
use hickory_proto::rr::{RData, Record};
use parking_lot::Mutex;

use crate::records::Reply;
use crate::wire::Request;

/// Answers in each of the two generations.
const GENERATION: usize = 1024;
/// No answer is kept for longer, whatever upstream allows (as kubeadm's `cache 30`).
const LONGEST: Duration = Duration::from_secs(30);

/// What an answer depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CacheKey {
    /// Compared and hashed without regard to case.
    query: Query,
    dnssec_ok: bool,
    checking_disabled: bool,
}

#[derive(Clone, Debug)]
struct Kept {
    reply: Reply,
    since: Duration,
    until: Duration,
}

/// A bounded cache. When the young generation is full it becomes the old one,
/// and the old one is forgotten; what is asked for often moves back up.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<CacheKey, Kept>,
    old: HashMap<CacheKey, Kept>,
}

impl Cache {
    /// An answer that is still fresh at `now` (a monotonic clock), its records'
    /// times to live lowered by its age.
    pub(crate) fn get(&self, request: &Request, now: Duration) -> Option<Reply> {
        let key = CacheKey::of(request);
        let mut generations = self.generations.lock();
        let kept = match generations.young.get(&key) {
            Some(kept) => kept.clone(),
            None => {
                let kept = generations.old.remove(&key)?;
                generations.insert(key, kept.clone());
                kept
            }
        };
        drop(generations);
        (now < kept.until).then(|| aged(kept.reply, now.saturating_sub(kept.since)))
    }

    /// Keeps an answer, if it may be kept.
    pub(crate) fn put(&self, request: &Request, reply: &Reply, now: Duration) {
        let lifetime = lifetime(reply).min(LONGEST);
        if !lifetime.is_zero() {
            let kept = Kept { reply: reply.clone(), since: now, until: now + lifetime };
            self.generations.lock().insert(CacheKey::of(request), kept);
        }
    }
}

impl Generations {
    fn insert(&mut self, key: CacheKey, kept: Kept) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, kept);
    }
}

impl CacheKey {
    fn of(request: &Request) -> Self {
        Self {
            query: request.query.clone(),
            dnssec_ok: request.dnssec_ok,
            checking_disabled: request.checking_disabled,
        }
    }
}

/// How long an answer is good. A negative one says so in its start of authority
/// (RFC 2308); failures are not kept.
fn lifetime(reply: &Reply) -> Duration {
    let shortest = |records: &[Record]| records.iter().map(|record| record.ttl).min();
    let seconds = match reply.code {
        ResponseCode::NoError if !reply.answers.is_empty() => {
            let all = [&reply.answers, &reply.authority, &reply.additional];
            all.into_iter().filter_map(|section| shortest(section)).min()
        }
        ResponseCode::NoError | ResponseCode::NXDomain => {
            reply.authority.iter().find_map(|record| match &record.data {
                RData::SOA(soa) => Some(soa.minimum.min(record.ttl)),
                _ => None,
            })
        }
        _ => None,
    };
    Duration::from_secs(seconds.unwrap_or_default().into())
}

fn aged(mut reply: Reply, age: Duration) -> Reply {
    let seconds = u32::try_from(age.as_secs()).unwrap_or(u32::MAX);
    let sections = [&mut reply.answers, &mut reply.authority, &mut reply.additional];
    for record in sections.into_iter().flatten() {
        record.ttl = record.ttl.saturating_sub(seconds);
    }
    reply
}

#[cfg(test)]
#[path = "cache_test.rs"]
mod tests;
