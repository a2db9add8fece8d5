//! Digests, by which a rule that the kernel lists is known again.
//!
//! A listed rule is not decoded: its comment ends in `#` and the digest of the
//! rule that we meant to write. Whoever writes rules into our table by hand
//! leaves the digest out, so such a chain differs and is rewritten.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::rule::Rule;

/// Raised when the same statements are encoded differently, so that rules that
/// an older build wrote are replaced.
const ENCODING: u64 = 1;

/// The digest of a rule's statements and comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u64);

/// Something that stands for a rule.
pub trait Digested {
    fn digest(&self) -> Digest;
}

impl Digested for Digest {
    fn digest(&self) -> Digest {
        *self
    }
}

impl Digested for Rule {
    fn digest(&self) -> Digest {
        self.digest
    }
}

impl Digest {
    /// The digest of any hashable value.
    pub(crate) fn of(value: &impl Hash) -> Self {
        let mut hasher = Fnv64::default();
        ENCODING.hash(&mut hasher);
        value.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Reads the digest at the end of a rule's comment.
    pub(crate) fn from_comment(comment: &str) -> Option<Self> {
        let (_, hex) = comment.rsplit_once('#')?;
        u64::from_str_radix(hex, 16).ok().map(Self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:016x}", self.0)
    }
}

/// FNV-1a, 64 bits. The standard library's hasher may change with the compiler,
/// and then a restart after an upgrade would rewrite every chain.
struct Fnv64(u64);

impl Default for Fnv64 {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv64 {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// FNV-1a of some bytes: a short stable name for a long one.
pub fn fnv64(bytes: &[u8]) -> u64 {
    let mut hasher = Fnv64::default();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_is_the_published_function() {
        // Test vectors of the FNV reference page (draft-eastlake-fnv).
        assert_eq!(fnv64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv64(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_comment_gives_its_digest_back() {
        let digest = Digest(0x00ab_cdef);
        let comment = format!("default/web:http {digest}");
        assert_eq!(Digest::from_comment(&comment), Some(digest));
        assert_eq!(Digest::from_comment("by hand"), None);
        assert_eq!(Digest::from_comment("#nothex"), None);
    }
}
