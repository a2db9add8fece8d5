//! What is wrong with an expression, in the words and the layout of cel-go.

use std::fmt;

use crate::source::Source;

/// More than these are counted, not told.
const MOST: usize = 100;
/// Longer lines are not shown, in characters.
const LONGEST_LINE: usize = 16_384;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Counted from 1. `None` if it is about the whole expression.
    pub line: Option<usize>,
    /// Counted from 0, in characters.
    pub column: usize,
    pub message: String,
    snippet: Option<String>,
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(line) = self.line else { return write!(f, "ERROR: <input>:-1:0: {}", self.message) };
        write!(f, "ERROR: <input>:{line}:{}: {}", self.column + 1, self.message)?;
        let Some(snippet) = &self.snippet else { return Ok(()) };
        write!(f, "\n | {snippet}\n | ")?;
        let mut chars = snippet.chars();
        for c in chars.by_ref().take(self.column) {
            f.write_str(if c.len_utf8() > 1 { "\u{ff0e}" } else { "." })?;
        }
        f.write_str(if chars.next().is_some_and(|c| c.len_utf8() > 1) { "\u{ff3e}" } else { "^" })
    }
}

/// Everything that is wrong with an expression, in the order of places. Prints as cel-go
/// prints it; the API's field errors put `compilation failed: ` before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issues {
    issues: Vec<Issue>,
    left_out: usize,
}

impl Issues {
    pub fn iter(&self) -> impl Iterator<Item = &Issue> {
        self.issues.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.issues.is_empty()
    }

    pub(crate) fn report(&mut self, source: &Source, offset: usize, message: impl Into<String>) {
        // Finding the place walks over the source: not for those that nobody is told of.
        if self.issues.len() >= MOST {
            self.left_out += 1;
            return;
        }
        let (line, column) = source.location(offset);
        let snippet = Some(source.line(line)).filter(|text| text.len() <= LONGEST_LINE);
        let snippet = snippet.map(|text| text.replace('\t', " "));
        self.push(Issue { line: Some(line), column, message: message.into(), snippet });
    }

    /// About the whole expression.
    pub(crate) fn report_nowhere(&mut self, message: impl Into<String>) {
        self.push(Issue { line: None, column: 0, message: message.into(), snippet: None });
    }

    fn push(&mut self, issue: Issue) {
        if self.issues.len() < MOST {
            self.issues.push(issue);
        } else {
            self.left_out += 1;
        }
    }

    /// Puts them in the order they are printed in.
    pub(crate) fn sorted(mut self) -> Self {
        self.issues.sort_by_key(|issue| (issue.line, issue.column));
        self
    }
}

impl fmt::Display for Issues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, issue) in self.issues.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{issue}")?;
        }
        match self.left_out {
            0 => Ok(()),
            more => write!(f, "\n{more} more errors were truncated"),
        }
    }
}

impl std::error::Error for Issues {}
