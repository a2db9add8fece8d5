//! Where the last lines of a file begin, found from its end in blocks.

/// How much is read at a time, bytes.
const BLOCK: u64 = 64 * 1024;

/// A search for the start of the last lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailSearch {
    /// What lies before this has not been looked at.
    unread: u64,
    len: u64,
    /// How many ends of line are still to be found; 0: nothing is wanted.
    wanted: u64,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read `len` bytes at `offset` and feed them.
    Read { offset: u64, len: u64 },
    /// The lines begin there.
    Found(u64),
}

impl TailSearch {
    /// For the last `lines` lines of a file of `len` bytes. An unfinished last line is one.
    pub fn new(len: u64, lines: u64) -> Self {
        // The end of the last line ends a line itself, and is not the end of the one before the first.
        let wanted = if lines == 0 { 0 } else { lines.saturating_add(1) };
        Self { unread: len, len, wanted }
    }

    pub fn next(&self) -> Step {
        if self.wanted == 0 {
            return Step::Found(self.len);
        }
        match self.unread {
            0 => Step::Found(0),
            unread => {
                let len = unread.min(BLOCK);
                Step::Read { offset: unread - len, len }
            }
        }
    }

    /// Takes the block that [`Step::Read`] asked for.
    pub fn feed(&mut self, block: &[u8]) -> Step {
        let offset = self.unread.saturating_sub(block.len() as u64);
        for (index, byte) in block.iter().enumerate().rev() {
            let position = offset + index as u64;
            // An unfinished last line counts as if its end stood behind it.
            if position + 1 == self.len && *byte != b'\n' {
                self.wanted = self.wanted.saturating_sub(1);
            }
            if *byte != b'\n' {
                continue;
            }
            self.wanted = self.wanted.saturating_sub(1);
            if self.wanted == 0 {
                return Step::Found(position + 1);
            }
        }
        self.unread = offset;
        match offset {
            0 => Step::Found(0),
            _ => self.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(file: &[u8], lines: u64) -> u64 {
        let mut search = TailSearch::new(file.len() as u64, lines);
        let mut step = search.next();
        for _ in 0..1000 {
            match step {
                Step::Found(offset) => return offset,
                Step::Read { offset, len } => {
                    step = search.feed(&file[offset as usize..(offset + len) as usize])
                }
            }
        }
        panic!("no end");
    }

    #[test]
    fn the_last_lines_begin_behind_the_line_before_them() {
        let check = |file: &str, lines, expected: &str| {
            let found = tail(file.as_bytes(), lines) as usize;
            assert_eq!(&file[found..], expected, "{lines} of {file:?}");
        };
        check("a\nb\nc\n", 0, "");
        check("a\nb\nc\n", 1, "c\n");
        check("a\nb\nc\n", 2, "b\nc\n");
        check("a\nb\nc\n", 3, "a\nb\nc\n");
        check("a\nb\nc\n", 9, "a\nb\nc\n");
        check("a\nb\nc", 1, "c");
        check("a\nb\nc", 2, "b\nc");
        check("\n\n\n", 2, "\n\n");
        check("", 3, "");
        check("abc", 1, "abc");
    }

    #[test]
    fn long_files_are_read_from_their_end_only() {
        let mut file = vec![b'x'; 300_000];
        file[10] = b'\n';
        file[299_999] = b'\n';
        assert_eq!(tail(&file, 1), 11);
        assert_eq!(tail(&file, u64::MAX), 0);
        let search = TailSearch::new(300_000, 1);
        assert_eq!(search.next(), Step::Read { offset: 300_000 - 65_536, len: 65_536 });
    }
}
