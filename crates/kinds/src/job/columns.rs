//! The columns of `kubectl get jobs`.

use ironclad_api::Object;
use ironclad_api::time::{human_duration, seconds_between};
use ironclad_engine::Column;
use jiff::Timestamp;
use serde_json::Value;

use crate::columns::{age, name, text, timed};
use crate::pod_template::columns::{containers_images_selector, selector};

/// Conditions in the order in which they name the job's state.
const STATES: [(&str, &str); 2] = [("Complete", "Complete"), ("Failed", "Failed")];
const LESSER_STATES: [(&str, &str); 3] = [
    ("Suspended", "Suspended"),
    ("FailureTarget", "FailureTarget"),
    ("SuccessCriteriaMet", "SuccessCriteriaMet"),
];

pub(super) fn columns() -> Vec<Column> {
    let mut columns = vec![
        name(),
        text("Status", status),
        text("Completions", completions),
        timed("Duration", duration),
        age(),
    ];
    columns.extend(containers_images_selector(selector));
    columns
}

/// The first condition of a type decides.
fn has_condition(job: &Object, kind: &str) -> bool {
    let conditions = job.at(&["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
    let mut of_kind = conditions.filter(|condition| condition["type"] == kind);
    of_kind.next().is_some_and(|condition| condition["status"] == "True")
}

fn status(job: &Object) -> String {
    let found = |states: &[(&str, &'static str)]| {
        states.iter().find(|(condition, _)| has_condition(job, condition)).map(|(_, state)| *state)
    };
    let ending = || job.deletion_timestamp().map(|_| "Terminating");
    let state = found(&STATES).or_else(ending).or_else(|| found(&LESSER_STATES));
    state.unwrap_or("Running").to_owned()
}

fn completions(job: &Object) -> String {
    let number = |section: &str, field: &str| job.at(&[section, field]).and_then(Value::as_i64);
    let succeeded = number("status", "succeeded").unwrap_or(0);
    match (number("spec", "completions"), number("spec", "parallelism").unwrap_or(0)) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

fn duration(job: &Object, now: Timestamp) -> String {
    let time = |field: &str| job.str_at(&["status", field]).parse::<Timestamp>().ok();
    let Some(start) = time("startTime") else { return String::new() };
    human_duration(seconds_between(start, time("completionTime").unwrap_or(now)))
}
