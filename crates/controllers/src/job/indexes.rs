//! Sets of completion indexes, as a Job's status writes them: `0,2-5,7`.

use std::collections::BTreeSet;
use std::fmt;

/// Disjoint runs of indexes in increasing order, none of them next to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Indexes(Vec<Run>);

/// First and last, both included.
type Run = (usize, usize);

impl Indexes {
    /// Reads the status' text. What is no index is skipped, and so is what is not below
    /// `completions` (the number may have been lowered).
    pub fn parse(text: &str, completions: usize) -> Self {
        let runs = text.split(',').filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.parse().ok()?, last.parse::<usize>().ok()?);
            (first < completions).then(|| (first, last.min(completions - 1)))
        });
        let mut indexes = Self::default();
        runs.for_each(|run| indexes.append(run));
        indexes
    }

    pub fn len(&self) -> usize {
        self.0.iter().map(|(first, last)| last + 1 - first).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has(&self, index: usize) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < index);
        self.0.get(at).is_some_and(|(first, _)| *first <= index)
    }

    pub fn with(&self, more: &BTreeSet<usize>) -> Self {
        self.union(&Self(more.iter().map(|index| (*index, *index)).collect()))
    }

    pub fn union(&self, other: &Self) -> Self {
        let mut runs: Vec<Run> = self.0.iter().chain(&other.0).copied().collect();
        runs.sort_unstable();
        let mut union = Self::default();
        runs.into_iter().for_each(|run| union.append(run));
        union
    }

    /// How many indexes are in both.
    pub fn overlap(&self, other: &Self) -> usize {
        let common = |a: &Run, b: &Run| (a.1.min(b.1) + 1).saturating_sub(a.0.max(b.0));
        self.0.iter().map(|a| other.0.iter().map(|b| common(a, b)).sum::<usize>()).sum()
    }

    /// The first `count` indexes below `completions` that are not here.
    pub fn first_absent(&self, count: usize, completions: usize) -> Vec<usize> {
        let mut absent = Vec::new();
        let mut next = 0;
        for (first, last) in self.0.iter().copied().chain([(completions, completions)]) {
            let room = count - absent.len();
            absent.extend((next..first.min(completions)).take(room));
            next = next.max(last + 1);
        }
        absent
    }

    /// Adds a run that begins no earlier than the last one.
    fn append(&mut self, run: Run) {
        match self.0.last_mut() {
            Some(last) if run.0 <= last.1 + 1 => last.1 = last.1.max(run.1),
            _ => self.0.push(run),
        }
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_read_and_write() {
        let check = |text: &str, completions: usize, want: &str, len: usize| {
            let indexes = Indexes::parse(text, completions);
            assert_eq!((indexes.to_string().as_str(), indexes.len()), (want, len), "{text:?}");
        };
        check("", 9, "", 0);
        check("0,2-5,7", 9, "0,2-5,7", 6);
        check("0,1,2", 9, "0-2", 3);
        check("3-4", 9, "3,4", 2);
        check("1-20", 4, "1-3", 3);
        check("5,6", 5, "", 0);
        check("1,x,3-y,4", 9, "1,4", 2);
    }

    #[test]
    fn sets_join_and_meet() {
        let parse = |text: &str| Indexes::parse(text, 100);
        let check = |a: &str, b: &str, union: &str, overlap: usize| {
            assert_eq!(parse(a).union(&parse(b)).to_string(), union, "{a} {b}");
            assert_eq!(parse(a).overlap(&parse(b)), overlap, "{a} {b}");
        };
        check("0-3", "2-5", "0-5", 2);
        check("0,4", "1-3", "0-4", 0);
        check("1-9", "3,5,7-20", "1-20", 5);
        check("", "7", "7", 0);
        let indexes = parse("1-3,7").with(&BTreeSet::from([4, 9]));
        assert_eq!(indexes.to_string(), "1-4,7,9");
        assert_eq!(
            [0, 1, 4, 5, 7, 9, 10].map(|index| indexes.has(index)),
            [false, true, true, false, true, true, false]
        );
    }

    #[test]
    fn the_first_absent_indexes_are_found() {
        let check = |text: &str, count: usize, completions: usize, want: &[usize]| {
            assert_eq!(Indexes::parse(text, 100).first_absent(count, completions), want, "{text:?}");
        };
        check("", 2, 5, &[0, 1]);
        check("0,2-3", 9, 6, &[1, 4, 5]);
        check("0,2-3", 1, 6, &[1]);
        check("0-5", 3, 6, &[]);
        check("8", 3, 2, &[0, 1]);
        check("0", 0, 6, &[]);
    }
}
