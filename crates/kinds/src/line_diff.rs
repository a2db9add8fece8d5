//! What changed between two texts, line by line, for the text of an error.
//!
//! The lines are paired as Python's `difflib` does, which upstream's Go port follows: the longest run of
//! lines that both texts have, then the same on both sides of it.
//! Source: <https://docs.python.org/3/library/difflib.html>

use std::collections::HashMap;
use std::ops::Range;

/// Unchanged lines around each change.
const CONTEXT: usize = 3;
/// In a text of so many lines, those that stand in more than one of a hundred places begin no run.
const LONG: usize = 200;
/// Where pairing would take more steps, what is left counts as changed.
const MAX_STEPS: usize = 4 << 20;

/// A unified diff of both texts.
pub(crate) fn unified(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let lines = compare(&old, &new);
    let mut out = String::new();
    for hunk in hunks(&lines) {
        push_hunk(&mut out, &lines, hunk);
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Kept(&'a str),
    Removed(&'a str),
    Added(&'a str),
}

/// Removals come before additions.
fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let mut lines = Vec::with_capacity(old.len().max(new.len()));
    let (mut at_old, mut at_new) = (0, 0);
    let end = Run { old: old.len(), new: new.len(), length: 0 };
    for run in Pairing::new(old, new).runs().into_iter().chain([end]) {
        lines.extend(old[at_old..run.old].iter().map(|line| Line::Removed(line)));
        lines.extend(new[at_new..run.new].iter().map(|line| Line::Added(line)));
        (at_old, at_new) = (run.old + run.length, run.new + run.length);
        lines.extend(old[run.old..at_old].iter().map(|line| Line::Kept(line)));
    }
    lines
}

/// Lines that both texts have.
#[derive(Clone, Copy)]
struct Run {
    old: usize,
    new: usize,
    length: usize,
}

struct Pairing<'a> {
    old: &'a [&'a str],
    new: &'a [&'a str],
    /// Where in the new text each line stands, but for those that stand nearly everywhere.
    places: HashMap<&'a str, Vec<usize>>,
    steps: usize,
}

impl<'a> Pairing<'a> {
    fn new(old: &'a [&'a str], new: &'a [&'a str]) -> Self {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, line) in new.iter().enumerate() {
            places.entry(line).or_default().push(at);
        }
        if new.len() >= LONG {
            places.retain(|_, places| places.len() <= new.len() / 100 + 1);
        }
        Self { old, new, places, steps: 0 }
    }

    /// What is kept, in order.
    fn runs(mut self) -> Vec<Run> {
        let mut runs = Vec::new();
        let mut rest = vec![(0..self.old.len(), 0..self.new.len())];
        while let Some((old, new)) = rest.pop() {
            if old.is_empty() || new.is_empty() {
                continue;
            }
            let Some(run) = self.longest(old.clone(), new.clone()) else { continue };
            runs.push(run);
            rest.push((old.start..run.old, new.start..run.new));
            rest.push((run.old + run.length..old.end, run.new + run.length..new.end));
        }
        runs.sort_by_key(|run| run.old);
        runs
    }

    /// The longest run within both ranges; of several, the one that comes first.
    fn longest(&mut self, old: Range<usize>, new: Range<usize>) -> Option<Run> {
        let mut best = Run { old: old.start, new: new.start, length: 0 };
        // How long the run is that ends at a place of the new text, and at the line before in the old one.
        let mut before: HashMap<usize, usize> = HashMap::new();
        for at in old.clone() {
            let mut here = HashMap::new();
            let places = self.places.get(self.old[at]).map_or(&[][..], Vec::as_slice);
            let first = places.partition_point(|place| *place < new.start);
            for place in places[first..].iter().copied().take_while(|place| *place < new.end) {
                self.steps += 1;
                let length = place.checked_sub(1).and_then(|place| before.get(&place)).unwrap_or(&0) + 1;
                here.insert(place, length);
                if length > best.length {
                    best = Run { old: at + 1 - length, new: place + 1 - length, length };
                }
            }
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return None;
            }
            before = here;
        }
        self.widen(&mut best, &old, &new);
        (best.length > 0).then_some(best)
    }

    /// With the lines around it that are the same, those that stand nearly everywhere among them.
    fn widen(&self, run: &mut Run, old: &Range<usize>, new: &Range<usize>) {
        while run.old > old.start && run.new > new.start && self.old[run.old - 1] == self.new[run.new - 1] {
            *run = Run { old: run.old - 1, new: run.new - 1, length: run.length + 1 };
        }
        let end = |run: &Run| (run.old + run.length, run.new + run.length);
        while let (at_old, at_new) = end(run)
            && at_old < old.end
            && at_new < new.end
            && self.old[at_old] == self.new[at_new]
        {
            run.length += 1;
        }
    }
}

/// Ranges of lines: each change with its context, those that touch joined.
fn hunks(lines: &[Line<'_>]) -> Vec<Range<usize>> {
    let mut hunks: Vec<Range<usize>> = Vec::new();
    let changed = lines.iter().enumerate().filter(|(_, line)| !matches!(line, Line::Kept(_)));
    for (at, _) in changed {
        let (start, end) = (at.saturating_sub(CONTEXT), (at + 1 + CONTEXT).min(lines.len()));
        match hunks.last_mut().filter(|last| start <= last.end) {
            Some(last) => last.end = end,
            None => hunks.push(start..end),
        }
    }
    hunks
}

fn push_hunk(out: &mut String, lines: &[Line<'_>], hunk: Range<usize>) {
    let (before, within) = (&lines[..hunk.start], &lines[hunk]);
    let in_old = |line: &&Line<'_>| !matches!(line, Line::Added(_));
    let in_new = |line: &&Line<'_>| !matches!(line, Line::Removed(_));
    let old = range(before.iter().filter(in_old).count(), within.iter().filter(in_old).count());
    let new = range(before.iter().filter(in_new).count(), within.iter().filter(in_new).count());
    out.push_str(&format!("@@ -{old} +{new} @@\n"));
    for line in within {
        let (sign, text) = match line {
            Line::Kept(text) => (' ', text),
            Line::Removed(text) => ('-', text),
            Line::Added(text) => ('+', text),
        };
        out.push(sign);
        out.push_str(text);
        out.push('\n');
    }
}

fn range(start: usize, length: usize) -> String {
    match length {
        0 => format!("{start},0"),
        1 => (start + 1).to_string(),
        length => format!("{},{length}", start + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each letter of the texts is a line.
    fn check(old: &str, new: &str, want: &str) {
        let lines = |text: &str| text.chars().map(|c| format!("{c}\n")).collect::<String>();
        let shown = unified(&lines(old), &lines(new));
        assert_eq!(shown.trim_end().replace('\n', " "), want, "{old} {new}");
    }

    #[test]
    fn changes_are_shown_with_three_lines_around_them() {
        check("abc", "abc", "");
        check("abc", "axc", "@@ -1,3 +1,3 @@  a -b +x  c");
        check("abcdefghi", "abcdefgxi", "@@ -5,5 +5,5 @@  e  f  g -h +x  i");
        check("abcd", "bcd", "@@ -1,4 +1,3 @@ -a  b  c  d");
        check("", "ab", "@@ -0,0 +1,2 @@ +a +b");
        check("xabcdefghijy", "abcdefghij", "@@ -1,4 +1,3 @@ -x  a  b  c @@ -9,4 +8,3 @@  h  i  j -y");
    }

    #[test]
    fn the_longest_run_is_kept_first() {
        // Python's own example: the least change would put `ac` before `ab`.
        check("ab", "acab", "@@ -1,2 +1,4 @@ +a +c  a  b");
        // The least change would keep `a` and `b`.
        check("axb", "xab", "@@ -1,3 +1,3 @@ +x  a -x  b");
        check("abcdxyz", "xyzabcd", "@@ -1,7 +1,7 @@ +x +y +z  a  b  c  d -x -y -z");
    }

    #[test]
    fn lines_that_stand_everywhere_begin_no_run() {
        let same: String = (0..100).map(|n| format!("{{\n{n}\n")).collect();
        let text = |first: &str, last: &str| format!("{first}\n{same}{last}\n");
        let shown = unified(&text("a", "b"), &text("c", "d"));
        assert_eq!(shown, "@@ -1,4 +1,4 @@\n-a\n+c\n {\n 0\n {\n@@ -199,4 +199,4 @@\n 98\n {\n 99\n-b\n+d\n");
    }

    #[test]
    fn very_different_texts_are_told_in_bounded_time() {
        let text = |step: usize| (0..100_000).map(|n| format!("{}\n", n * step % 150)).collect::<String>();
        assert!(unified(&text(1), &text(7)).starts_with("@@ -1,100000 +1,100000 @@\n-0\n"));
    }
}
