//! Blocks: what one fsync makes durable. Pure.
//!
//! A block is a header and whole records, padded with zeros to [`ALIGN`]. Headers
//! number the blocks without gaps through all segments and carry the checksum of the
//! header before, so that a missing, doubled or foreign block is noticed. Because a
//! header is aligned to its own size it lies within one disk sector: a power cut
//! leaves it whole or leaves zeros. Layout, little-endian: `magic | crc32 u32 |
//! sequence u64 | body length u32 | records u32 | previous header's crc32 u32 |
//! segment u32`.

pub const HEADER: usize = 32;
pub const ALIGN: usize = 32;
const MAGIC: &[u8; 4] = b"IBLK";

/// Where the log goes on: the number of the next block and what it must be chained to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub sequence: u64,
    pub chain: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub sequence: u64,
    /// Bytes of records, without padding.
    pub body: u32,
    pub records: u32,
    pub chain: u32,
    pub segment: u32,
}

/// What stands where a header is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The block, and the checksum that the next one is chained to.
    Block(Block, u32),
    /// Nothing was ever written here.
    Zeros,
    Damaged,
}

impl Block {
    pub fn encode(&self) -> ([u8; HEADER], u32) {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        for (at, number) in [(16, self.body), (20, self.records), (24, self.chain), (28, self.segment)] {
            bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[8..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        (bytes, crc)
    }

    /// Reads the header at the start of `bytes`; too few bytes count as damage.
    pub fn find(bytes: &[u8]) -> Found {
        let Some(bytes) = bytes.first_chunk::<HEADER>() else { return Found::Damaged };
        if bytes == &[0; HEADER] {
            return Found::Zeros;
        }
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let crc = number(4);
        if &bytes[..4] != MAGIC || crc32fast::hash(&bytes[8..]) != crc {
            return Found::Damaged;
        }
        let sequence = u64::from(number(12)) << 32 | u64::from(number(8));
        let block =
            Block { sequence, body: number(16), records: number(20), chain: number(24), segment: number(28) };
        Found::Block(block, crc)
    }

    /// Bytes from this header to the next.
    pub fn span(&self) -> usize {
        padded(HEADER + self.body as usize)
    }
}

pub fn padded(len: usize) -> usize {
    len.next_multiple_of(ALIGN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_its_bytes_and_no_flipped_bit() {
        let block = Block { sequence: 1 << 33 | 5, body: 70_000, records: 3, chain: 0xdead_beef, segment: 9 };
        let (bytes, crc) = block.encode();
        assert_eq!(Block::find(&bytes), Found::Block(block, crc));
        assert_eq!(Block::find(&[0; HEADER]), Found::Zeros);
        assert_eq!(Block::find(&bytes[1..]), Found::Damaged);
        for bit in 0..HEADER * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Block::find(&damaged), Found::Damaged, "bit {bit}");
        }
    }
}
