//! Where a span stands in its trace, as the W3C's header says it.

use http::HeaderName;

/// `00-TRACE-SPAN-FLAGS`, all in lower-case hexadecimal digits.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const SAMPLED: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    pub trace: [u8; 16],
    pub span: [u8; 8],
    /// Whether the trace is recorded by those before.
    pub sampled: bool,
}

impl Context {
    /// `None` for what is no header of any version: it counts as absent.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let version: [u8; 1] = bytes(parts.next()?)?;
        let (trace, span) = (bytes(parts.next()?)?, bytes(parts.next()?)?);
        let [flags]: [u8; 1] = bytes(parts.next()?)?;
        // Later versions may say more; the first one must not, and there is no last one.
        let is_whole = parts.next().is_none();
        if version == [0xff] || (version == [0] && !is_whole) || trace == [0; 16] || span == [0; 8] {
            return None;
        }
        Some(Self { trace, span, sampled: flags & SAMPLED != 0 })
    }

    /// The header's value.
    pub fn header(&self) -> String {
        format!("00-{}-{}-{:02x}", hex(&self.trace), hex(&self.span), u8::from(self.sampled))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_the_recommendation_says() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let check = |header: &str, expected: Option<bool>| {
            let read = Context::parse(header);
            assert_eq!(read.map(|context| context.sampled), expected, "{header}");
        };
        check(&format!("00-{trace}-{span}-01"), Some(true));
        check(&format!("00-{trace}-{span}-00"), Some(false));
        check(&format!(" 00-{trace}-{span}-03 "), Some(true));
        check(&format!("01-{trace}-{span}-01-more"), Some(true));
        check(&format!("00-{trace}-{span}-01-more"), None);
        check(&format!("ff-{trace}-{span}-01"), None);
        check(&format!("00-{}-{span}-01", "0".repeat(32)), None);
        check(&format!("00-{trace}-{}-01", "0".repeat(16)), None);
        check(&format!("00-{}-{span}-01", trace.to_uppercase()), None);
        check(&format!("00-{trace}-{span}"), None);
        check("", None);
        let header = format!("00-{trace}-{span}-01");
        assert_eq!(Context::parse(&header).map(|context| context.header()), Some(header));
    }
}
