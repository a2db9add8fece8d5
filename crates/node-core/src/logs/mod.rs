//! Reading a container's log: CRI lines in, the bytes a client asked for out, as a streaming decoder.
//!
//! The shell reads the file, from where [`tail`] says, and feeds [`Decoder`] until it is done.

pub mod line;
pub mod tail;

use jiff::Timestamp;

use line::{Line, Stream};

/// A line of the file longer than this is dropped: runtimes cut at 16 KiB.
const MAX_LINE: usize = 1 << 20;

/// Which part of a log is wanted, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Only lines written then or later.
    pub since: Option<Timestamp>,
    /// No more bytes than this in all.
    pub limit_bytes: Option<u64>,
    /// No more lines of the file than this: `tailLines` of a log that is not followed, so that what is
    /// written meanwhile is not counted in.
    pub max_lines: Option<u64>,
    /// Each line begins with when it was written.
    pub timestamps: bool,
    /// One stream alone.
    pub only: Option<Stream>,
}

/// Bytes for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub stream: Stream,
    pub bytes: Vec<u8>,
}

/// Turns the bytes of a CRI log file into those of the log.
#[derive(Clone, Debug)]
pub struct Decoder {
    options: LogOptions,
    /// The beginning of a line whose end has not been read.
    rest: Vec<u8>,
    /// Whether the line being read has outgrown [`MAX_LINE`] and is skipped to its end.
    skipping: bool,
    remaining_bytes: u64,
    remaining_lines: u64,
    /// Whether what comes next begins a line of the log; a partial line goes on with the next.
    at_line_start: bool,
}

impl Decoder {
    pub fn new(options: LogOptions) -> Self {
        Self {
            remaining_bytes: options.limit_bytes.unwrap_or(u64::MAX),
            remaining_lines: options.max_lines.unwrap_or(u64::MAX),
            options,
            rest: Vec::new(),
            skipping: false,
            at_line_start: true,
        }
    }

    /// Whether nothing more will come out, whatever is fed.
    pub fn is_done(&self) -> bool {
        self.remaining_bytes == 0 || self.remaining_lines == 0
    }

    /// Takes the next bytes of the file.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        while !self.is_done() {
            let Some(end) = bytes.iter().position(|b| *b == b'\n') else {
                self.keep(bytes);
                break;
            };
            let (line, after) = bytes.split_at(end + 1);
            bytes = after;
            self.keep(line);
            let whole = std::mem::take(&mut self.rest);
            if !std::mem::take(&mut self.skipping) {
                chunks.extend(self.decode(&whole));
            }
        }
        chunks
    }

    /// Takes the end of the file: what is left is a line without its end.
    pub fn finish(&mut self) -> Vec<Chunk> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() || self.is_done() { Vec::new() } else { self.decode(&rest).into_iter().collect() }
    }

    /// The file was replaced by an empty one: what was read of its last line is void.
    pub fn rotated(&mut self) -> Vec<Chunk> {
        self.finish()
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.rest.len() + bytes.len() > MAX_LINE {
            self.skipping = true;
            self.rest.clear();
        } else if !self.skipping {
            self.rest.extend_from_slice(bytes);
        }
    }

    fn decode(&mut self, raw: &[u8]) -> Option<Chunk> {
        let line = Line::parse(raw)?;
        let begins = self.at_line_start;
        self.at_line_start = line.content.is_empty() || line.content.ends_with(b"\n");
        self.remaining_lines = self.remaining_lines.saturating_sub(1);
        let early = self.options.since.is_some_and(|since| line.written < since);
        let unwanted = self.options.only.is_some_and(|only| only != line.stream);
        if early || unwanted {
            return None;
        }
        let mut bytes = Vec::with_capacity(line.content.len() + 40);
        if self.options.timestamps && begins {
            bytes.extend_from_slice(line::stamp(line.written).as_bytes());
            bytes.push(b' ');
        }
        bytes.extend_from_slice(line.content);
        bytes.truncate(usize::try_from(self.remaining_bytes).unwrap_or(usize::MAX));
        self.remaining_bytes -= bytes.len() as u64;
        (!bytes.is_empty()).then_some(Chunk { stream: line.stream, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-01-01T00:00:01.5Z stdout F one\n\
                       2026-01-01T00:00:02Z stderr F two\n\
                       2026-01-01T00:00:03Z stdout P thr\n\
                       2026-01-01T00:00:03Z stdout F ee\n\
                       nonsense\n\
                       2026-01-01T00:00:04Z stdout F \n\
                       2026-01-01T00:00:05+01:00 stdout F:x five\n";

    /// The log as one text, fed in pieces of that size.
    fn read(log: &str, options: &LogOptions, piece: usize) -> String {
        let mut decoder = Decoder::new(options.clone());
        let mut chunks: Vec<Chunk> =
            log.as_bytes().chunks(piece).flat_map(|bytes| decoder.push(bytes)).collect();
        chunks.extend(decoder.finish());
        chunks.into_iter().map(|chunk| String::from_utf8(chunk.bytes).unwrap()).collect()
    }

    fn check(options: LogOptions, expected: &str) {
        for piece in [1, 7, 4096] {
            assert_eq!(read(LOG, &options, piece), expected, "{options:?} in pieces of {piece}");
        }
    }

    #[test]
    fn a_log_reads_as_it_was_written() {
        check(LogOptions::default(), "one\ntwo\nthree\n\nfive\n");
        check(LogOptions { only: Some(Stream::Stderr), ..Default::default() }, "two\n");
        check(LogOptions { limit_bytes: Some(6), ..Default::default() }, "one\ntw");
        check(LogOptions { limit_bytes: Some(0), ..Default::default() }, "");
        check(LogOptions { max_lines: Some(2), ..Default::default() }, "one\ntwo\n");
        let since = Some("2026-01-01T00:00:02.1Z".parse().unwrap());
        check(LogOptions { since, ..Default::default() }, "three\n\n");
    }

    #[test]
    fn timestamps_stand_once_per_line() {
        check(
            LogOptions { timestamps: true, ..Default::default() },
            "2026-01-01T00:00:01.500000000Z one\n\
             2026-01-01T00:00:02.000000000Z two\n\
             2026-01-01T00:00:03.000000000Z three\n\
             2026-01-01T00:00:04.000000000Z \n\
             2025-12-31T23:00:05.000000000Z five\n",
        );
    }

    #[test]
    fn a_last_line_without_an_end_is_told_too() {
        let log = "2026-01-01T00:00:01Z stdout F one\n2026-01-01T00:00:02Z stdout F tw";
        assert_eq!(read(log, &LogOptions::default(), 5), "one\ntw");
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut decoder = Decoder::new(LogOptions::default());
        for _ in 0..40 {
            assert!(decoder.push(&[b'x'; 1 << 16]).is_empty());
            assert!(decoder.rest.len() <= MAX_LINE);
        }
        let chunks = decoder.push(b"\n2026-01-01T00:00:01Z stdout F ok\n");
        assert_eq!(chunks, [Chunk { stream: Stream::Stdout, bytes: b"ok\n".to_vec() }]);
    }
}
