//! Names that programs make: random suffixes, hashes, and the names that controllers
//! derive from their owners.

use serde::Serialize;

use crate::json;
use crate::validation::name;

/// No vowels, so that no bad words come out, and no characters that look alike.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

const SUFFIX: usize = 5;
/// What is kept of a `generateName`.
const BASE_MAX: usize = 63 - SUFFIX;

/// `base` cut to 58 characters and five random ones: the name of an object with
/// `generateName`. `random` is used up whole.
pub fn generate(base: &str, random: u64) -> String {
    format!("{}{}", cut(base, BASE_MAX), suffix(random))
}

/// Five characters out of the alphabet. The bias of a u64 is beyond measuring.
pub fn suffix(random: u64) -> String {
    let size = ALPHABET.len() as u64;
    let digits = std::iter::successors(Some(random), |rest| Some(rest / size)).take(SUFFIX);
    digits.map(|rest| letter(rest % size)).collect()
}

/// Any text over the alphabet, character by character; not reversible.
pub fn safe_encode(text: &str) -> String {
    text.chars().map(|c| letter(u64::from(u32::from(c)))).collect()
}

fn letter(number: u64) -> char {
    // The remainder is below the array's length.
    char::from(ALPHABET[(number % ALPHABET.len() as u64) as usize])
}

fn cut(text: &str, length: usize) -> &str {
    let end = (0..=length.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

// === hashes ===

/// FNV-1a over 32 bits.
pub fn fnv32a(bytes: impl IntoIterator<Item = u8>) -> u32 {
    bytes.into_iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The hash in `pod-template-hash` and `controller-revision-hash`. Upstream hashes the
/// print of a Go struct, which no other program can repeat, so the values differ from
/// upstream's; a cluster that is taken over keeps its ReplicaSets, because those are
/// found by comparing templates and not by this hash. The same value hashes the same.
pub fn template_hash<T: Serialize + ?Sized>(template: &T, collision_count: Option<i32>) -> String {
    // Eight bytes of which upstream fills four.
    let collision = collision_count.map(|count| (count as u32 as u64).to_le_bytes());
    let hash = fnv32a(json::encode(template).into_iter().chain(collision.into_iter().flatten()));
    safe_encode(&hash.to_string())
}

// === names that follow from an owner ===

/// The `generateName` of a controller's pods (and of a Service's EndpointSlices): with a
/// dash if that is still valid.
pub fn child_prefix(owner: &str) -> String {
    let dashed = format!("{owner}-");
    if name::subdomain(&dashed, true).is_empty() { dashed } else { owner.to_owned() }
}

/// `generateName` of the pods of an indexed Job: `work-3-`.
pub fn indexed_prefix(job: &str, index: u32) -> String {
    let index = format!("-{index}-");
    let whole = format!("{job}{index}");
    if whole.len() <= BASE_MAX {
        return whole;
    }
    format!("{}{index}", cut(job, BASE_MAX.saturating_sub(index.len())))
}

/// The host name of a pod of an indexed Job.
pub fn indexed_hostname(job: &str, index: u32) -> String {
    format!("{job}-{index}")
}

/// A Deployment's ReplicaSet.
pub fn replica_set(deployment: &str, hash: &str) -> String {
    format!("{deployment}-{hash}")
}

/// A ControllerRevision, its prefix cut so that the name stays valid.
pub fn controller_revision(owner: &str, hash: &str) -> String {
    format!("{}-{hash}", cut(owner, 223))
}

/// A CronJob's Job for the time it was due, so that the same run is never made twice.
pub fn scheduled_job(cron_job: &str, due_unix_seconds: i64) -> String {
    format!("{cron_job}-{}", due_unix_seconds.div_euclid(60))
}

/// An Event about `object`. `None` if that would be no valid name; a UUID takes its place.
pub fn event(object: &str, unix_nanoseconds: i64) -> Option<String> {
    let event = format!("{object}.{unix_nanoseconds:x}");
    name::subdomain(&event, false).is_empty().then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn generated_names_are_58_characters_and_five() {
        let check = |base: &str, random: u64, want: &str| assert_eq!(generate(base, random), want);
        check("web-", 0, "web-bbbbb");
        check("web-", 1 + 27 * 26, "web-c9bbb");
        check(&"a".repeat(70), u64::MAX, &format!("{}{}", "a".repeat(58), suffix(u64::MAX)));
        check(&"é".repeat(40), 0, &format!("{}bbbbb", "é".repeat(29)));
        check("", 0, "bbbbb");
    }

    #[test]
    fn hashes_are_fnv_in_the_alphabet() {
        assert_eq!(fnv32a(*b""), 0x811c_9dc5);
        assert_eq!(fnv32a(*b"a"), 0xe40c_292c);
        assert_eq!(fnv32a(*b"foobar"), 0xbf9c_f968);
        // The code of '0' is 48, and 48 modulo 27 is 21: the 22nd letter.
        assert_eq!(safe_encode("0123456789"), "456789bcdf");
        let hash = |count| template_hash(&json!({"a": 1}), count);
        assert_eq!(hash(None), hash(None));
        assert_ne!(hash(None), hash(Some(0)));
        assert_ne!(hash(Some(0)), hash(Some(1)));
        assert!(hash(None).len() <= 10);
    }

    #[test]
    fn names_follow_from_their_owners() {
        assert_eq!(child_prefix("web"), "web-");
        assert_eq!(child_prefix(&"a".repeat(254)), "a".repeat(254));
        assert_eq!(indexed_prefix("work", 3), "work-3-");
        assert_eq!(indexed_prefix(&"a".repeat(60), 12), format!("{}-12-", "a".repeat(54)));
        assert_eq!(replica_set("web", "5d4f"), "web-5d4f");
        assert_eq!(controller_revision(&"a".repeat(230), "x"), format!("{}-x", "a".repeat(223)));
        assert_eq!(scheduled_job("hello", 1_600_000_059), "hello-26666667");
        assert_eq!(event("web", 255).as_deref(), Some("web.ff"));
        assert_eq!(event("Web", 255), None);
    }
}
