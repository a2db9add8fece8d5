//! The filter of system calls may be chosen and not switched off. Baseline.

use std::collections::BTreeSet;

use ironclad_api::goprint::quote;
use serde_json::Value;

use super::{Check, Revision};
use crate::pod_security::pod::{Pod, text};
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, plural, quoted, setters};

pub(super) const ID: &str = "seccompProfile_baseline";
pub(super) const REASON: &str = "seccompProfile";
pub(super) const CHECK: Check =
    Check { id: ID, revisions: &[Revision::since(0, annotations), Revision::since(19, fields)] };

const OF_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const OF_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// Until 1.19 profiles were annotations.
fn annotations(pod: &Pod<'_>) -> Verdict {
    let names = pod.containers().map(|container| format!("{OF_CONTAINER}{}", container.name()));
    let keys = std::iter::once(OF_POD.to_owned()).chain(names);
    let allowed = |profile: &str| {
        matches!(profile, "runtime/default" | "docker/default") || profile.starts_with("localhost/")
    };
    let bad = keys.filter_map(|key| Some((pod.annotation(&key).filter(|value| !allowed(value))?, key)));
    let bad: BTreeSet<String> = bad.map(|(value, key)| format!("{key}={}", quote(value))).collect();
    (!bad.is_empty()).then(|| Violation {
        reason: REASON,
        detail: format!(
            "forbidden {} {}",
            plural("annotation", "annotations", bad.len()),
            bad.into_iter().collect::<Vec<_>>().join(", ")
        ),
    })
}

fn fields(pod: &Pod<'_>) -> Verdict {
    let mut values = BTreeSet::new();
    let mut bad = |context| match profile(context) {
        Profile::Bad(value) => {
            values.insert(value);
            true
        }
        Profile::None | Profile::Good => false,
    };
    let of_pod = bad(pod.context());
    let of_containers = bad_containers(pod, |container| bad(container.context()));
    let who = setters(of_pod, &of_containers)?;
    Some(must_not_set(&who, &values))
}

/// What a security context says of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile<'a> {
    None,
    Good,
    Bad(&'a str),
}

pub(super) fn profile(context: &Value) -> Profile<'_> {
    let profile = &context["seccompProfile"];
    match text(&profile["type"]) {
        _ if profile.is_null() => Profile::None,
        "RuntimeDefault" | "Localhost" => Profile::Good,
        other => Profile::Bad(other),
    }
}

pub(super) fn must_not_set(who: &str, values: &BTreeSet<&str>) -> Violation {
    let detail = format!("{who} must not set securityContext.seccompProfile.type to {}", quoted(values));
    Violation { reason: REASON, detail }
}
