//! AppArmor stays on, with the runtime's profile or one of the node's. Baseline.

use std::collections::BTreeSet;

use ironclad_api::goprint::quote;
use serde_json::Value;

use super::{Check, Revision};
use crate::pod_security::pod::{Pod, text};
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, plural, quoted, setters};

pub(super) const CHECK: Check = Check { id: "appArmorProfile", revisions: &[Revision::since(0, profiles)] };

const ANNOTATION_PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";

fn profiles(pod: &Pod<'_>) -> Verdict {
    let mut values = BTreeSet::new();
    let mut bad = |context: &Value| {
        let profile = &context["appArmorProfile"];
        let bad = !profile.is_null() && !["RuntimeDefault", "Localhost"].contains(&text(&profile["type"]));
        if bad {
            values.insert(text(&profile["type"]).to_owned());
        }
        bad
    };
    let of_pod = bad(pod.context());
    let of_containers = bad_containers(pod, |container| bad(container.context()));
    let annotations: BTreeSet<String> = annotations(pod).collect();
    let mut who: Vec<String> = setters(of_pod, &of_containers).into_iter().collect();
    if !annotations.is_empty() {
        who.push(plural("annotation", "annotations", annotations.len()).to_owned());
    }
    if who.is_empty() {
        return None;
    }
    let values: Vec<String> = values.into_iter().chain(annotations).collect();
    Some(Violation {
        reason: plural("forbidden AppArmor profile", "forbidden AppArmor profiles", values.len()),
        detail: format!("{} must not set AppArmor profile type to {}", who.join(" and "), quoted(&values)),
    })
}

/// The older way to name a profile: `KEY="VALUE"` of each that is not allowed.
fn annotations(pod: &Pod<'_>) -> impl Iterator<Item = String> {
    let forbidden = |(key, value): &(&str, &str)| {
        key.starts_with(ANNOTATION_PREFIX)
            && !(value.is_empty() || *value == "runtime/default" || value.starts_with("localhost/"))
    };
    pod.annotations().filter(forbidden).map(|(key, value)| format!("{key}={}", quote(value)))
}
