//! What changed between two JSON values, line by line, for the text of an error.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

/// Unchanged lines around each change.
const CONTEXT: usize = 3;
/// Where comparing would take more steps, everything between the first and the last
/// difference counts as changed.
const MAX_STEPS: usize = 4 << 20;

/// A unified diff of both values, printed one field a line. Upstream prints Go's own names
/// of the fields; these are the API's.
pub(crate) fn unified(old: &Value, new: &Value) -> String {
    let (old, new) = (pretty(old), pretty(new));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let lines = compare(&old, &new);
    let mut out = String::new();
    for hunk in hunks(&lines) {
        push_hunk(&mut out, &lines, hunk);
    }
    out
}

fn pretty(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b" "));
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Kept(&'a str),
    Removed(&'a str),
    Added(&'a str),
}

fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let before = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[before..], &new[before..]);
    let ends = old_rest.iter().rev().zip(new_rest.iter().rev());
    let after = ends.take_while(|(old, new)| old == new).count();
    let (old_middle, tail) = old_rest.split_at(old_rest.len() - after);
    let new_middle = &new_rest[..new_rest.len() - after];
    let mut lines: Vec<Line<'_>> = old[..before].iter().map(|line| Line::Kept(line)).collect();
    lines.extend(middle(old_middle, new_middle));
    lines.extend(tail.iter().map(|line| Line::Kept(line)));
    lines
}

/// By the longest common subsequence; removals come before additions.
fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let width = new.len() + 1;
    if (old.len() + 1).saturating_mul(width) > MAX_STEPS {
        let removed = old.iter().map(|line| Line::Removed(line));
        return removed.chain(new.iter().map(|line| Line::Added(line))).collect();
    }
    // `common[i][j]` is how many lines the rests from `i` and `j` have in common.
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = match old[i] == new[j] {
                true => common[(i + 1) * width + j + 1] + 1,
                false => common[(i + 1) * width + j].max(common[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(Line::Kept(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len()
            && (j == new.len() || common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            lines.push(Line::Removed(old[i]));
            i += 1;
        } else {
            lines.push(Line::Added(new[j]));
            j += 1;
        }
    }
    lines
}

/// Ranges of lines: each change with its context, those that touch joined.
fn hunks(lines: &[Line<'_>]) -> Vec<std::ops::Range<usize>> {
    let mut hunks: Vec<std::ops::Range<usize>> = Vec::new();
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

fn push_hunk(out: &mut String, lines: &[Line<'_>], hunk: std::ops::Range<usize>) {
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
    use serde_json::json;

    #[test]
    fn changes_are_shown_with_three_lines_around_them() {
        let check = |old: Value, new: Value, want: &str| assert_eq!(unified(&old, &new), want);
        check(json!({"a": 1}), json!({"a": 1}), "");
        check(json!({"a": 1}), json!({"a": 2}), "@@ -1,3 +1,3 @@\n {\n- \"a\": 1\n+ \"a\": 2\n }\n");
        check(
            json!([1, 2, 3, 4, 5, 6, 7]),
            json!([1, 2, 3, 4, 5, 6]),
            "@@ -4,6 +4,5 @@\n  3,\n  4,\n  5,\n- 6,\n- 7\n+ 6\n ]\n",
        );
        check(json!({"a": 1, "b": 1}), json!({"b": 1}), "@@ -1,4 +1,3 @@\n {\n- \"a\": 1,\n  \"b\": 1\n }\n");
    }
}
