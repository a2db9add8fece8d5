//! What came out of a test, from Ginkgo's JSON report.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// More of a failure's message stands in the log.
const MAX_WHY: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub passed: bool,
    /// Why it has not passed, in one line.
    pub why: String,
    pub seconds: u64,
}

impl Outcome {
    fn failed(why: &str) -> Self {
        let mut line = why.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = line.char_indices().nth(MAX_WHY) {
            line.truncate(end);
        }
        Self { passed: false, why: line, seconds: 0 }
    }

    pub fn word(&self) -> &'static str {
        if self.passed { "passed" } else { "FAILED" }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Suite {
    #[serde(default)]
    spec_reports: Option<Vec<Spec>>,
    #[serde(default)]
    special_suite_failure_reasons: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Spec {
    /// `It` for a test; setting up and taking down the suite are reported as well.
    leaf_node_type: String,
    state: String,
    #[serde(default)]
    failure: Option<Failure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failure {
    #[serde(default)]
    message: String,
}

/// A test that left no report has failed.
pub fn read(report: &Path) -> Outcome {
    match fs::read(report).map_err(anyhow::Error::from).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?))
    {
        Ok(suites) => of(suites),
        Err(error) => Outcome::failed(&format!("no report: {error}")),
    }
}

fn of(suites: Vec<Suite>) -> Outcome {
    let mut passed = 0;
    for suite in suites {
        for spec in suite.spec_reports.into_iter().flatten() {
            match spec.state.as_str() {
                "skipped" | "pending" => {}
                "passed" if spec.leaf_node_type == "It" => passed += 1,
                "passed" => {}
                state => {
                    let message = spec.failure.map(|failure| failure.message).unwrap_or_default();
                    return Outcome::failed(&format!("{state}: {message}"));
                }
            }
        }
        if let Some(reason) = suite.special_suite_failure_reasons.and_then(|all| all.into_iter().next()) {
            return Outcome::failed(&reason);
        }
    }
    match passed {
        0 => Outcome::failed("it did not run"),
        _ => Outcome { passed: true, why: String::new(), seconds: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_test_has_passed_only_if_it_ran_and_nothing_failed() {
        let check = |report: serde_json::Value, passed: bool, why: &str| {
            let outcome = of(serde_json::from_value(report).expect("a report"));
            assert_eq!((outcome.passed, &*outcome.why), (passed, why));
        };
        let spec =
            |state: &str| json!({"State": state, "LeafNodeType": "It", "Failure": {"Message": "a\n  b"}});
        check(json!([{"SpecReports": [spec("skipped"), spec("passed")]}]), true, "");
        check(json!([{"SpecReports": [spec("passed"), spec("failed")]}]), false, "failed: a b");
        check(json!([{"SpecReports": [spec("skipped")]}]), false, "it did not run");
        let set_up = json!({"State": "passed", "LeafNodeType": "BeforeSuite"});
        check(json!([{"SpecReports": [set_up, spec("skipped")]}]), false, "it did not run");
        check(json!([{"SpecReports": null}]), false, "it did not run");
        check(
            json!([{"SpecialSuiteFailureReasons": ["Suite Timeout Elapsed"]}]),
            false,
            "Suite Timeout Elapsed",
        );
    }
}
