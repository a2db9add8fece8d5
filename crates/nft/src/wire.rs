//! Netlink's bytes: messages of attributes, written and read.

use crate::abi::{NLA_F_NESTED, NLA_TYPE_MASK};

/// Bytes of `struct nlmsghdr`.
const HEADER_LEN: usize = 16;
/// Bytes of `struct nfgenmsg`, which every netfilter message begins with.
const NFGENMSG_LEN: usize = 4;

/// What a message is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) seq: u32,
    pub(crate) family: u8,
    /// Only batch begin and end use it: the subsystem.
    pub(crate) resource: u16,
}

/// Writes messages one after the other into one buffer.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    /// An attribute outgrew its 16-bit length; what was written is not to be sent.
    overflow: bool,
}

impl Writer {
    /// Writes a message whose attributes `body` writes.
    pub(crate) fn message(&mut self, head: Head, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&head.kind.to_ne_bytes());
        self.bytes.extend_from_slice(&head.flags.to_ne_bytes());
        self.bytes.extend_from_slice(&head.seq.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 4]); // the kernel fills in our port
        self.bytes.extend_from_slice(&[head.family, 0]);
        self.bytes.extend_from_slice(&head.resource.to_be_bytes());
        body(self);
        let length = u32::try_from(self.bytes.len() - start).unwrap_or_else(|_| self.too_long());
        self.patch(start, &length.to_ne_bytes());
    }

    pub(crate) fn bytes(&mut self, kind: u16, value: &[u8]) {
        self.attribute(kind, |writer| writer.bytes.extend_from_slice(value));
    }

    /// A nul-terminated string.
    pub(crate) fn str(&mut self, kind: u16, value: &str) {
        self.attribute(kind, |writer| {
            writer.bytes.extend_from_slice(value.as_bytes());
            writer.bytes.push(0);
        });
    }

    pub(crate) fn be16(&mut self, kind: u16, value: u16) {
        self.bytes(kind, &value.to_be_bytes());
    }

    pub(crate) fn be32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    pub(crate) fn be64(&mut self, kind: u16, value: u64) {
        self.bytes(kind, &value.to_be_bytes());
    }

    pub(crate) fn nested(&mut self, kind: u16, body: impl FnOnce(&mut Self)) {
        self.attribute(kind | NLA_F_NESTED, body);
    }

    /// The messages, or `None` if something did not fit its length field.
    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        (!self.overflow).then_some(self.bytes)
    }

    fn attribute(&mut self, kind: u16, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        body(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or_else(|_| self.too_long());
        self.patch(start, &length.to_ne_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn patch(&mut self, at: usize, value: &[u8]) {
        self.bytes[at..at + value.len()].copy_from_slice(value);
    }

    fn too_long<N: Default>(&mut self) -> N {
        self.overflow = true;
        N::default()
    }
}

/// A message as read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) seq: u32,
    /// Everything after the netlink header.
    pub(crate) payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// The netfilter family in the message's own header.
    pub(crate) fn family(&self) -> Option<u8> {
        self.payload.first().copied()
    }

    /// The attributes after the netfilter header.
    pub(crate) fn attributes(&self) -> Attributes<'a> {
        Attributes(self.payload.get(NFGENMSG_LEN..).unwrap_or_default())
    }
}

/// Splits a datagram into its messages; ends early at anything malformed.
pub(crate) struct Messages<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let length = read_u32(self.0)? as usize;
        let whole = self.0.get(..length)?;
        let payload = whole.get(HEADER_LEN..)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message {
            kind: read_u16(whole.get(4..)?)?,
            flags: read_u16(whole.get(6..)?)?,
            seq: read_u32(whole.get(8..)?)?,
            payload,
        })
    }
}

/// Iterates over attributes; ends early at anything malformed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Attributes<'a> {
    /// The value of the first attribute of that kind.
    pub(crate) fn get(self, kind: u16) -> Option<&'a [u8]> {
        self.into_iter().find(|(each, _)| *each == kind).map(|(_, value)| value)
    }

    pub(crate) fn nested(self, kind: u16) -> Option<Attributes<'a>> {
        self.get(kind).map(Attributes)
    }

    pub(crate) fn str(self, kind: u16) -> Option<&'a str> {
        let value = self.get(kind)?;
        let text = value.split(|byte| *byte == 0).next()?;
        std::str::from_utf8(text).ok()
    }

    pub(crate) fn be16(self, kind: u16) -> Option<u16> {
        self.get(kind)?.first_chunk().copied().map(u16::from_be_bytes)
    }

    pub(crate) fn be32(self, kind: u16) -> Option<u32> {
        self.get(kind)?.first_chunk().copied().map(u32::from_be_bytes)
    }

    pub(crate) fn be64(self, kind: u16) -> Option<u64> {
        self.get(kind)?.first_chunk().copied().map(u64::from_be_bytes)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(read_u16(self.0)?);
        let kind = read_u16(self.0.get(2..)?)? & NLA_TYPE_MASK;
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// A 16-bit number in host order.
pub(crate) fn read_u16(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().copied().map(u16::from_ne_bytes)
}

/// A 32-bit number in host order.
pub(crate) fn read_u32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().copied().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head { kind: 7, flags: 1, seq: 9, family: 2, resource: 0 };

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::default();
        writer.message(HEAD, |w| {
            w.str(1, "odd");
            w.nested(2, |w| w.be32(3, 0x0102_0304));
        });
        writer.message(HEAD, |w| w.be64(4, 5));
        let bytes = writer.finish().expect("fits");
        let messages: Vec<_> = Messages(&bytes).collect();
        assert_eq!(messages.len(), 2);
        let attributes = messages[0].attributes();
        assert_eq!((messages[0].kind, messages[0].seq, messages[0].family()), (7, 9, Some(2)));
        assert_eq!(attributes.str(1), Some("odd"));
        assert_eq!(attributes.nested(2).and_then(|a| a.be32(3)), Some(0x0102_0304));
        assert_eq!(messages[1].attributes().be64(4), Some(5));
    }

    #[test]
    fn an_attribute_beyond_64_kib_is_refused() {
        let mut writer = Writer::default();
        writer.message(HEAD, |w| w.bytes(1, &vec![0; 70_000]));
        assert_eq!(writer.finish(), None);
    }

    #[test]
    fn cut_and_garbled_bytes_end_the_walk() {
        let mut writer = Writer::default();
        writer.message(HEAD, |w| w.nested(2, |w| w.str(1, "abc")));
        let bytes = writer.finish().expect("fits");
        for cut in 0..bytes.len() {
            assert_eq!(Messages(&bytes[..cut]).count(), 0);
            let _ = Attributes(&bytes[cut..]).map(|(_, value)| value.len()).sum::<usize>();
        }
        for at in 0..bytes.len() {
            let mut garbled = bytes.clone();
            garbled[at] ^= 0xff;
            for message in Messages(&garbled) {
                message.attributes().for_each(|(_, value)| Attributes(value).for_each(drop));
            }
        }
    }
}
