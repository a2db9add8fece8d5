//! Progress of a long command: one line per step.
//!
//! `up --detach` has a child do the work: the child reports in lines of JSON, which the parent prints.

use std::io::{BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Something that a child tells its parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Report {
    /// A step has begun.
    Begun(String),
    /// The step is done.
    Done {
        step: String,
        detail: String,
    },
    /// The whole is done; what to tell the user.
    Ready(String),
    Failed(Failure),
}

/// Where progress goes.
pub enum Progress {
    /// People: a spinner while a step runs, a line once it is done.
    Terminal,
    /// A log: lines only.
    Lines,
    /// The parent process.
    Parent,
}

/// A running step. Dropped without [`Step::done`], it has failed and its line disappears.
pub struct Step<'a> {
    progress: &'a Progress,
    name: String,
    began: Instant,
    spinner: Option<ProgressBar>,
}

const NAME_WIDTH: usize = 22;
const TICK: Duration = Duration::from_millis(100);

impl Progress {
    /// As the standard error is a terminal or not.
    pub fn detect() -> Self {
        if std::io::stderr().is_terminal() { Self::Terminal } else { Self::Lines }
    }

    pub fn begin(&self, name: &str) -> Step<'_> {
        self.tell(&Report::Begun(name.to_owned()));
        let spinner = matches!(self, Self::Terminal).then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
            let bar = ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_message(name.to_owned());
            bar.enable_steady_tick(TICK);
            bar
        });
        Step { progress: self, name: name.to_owned(), began: Instant::now(), spinner }
    }

    /// The command is done: tells what comes next.
    pub fn ready(&self, text: &str) {
        match self {
            Self::Parent => self.tell(&Report::Ready(text.to_owned())),
            _ => say(&format!("\n{text}")),
        }
    }

    /// A parent is told; people see the failure when the command ends.
    pub fn failed(&self, failure: &Failure) {
        self.tell(&Report::Failed(failure.clone()));
    }

    fn tell(&self, report: &Report) {
        if let (Self::Parent, Ok(line)) = (self, serde_json::to_string(report)) {
            // A parent that is gone reads nothing, which is no reason to stop.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    }
}

impl Step<'_> {
    /// The step is done; `detail` is what is worth knowing of it.
    pub fn done(self, detail: &str) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
        let took = self.began.elapsed();
        let detail = if took < Duration::from_millis(1) {
            detail.to_owned()
        } else if detail.is_empty() {
            format!("({took:.0?})")
        } else {
            format!("{detail} ({took:.0?})")
        };
        match self.progress {
            Progress::Parent => self.progress.tell(&Report::Done { step: self.name.clone(), detail }),
            _ => say_done(&self.name, &detail),
        }
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

fn say_done(name: &str, detail: &str) {
    say(format!("✓ {name:NAME_WIDTH$} {detail}").trim_end());
}

/// A line for people. Progress is no output: it goes to the standard error.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints what a child reports until it is ready, or returns why it is not.
/// `None`: the child ended without a word.
pub fn relay(reports: impl BufRead) -> Option<Result<(), Failure>> {
    let progress = Progress::detect();
    let mut spinner = None;
    for line in reports.lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Report::Begun(name)) => spinner = progress.begin(&name).spinner.clone(),
            Ok(Report::Done { step, detail }) => {
                if let Some(spinner) = spinner.take() {
                    spinner.finish_and_clear();
                }
                say_done(&step, &detail);
            }
            Ok(Report::Ready(text)) => {
                say(&format!("\n{text}"));
                return Some(Ok(()));
            }
            Ok(Report::Failed(failure)) => return Some(Err(failure)),
            // Not a report: something that printed by itself.
            Err(_) => say(&line),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn a_child_is_believed_at_its_last_word() {
        let line = |report: &Report| serde_json::to_string(report).expect("JSON") + "\n";
        let begun = line(&Report::Begun("store".into()));
        let failure = Failure::new(Exit::Machine, "no root", "become root");
        let check = |text: String, expected: Option<Result<(), Failure>>| {
            assert_eq!(relay(text.as_bytes()), expected, "{text}");
        };
        check(String::new(), None);
        check(begun.clone(), None);
        check(begun.clone() + &line(&Report::Ready("done".into())), Some(Ok(())));
        check(begun + "noise\n" + &line(&Report::Failed(failure.clone())), Some(Err(failure)));
    }
}
