//! Which tests there are.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;

/// One conformance test, by its full name: `[sig-apps] Deployment should ... [Conformance]`.
#[derive(Deserialize)]
pub struct Test {
    #[serde(rename = "codename")]
    pub name: String,
}

impl Test {
    /// Such a test disturbs others, or is disturbed by them.
    pub fn runs_alone(&self) -> bool {
        self.name.contains("[Serial]") || self.name.contains("[Disruptive]")
    }

    /// `[sig-apps]`
    pub fn sig(&self) -> &str {
        self.name.split(' ').next().unwrap_or_default()
    }

    /// The name as that of a file.
    pub fn file_name(&self) -> String {
        let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let name: String = self.name.chars().map(word).collect();
        let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
        let mut name = words.join("-");
        name.truncate(200);
        name
    }
}

/// Asks the test program.
pub fn of(e2e_test: &Path) -> anyhow::Result<Vec<Test>> {
    let output = Command::new(e2e_test).arg("--list-conformance-tests").output();
    let output = output.with_context(|| format!("{} cannot be run", e2e_test.display()))?;
    ensure!(output.status.success(), "{} lists no conformance tests", e2e_test.display());
    let tests: Vec<Test> = serde_saphyr::from_slice(&output.stdout)
        .with_context(|| format!("the list of {} cannot be read", e2e_test.display()))?;
    ensure!(!tests.is_empty(), "{} has no conformance tests", e2e_test.display());
    Ok(tests)
}

/// A regular expression (Go's) that matches this text only.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_matched_by_nothing_else() {
        let check = |name: &str, want: &str| assert_eq!(quoted(name), want);
        check("[sig-a] B (c+d)", r"\[sig-a\] B \(c\+d\)");
        check(r#"exec "cat /tmp/x""#, r#"exec "cat /tmp/x""#);
    }

    #[test]
    fn a_log_is_named_after_its_test() {
        let test = Test { name: "[sig-apps] Job should delete a job [Conformance]".into() };
        assert_eq!(test.file_name(), "sig-apps-job-should-delete-a-job-conformance");
        assert_eq!(test.sig(), "[sig-apps]");
        assert!(!test.runs_alone());
    }
}
