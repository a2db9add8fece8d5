//! One line of a CRI log file: `2026-01-01T00:00:01.5Z stdout F text`.

use jiff::Timestamp;

/// Which of a container's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// A line of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    pub written: Timestamp,
    pub stream: Stream,
    /// With its end of line, unless it is partial (tag `P`): then the next line goes on with it.
    pub content: &'a [u8],
}

impl<'a> Line<'a> {
    /// `None` if it is no CRI line.
    pub fn parse(raw: &'a [u8]) -> Option<Self> {
        let (written, rest) = word(raw)?;
        let (stream, rest) = word(rest)?;
        let (tags, content) = word(rest)?;
        let written = std::str::from_utf8(written).ok()?.parse().ok()?;
        let stream = match stream {
            b"stdout" => Stream::Stdout,
            b"stderr" => Stream::Stderr,
            _ => return None,
        };
        let partial = tags.split(|b| *b == b':').next() == Some(b"P");
        let content = if partial { content.strip_suffix(b"\n").unwrap_or(content) } else { content };
        Some(Self { written, stream, content })
    }
}

fn word(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|b| *b == b' ')?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// A time with nine digits, as every line begins with the same width.
pub fn stamp(at: Timestamp) -> String {
    format!("{}.{:09}Z", at.strftime("%Y-%m-%dT%H:%M:%S"), at.subsec_nanosecond().unsigned_abs())
}
