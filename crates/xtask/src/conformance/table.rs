//! The table of results, as a document.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Results;
use super::list::Test;

pub fn render(tests: &[Test], results: &Results) -> String {
    let passed = |test: &&Test| results.get(&test.name).is_some_and(|outcome| outcome.passed);
    let mut text = format!(
        "# Conformance\n\n<!-- made by `cargo xtask conformance` -->\n\n{} of {} tests pass, {} were run.\n\n\
         | area | pass | run | all |\n|---|---|---|---|\n",
        tests.iter().filter(passed).count(),
        tests.len(),
        tests.iter().filter(|test| results.contains_key(&test.name)).count(),
    );
    for sig in tests.iter().map(Test::sig).collect::<BTreeSet<_>>() {
        let all: Vec<&Test> = tests.iter().filter(|test| test.sig() == sig).collect();
        let run = all.iter().filter(|test| results.contains_key(&test.name)).count();
        let pass = all.iter().filter(|test| passed(test)).count();
        let _ = writeln!(text, "| {} | {pass} | {run} | {} |", sig.trim_matches(['[', ']']), all.len());
    }
    text.push_str("\n| test | result |\n|---|---|\n");
    for test in tests {
        let result = match results.get(&test.name) {
            Some(outcome) if outcome.passed => "pass".to_owned(),
            Some(outcome) => format!("fail: {}", cell(&outcome.why)),
            None => "not run".to_owned(),
        };
        let _ = writeln!(text, "| {} | {result} |", cell(test.name.trim_end_matches(" [Conformance]")));
    }
    text
}

/// A text within a table: no columns of its own, no links, no tags.
fn cell(text: &str) -> String {
    text.replace('|', "/").replace('[', "\\[").replace('<', "\\<")
}
