//! The checks of the Pod Security Standards, one file each, and which of them apply.
//!
//! Source: <https://kubernetes.io/docs/concepts/security/pod-security-standards/>.

mod allow_privilege_escalation;
mod app_armor_profile;
mod capabilities_baseline;
mod capabilities_restricted;
mod host_namespaces;
mod host_path_volumes;
mod host_ports;
mod host_probes_and_lifecycle;
mod privileged;
mod proc_mount;
mod restricted_volumes;
mod run_as_non_root;
mod run_as_user;
mod se_linux_options;
mod seccomp_profile_baseline;
mod seccomp_profile_restricted;
mod sysctls;
#[cfg(test)]
mod tests;
mod windows_host_process;

use super::level::{Level, LevelVersion, Version};
use super::pod::Pod;
use super::verdict::{Verdict, Violation};

/// One thing that pods must not do, as it was understood by one Kubernetes version after the other.
struct Check {
    /// Upstream's; [`Revision::replaces`] names it.
    id: &'static str,
    /// From the oldest to the newest.
    revisions: &'static [Revision],
}

struct Revision {
    /// The first minor version that has it.
    since: u32,
    check: fn(&Pod<'_>) -> Verdict,
    /// The baseline check that this one, of the restricted level, makes needless.
    replaces: &'static str,
}

impl Revision {
    const fn since(since: u32, check: fn(&Pod<'_>) -> Verdict) -> Self {
        Self { since, check, replaces: "" }
    }

    const fn replacing(self, id: &'static str) -> Self {
        Self { replaces: id, ..self }
    }
}

/// In the order of their ids, which is the order in which answers name them.
static BASELINE: [Check; 12] = [
    app_armor_profile::CHECK,
    capabilities_baseline::CHECK,
    host_namespaces::CHECK,
    host_path_volumes::CHECK,
    host_ports::CHECK,
    host_probes_and_lifecycle::CHECK,
    privileged::CHECK,
    proc_mount::BASELINE,
    se_linux_options::CHECK,
    seccomp_profile_baseline::CHECK,
    sysctls::CHECK,
    windows_host_process::CHECK,
];

/// On top of the baseline's; in the order of their ids too.
static RESTRICTED: [Check; 7] = [
    allow_privilege_escalation::CHECK,
    capabilities_restricted::CHECK,
    proc_mount::RESTRICTED,
    restricted_volumes::CHECK,
    run_as_non_root::CHECK,
    run_as_user::CHECK,
    seccomp_profile_restricted::CHECK,
];

/// Everything that the pod may not do at this level, as of this version.
pub fn evaluate(wanted: LevelVersion, pod: &Pod<'_>) -> Vec<Violation> {
    applicable(wanted).filter_map(|revision| (revision.check)(pod)).collect()
}

fn applicable(wanted: LevelVersion) -> impl Iterator<Item = &'static Revision> {
    let minor = match wanted.version {
        Version::Minor(minor) => minor,
        Version::Latest => u32::MAX,
    };
    let baseline: &[Check] = if wanted.level == Level::Privileged { &[] } else { &BASELINE };
    let restricted: &[Check] = if wanted.level == Level::Restricted { &RESTRICTED } else { &[] };
    let replaced = move |id: &str| {
        restricted.iter().filter_map(|check| check.at(minor)).any(|revision| revision.replaces == id)
    };
    let kept = baseline.iter().filter(move |check| !replaced(check.id));
    kept.chain(restricted).filter_map(move |check| check.at(minor))
}

impl Check {
    fn at(&self, minor: u32) -> Option<&'static Revision> {
        self.revisions.iter().rev().find(|revision| revision.since <= minor)
    }
}
