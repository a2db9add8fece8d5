//! What a check says, in upstream's words.

use super::pod::{Container, Pod};

/// Why a pod is not allowed: in short, and what of it exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub reason: &'static str,
    pub detail: String,
}

/// `None`: allowed.
pub type Verdict = Option<Violation>;

/// Every reason with its detail: what the answer to one pod says.
pub fn details(violations: &[Violation]) -> String {
    let all = violations.iter().map(|Violation { reason, detail }| match detail.as_str() {
        "" => (*reason).to_owned(),
        detail => format!("{reason} ({detail})"),
    });
    all.collect::<Vec<_>>().join(", ")
}

/// The reasons alone: what pods that are alike in them have in common.
pub fn reasons(violations: &[Violation]) -> String {
    violations.iter().map(|violation| violation.reason).collect::<Vec<_>>().join(", ")
}

pub fn plural<'a>(one: &'a str, many: &'a str, count: usize) -> &'a str {
    if count == 1 { one } else { many }
}

/// `"a", "b"`. The items are put between quotes as they are, without escapes.
pub fn quoted<I: AsRef<str>>(items: impl IntoIterator<Item = I>) -> String {
    let quoted = items.into_iter().map(|item| format!("\"{}\"", item.as_ref()));
    quoted.collect::<Vec<_>>().join(", ")
}

/// `container "a"`, `containers "a", "b"`.
pub fn containers(names: &[&str]) -> String {
    format!("{} {}", plural("container", "containers", names.len()), quoted(names))
}

/// The names of the containers that are `bad`.
pub fn bad_containers<'a>(pod: &Pod<'a>, mut bad: impl FnMut(&Container<'a>) -> bool) -> Vec<&'a str> {
    pod.containers().filter(|container| bad(container)).map(|container| container.name()).collect()
}

/// `pod and container "a"`: who sets what is not allowed; `None` if nobody does.
pub fn setters(pod: bool, names: &[&str]) -> Option<String> {
    match (pod, names.is_empty()) {
        (false, true) => None,
        (true, true) => Some("pod".to_owned()),
        (false, false) => Some(containers(names)),
        (true, false) => Some(format!("pod and {}", containers(names))),
    }
}
