//! Inputs made of other inputs. A seed reproduces them.

/// No input is longer, but for those that [`Mutator::swell`] makes.
const MAX_LEN: usize = 8 * 1024;

/// How long a swollen input is at most: long enough that work that grows with its square shows.
const SWOLLEN_LEN: usize = 128 * 1024;

/// One in so many inputs is swollen.
const SWELLS: usize = 400;

/// Bytes that mean something to some parser.
const TELLING: &[u8] = b"\0\t\n\r \"#$%&'()*+,-./0123456789:;<=>?@[\\]^_`abefnrtuxEX{|}~\x7f\x80\xc3\xff";

/// Texts at which numbers, lengths and depths end.
const EDGES: &[&str] = &[
    "0",
    "-0",
    "-1",
    "127",
    "128",
    "255",
    "256",
    "32768",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "1e308",
    "1e309",
    "-1e-400",
    "0.1",
    "1e21",
    "NaN",
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "\u{fffd}",
    "é",
    "\u{1f600}",
    "\u{202e}",
    "\\u0000",
    "\\ud800",
    "%00",
    "%ff",
    "..",
    "//",
    "~0",
    "~1",
    "\r\n",
];

/// Makes inputs, by chance that a seed settles.
pub struct Mutator {
    state: u64,
}

impl Mutator {
    pub fn new(seed: u64) -> Self {
        // Seeds that differ little must not give runs that do.
        Self { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03 }
    }

    /// The next input: one of the corpus, changed a few times.
    pub fn input(&mut self, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
        let mut input = self.pick(corpus).cloned().unwrap_or_default();
        for _ in 0..self.up_to(5) + 1 {
            self.change(&mut input, corpus, words);
        }
        input.truncate(MAX_LEN);
        if self.up_to(SWELLS) == 0 {
            self.swell(&mut input);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str]) {
        let at = self.up_to(input.len() + 1);
        match self.up_to(11) {
            0 => self.flip(input),
            1 => self.overwrite(input),
            2 => input.insert(at, self.telling()),
            3 => drop(input.drain(self.range(input.len()))),
            4 => {
                let copied = input.get(self.range(input.len())).unwrap_or_default().to_vec();
                insert(input, at, &copied);
            }
            5 => insert(input, at, self.pick(EDGES).copied().unwrap_or_default().as_bytes()),
            6 | 7 => insert(input, at, self.pick(words).copied().unwrap_or_default().as_bytes()),
            8 => self.replace_number(input),
            9 => {
                let other = self.pick(corpus).cloned().unwrap_or_default();
                let piece = other.get(self.range(other.len())).unwrap_or_default();
                insert(input, at, piece);
            }
            _ => {
                let other = self.pick(corpus).cloned().unwrap_or_default();
                input.truncate(at);
                input.extend_from_slice(other.get(self.up_to(other.len() + 1)..).unwrap_or_default());
            }
        }
    }

    /// Repeats a piece many times: depth, length, and whatever grows faster than its input.
    pub fn swell(&mut self, input: &mut Vec<u8>) {
        let mut range = self.range(input.len());
        range.end = range.end.min(range.start + 1 + self.up_to(64)).min(input.len());
        let piece = input.get(range.clone()).unwrap_or_default().to_vec();
        if piece.is_empty() {
            return;
        }
        let times = (1 + self.up_to(SWOLLEN_LEN)) / piece.len();
        insert(input, range.end, &piece.repeat(times));
    }

    fn flip(&mut self, input: &mut [u8]) {
        let (at, bit) = (self.up_to(input.len()), self.up_to(8));
        if let Some(byte) = input.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }

    fn overwrite(&mut self, input: &mut [u8]) {
        let (at, new) = (self.up_to(input.len()), self.telling());
        if let Some(byte) = input.get_mut(at) {
            *byte = new;
        }
    }

    /// Puts an edge where a number stands.
    fn replace_number(&mut self, input: &mut Vec<u8>) {
        let from = self.up_to(input.len());
        let Some(start) = input.iter().skip(from).position(u8::is_ascii_digit).map(|at| at + from) else {
            return;
        };
        let length = input.iter().skip(start).take_while(|byte| byte.is_ascii_digit()).count();
        let edge = self.pick(EDGES).copied().unwrap_or_default().bytes();
        input.splice(start..start + length, edge);
    }

    fn telling(&mut self) -> u8 {
        match self.up_to(8) {
            0 => self.next() as u8,
            _ => self.pick(TELLING).copied().unwrap_or_default(),
        }
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let (a, b) = (self.up_to(length + 1), self.up_to(length + 1));
        a.min(b)..a.max(b)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.up_to(of.len()))
    }

    /// Below `limit`; 0 if that is 0.
    fn up_to(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let at = at.min(input.len());
    input.splice(at..at, piece.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_reproduces_its_inputs() {
        let corpus = [b"{\"a\": 1}".to_vec(), b"[1, 2]".to_vec()];
        let inputs = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..50).map(|_| mutator.input(&corpus, &["word"])).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }

    #[test]
    fn nothing_to_start_from_is_enough() {
        let mut mutator = Mutator::new(1);
        assert!((0..100).map(|_| mutator.input(&[], &[])).any(|input| !input.is_empty()));
    }
}
