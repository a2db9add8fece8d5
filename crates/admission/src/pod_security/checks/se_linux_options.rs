//! SELinux types of containers only, and no user or role of one's own. Baseline.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Check, Revision};
use crate::pod_security::pod::{Pod, text};
use crate::pod_security::verdict::{Verdict, Violation, bad_containers, plural, quoted, setters};

pub(super) const CHECK: Check = Check {
    id: "seLinuxOptions",
    revisions: &[
        Revision::since(0, |pod| options(pod, &TYPES)),
        Revision::since(31, |pod| options(pod, &TYPES_SINCE_31)),
    ],
};

const TYPES: [&str; 4] = ["", "container_t", "container_init_t", "container_kvm_t"];
const TYPES_SINCE_31: [&str; 5] =
    ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/// What is wrong with all the options together.
#[derive(Default)]
struct Wrong<'a> {
    types: BTreeSet<&'a str>,
    user: bool,
    role: bool,
}

impl<'a> Wrong<'a> {
    /// Whether something is wrong with these options.
    fn add(&mut self, context: &'a Value, allowed: &[&str]) -> bool {
        let options = &context["seLinuxOptions"];
        let [kind, user, role] = ["type", "user", "role"].map(|field| text(&options[field]));
        let wrong_type = !allowed.contains(&kind);
        if wrong_type {
            self.types.insert(kind);
        }
        self.user |= !user.is_empty();
        self.role |= !role.is_empty();
        wrong_type || !user.is_empty() || !role.is_empty()
    }

    fn told(&self) -> String {
        let mut told = Vec::new();
        if !self.types.is_empty() {
            told.push(format!("{} {}", plural("type", "types", self.types.len()), quoted(&self.types)));
        }
        if self.user {
            told.push("user may not be set".into());
        }
        if self.role {
            told.push("role may not be set".into());
        }
        told.join("; ")
    }
}

fn options(pod: &Pod<'_>, allowed: &[&str]) -> Verdict {
    let mut wrong = Wrong::default();
    let of_pod = wrong.add(pod.context(), allowed);
    let bad = bad_containers(pod, |container| wrong.add(container.context(), allowed));
    let who = setters(of_pod, &bad)?;
    Some(Violation {
        reason: "seLinuxOptions",
        detail: format!("{who} set forbidden securityContext.seLinuxOptions: {}", wrong.told()),
    })
}
