//! What went wrong and what to do about it: the only form in which an error reaches the user.

use std::fmt;

/// What a command ends with. The table in `ironclad --help` is made of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Exit {
    Failed = 1,
    Usage = 2,
    Machine = 3,
    Instance = 4,
    Timeout = 5,
}

/// For `--help`.
pub const EXIT_CODES: &str = "Exit codes:
  0  done
  1  it failed; the message says why and what to do
  2  wrong usage, or a mistake in the configuration
  3  this machine lacks something (a program, a right, a port, disk space)
  4  Ironclad runs already, or does not run where it has to
  5  it was not done in time";

/// A failed command.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Failure {
    pub exit: Exit,
    /// What happened, with its causes.
    pub what: String,
    /// What to do next; may be several lines, or empty.
    pub next: String,
}

impl Failure {
    pub fn new(exit: Exit, what: impl fmt::Display, next: impl Into<String>) -> Self {
        Self { exit, what: what.to_string(), next: next.into() }
    }

    /// An ordinary failure.
    pub fn failed(what: impl fmt::Display, next: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what, next)
    }

    /// An error with all its causes.
    pub fn of(doing: &str, error: &dyn std::error::Error, next: impl Into<String>) -> Self {
        Self::failed(format!("{doing}: {}", chain(error)), next)
    }

    /// A task of ours died.
    pub fn panicked(error: tokio::task::JoinError) -> Self {
        Self::failed(error, "this is a fault of Ironclad: its log says more")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        for line in self.next.lines() {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

/// An error and its causes on one line. Causes that the text before already tells are left out.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_happened_and_below_it_what_to_do() {
        let failure = Failure::failed("the disk is full", "free some space\nthen try again");
        assert_eq!(failure.to_string(), "error: the disk is full\n  free some space\n  then try again");
        assert_eq!(Failure::failed("no", "").to_string(), "error: no");
    }
}
