//! Tags and values, as they stand in the bytes.
//! Source: <https://protobuf.dev/programming-guides/encoding/>

use super::DecodeError;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Wire<'a> {
    fn number(self) -> u8 {
        match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Fixed32(_) => 5,
        }
    }

    /// The error of a value of another type than `field`'s.
    pub(super) fn mistyped(self, field: &str) -> DecodeError {
        DecodeError::WireType { field: field.to_owned(), wire: self.number() }
    }

    pub(super) fn bytes(self, field: &str) -> Result<&'a [u8], DecodeError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => Err(other.mistyped(field)),
        }
    }

    pub(super) fn text(self, field: &str) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes(field)?).map_err(|_| DecodeError::Text(field.to_owned()))
    }

    /// Negative numbers are varints of their sixty-four bits.
    pub(super) fn integer(self, field: &str) -> Result<i64, DecodeError> {
        match self {
            Self::Varint(number) => Ok(number.cast_signed()),
            other => Err(other.mistyped(field)),
        }
    }
}

/// The fields of a message, in the order of its bytes. After an error there are no more.
pub(super) fn fields(bytes: &[u8]) -> impl Iterator<Item = Result<(u64, Wire<'_>), DecodeError>> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let mut bytes = rest.take().filter(|bytes| !bytes.is_empty())?;
        let field = next(&mut bytes);
        rest = field.is_ok().then_some(bytes);
        Some(field)
    })
}

fn next<'a>(bytes: &mut &'a [u8]) -> Result<(u64, Wire<'a>), DecodeError> {
    let tag = varint(bytes)?;
    let wire = match tag & 7 {
        0 => Wire::Varint(varint(bytes)?),
        1 => Wire::Fixed64(u64::from_le_bytes(*array(bytes)?)),
        2 => {
            let length = usize::try_from(varint(bytes)?).map_err(|_| DecodeError::Truncated)?;
            let (value, rest) = bytes.split_at_checked(length).ok_or(DecodeError::Truncated)?;
            *bytes = rest;
            Wire::Bytes(value)
        }
        5 => Wire::Fixed32(u32::from_le_bytes(*array(bytes)?)),
        _ => return Err(DecodeError::Malformed),
    };
    match tag >> 3 {
        0 => Err(DecodeError::Malformed),
        number => Ok((number, wire)),
    }
}

fn array<'a, const N: usize>(bytes: &mut &'a [u8]) -> Result<&'a [u8; N], DecodeError> {
    let (value, rest) = bytes.split_first_chunk().ok_or(DecodeError::Truncated)?;
    *bytes = rest;
    Ok(value)
}

pub(super) fn varint(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(DecodeError::Truncated)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(DecodeError::Malformed)
}
