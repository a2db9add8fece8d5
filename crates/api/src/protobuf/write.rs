//! Bytes of a message. A length stands before what it measures, so one byte is kept for it
//! and the few messages of more than 127 bytes are moved to make room.

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;

#[derive(Default)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
}

impl Writer {
    pub(super) fn integer(&mut self, number: u16, value: i64) {
        self.tag(number, VARINT);
        self.varint(value.cast_unsigned());
    }

    pub(super) fn double(&mut self, number: u16, value: f64) {
        self.tag(number, FIXED_64);
        self.out.extend_from_slice(&value.to_bits().to_le_bytes());
    }

    pub(super) fn bytes(&mut self, number: u16, value: &[u8]) {
        self.tag(number, LENGTH);
        self.varint(value.len() as u64);
        self.out.extend_from_slice(value);
    }

    /// A message, or anything else of a length that is known afterwards.
    pub(super) fn message<E>(
        &mut self,
        number: u16,
        content: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.tag(number, LENGTH);
        let at = self.out.len();
        self.out.push(0);
        content(self)?;
        self.close(at);
        Ok(())
    }

    /// Writes the length of everything behind `at`, where a byte was kept for it.
    fn close(&mut self, at: usize) {
        let start = at + 1;
        let length = (self.out.len() - start) as u64;
        let more = varint_size(length) - 1;
        if more > 0 {
            let end = self.out.len();
            self.out.resize(end + more, 0);
            self.out.copy_within(start..end, start + more);
        }
        for (byte, place) in varint(length).zip(self.out.iter_mut().skip(at)) {
            *place = byte;
        }
    }

    /// The head of a field of `length` bytes that are written elsewhere.
    pub(super) fn head(&mut self, number: u16, length: usize) {
        self.tag(number, LENGTH);
        self.varint(length as u64);
    }

    fn tag(&mut self, number: u16, wire: u64) {
        self.varint(u64::from(number) << 3 | wire);
    }

    fn varint(&mut self, value: u64) {
        self.out.extend(varint(value));
    }
}

fn varint(value: u64) -> impl Iterator<Item = u8> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        rest = Some(value >> 7).filter(|more| *more > 0);
        // Seven bits, and whether more follow.
        Some((value & 0x7f) as u8 | if rest.is_some() { 0x80 } else { 0 })
    })
}

fn varint_size(value: u64) -> usize {
    varint(value).count()
}

/// How many bytes a field with a number below 16 and `length` bytes of content takes.
pub(super) fn field_size(length: usize) -> usize {
    1 + varint_size(length as u64) + length
}
