//! The records of the log and their bytes. Pure.
//!
//! A record is a fixed header, the key and the value, all under one checksum:
//! `crc32 u32 | kind u8 | 0 u8 | key length u16 | value length u32 | revision u64 |
//! created u64 | until u64 | key | value`, little-endian.

/// Bytes before the key.
pub const HEADER: usize = 36;
/// What the length fields can hold.
pub const MAX_KEY: usize = u16::MAX as usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `revision` wrote this value; the key exists since `created`.
    Put = 1,
    /// `revision` deleted the key.
    Delete = 2,
    /// A put that was copied forward so that its segment could be dropped. If `until` is
    /// not 0, that revision replaced or deleted the value before it was copied.
    Moved = 3,
    /// History at and before `revision` is forgotten.
    Compacted = 4,
    /// The segment whose number is `revision`, and all before it, hold nothing any more.
    Dropped = 5,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        [Kind::Put, Kind::Delete, Kind::Moved, Kind::Compacted, Kind::Dropped]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub kind: Kind,
    pub revision: u64,
    pub created: u64,
    pub until: u64,
    pub key: &'a [u8],
    pub value: &'a [u8],
}

impl<'a> Record<'a> {
    pub fn put(revision: u64, created: u64, key: &'a [u8], value: &'a [u8]) -> Self {
        Self { kind: Kind::Put, revision, created, until: 0, key, value }
    }

    pub fn delete(revision: u64, key: &'a [u8]) -> Self {
        Self { kind: Kind::Delete, revision, created: 0, until: 0, key, value: &[] }
    }

    /// A record about the log itself.
    pub fn control(kind: Kind, revision: u64) -> Self {
        Self { kind, revision, created: 0, until: 0, key: &[], value: &[] }
    }

    /// Bytes that it takes in the log.
    pub fn size(&self) -> usize {
        HEADER + self.key.len() + self.value.len()
    }

    /// Appends the record's bytes and returns how many. The caller has checked the
    /// lengths against [`MAX_KEY`] and the largest transaction.
    pub fn encode(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&[self.kind as u8, 0]);
        out.extend_from_slice(&(self.key.len() as u16).to_le_bytes());
        out.extend_from_slice(&(self.value.len() as u32).to_le_bytes());
        for number in [self.revision, self.created, self.until] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(self.key);
        out.extend_from_slice(self.value);
        let crc = crc32fast::hash(&out[start + 4..]);
        out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
        out.len() - start
    }

    /// The record at the start of `bytes` and its length; `None` if it is damaged or cut off.
    pub fn decode(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let key_len = usize::from(u16::from_le_bytes([header[6], header[7]]));
        let value_len = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let len = HEADER + key_len + value_len;
        let (key, rest) = rest.split_at_checked(key_len)?;
        let (value, _) = rest.split_at_checked(value_len)?;
        let crc = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        if header[5] != 0 || crc32fast::hash(bytes.get(4..len)?) != crc {
            return None;
        }
        let number = |at: usize| header[at..at + 8].iter().rev().fold(0, |n, b| n << 8 | u64::from(*b));
        let kind = Kind::from_byte(header[4])?;
        let record = Self { kind, revision: number(12), created: number(20), until: number(28), key, value };
        Some((record, len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_bytes() {
        let check = |record: Record<'_>| {
            let mut bytes = Vec::new();
            let len = record.encode(&mut bytes);
            assert_eq!(len, bytes.len());
            bytes.extend_from_slice(b"what follows");
            assert_eq!(Record::decode(&bytes), Some((record, len)));
        };
        check(Record::put(7, 3, b"key", b"value"));
        check(Record::put(u64::MAX, u64::MAX, &[0xff; MAX_KEY], b""));
        check(Record::delete(1 << 40, b"k"));
        check(Record { kind: Kind::Moved, until: 9, ..Record::put(7, 3, b"key", &[0; 70_000]) });
        check(Record::control(Kind::Compacted, 12));
        check(Record::control(Kind::Dropped, 3));
    }

    #[test]
    fn a_damaged_record_is_refused_whatever_bit_it_is() {
        let mut bytes = Vec::new();
        Record::put(7, 3, b"key", b"value").encode(&mut bytes);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::decode(&damaged), None, "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert_eq!(Record::decode(&bytes[..len]), None, "cut to {len}");
        }
    }
}
