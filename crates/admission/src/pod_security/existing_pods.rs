//! Pods that are there already, held against a policy that is new to their namespace.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use ironclad_api::Object;
use serde_json::Value;

use super::checks::evaluate;
use super::level::LevelVersion;
use super::pod::Pod;
use super::settings::Exemptions;
use super::verdict::reasons;
use crate::Cluster;
use crate::plugins::core;

/// Bounds of one look, as upstream's: the answer to who writes the namespace must not wait for long.
const MOST_PODS: usize = 3000;
const LONGEST: Duration = Duration::from_secs(1);

/// The pods that are not allowed for one and the same reasons.
struct Alike {
    first: String,
    count: usize,
}

/// One line for each set of reasons, below a heading; none if all pods are allowed.
pub fn warnings(
    namespace: &str,
    enforce: LevelVersion,
    exemptions: &Exemptions,
    cluster: &Cluster<'_>,
) -> Vec<String> {
    let deadline = cluster.env.elapsed() + LONGEST;
    let pods = cluster.cache.list(&core("pods"), Some(namespace));
    let pods = by_priority(pods.iter().map(|entry| entry.object()), exemptions);
    let (mut checked, mut found) = (0, BTreeMap::new());
    for pod in pods.iter().take(MOST_PODS) {
        let violations = evaluate(enforce, &Pod::new(&pod.0));
        if !violations.is_empty() {
            note(&mut found, reasons(&violations), pod.name());
        }
        checked += 1;
        if cluster.env.elapsed() > deadline {
            break;
        }
    }
    told(namespace, enforce, (checked, pods.len()), found)
}

fn note(found: &mut BTreeMap<String, Alike>, reasons: String, pod: &str) {
    let alike = found.entry(reasons).or_insert_with(|| Alike { first: pod.to_owned(), count: 0 });
    alike.count += 1;
    if pod < alike.first.as_str() {
        alike.first = pod.to_owned();
    }
}

fn told(
    namespace: &str,
    enforce: LevelVersion,
    (checked, all): (usize, usize),
    found: BTreeMap<String, Alike>,
) -> Vec<String> {
    let mut told = Vec::new();
    if checked < all {
        told.push(format!(
            "new PodSecurity enforce level only checked against the first {checked} of {all} existing pods"
        ));
    }
    if !found.is_empty() {
        told.push(format!(
            "existing pods in namespace \"{namespace}\" violate the new PodSecurity enforce level \"{enforce}\""
        ));
    }
    let mut lines: Vec<String> = found.into_iter().map(|(reasons, alike)| alike.line(&reasons)).collect();
    lines.sort();
    told.extend(lines);
    told
}

impl Alike {
    fn line(&self, reasons: &str) -> String {
        let first = &self.first;
        match self.count {
            1 => format!("{first}: {reasons}"),
            2 => format!("{first} (and 1 other pod): {reasons}"),
            count => format!("{first} (and {} other pods): {reasons}", count - 1),
        }
    }
}

/// One pod of each controller first: its siblings are most likely like it.
fn by_priority(pods: impl Iterator<Item = Object>, exemptions: &Exemptions) -> Vec<Object> {
    let mut seen = HashSet::new();
    let exempt = |pod: &Object| {
        exemptions.runtime_classes.iter().any(|c| c == pod.str_at(&["spec", "runtimeClassName"]))
    };
    let (mut first, siblings): (Vec<_>, Vec<_>) = pods
        .filter(|pod| !exempt(pod))
        .partition(|pod| controller(pod).is_none_or(|controller| seen.insert(controller.to_owned())));
    first.extend(siblings);
    first
}

fn controller(pod: &Object) -> Option<&str> {
    let owners = pod.metadata()?.get("ownerReferences")?.as_array()?;
    owners.iter().find(|owner| owner["controller"] == Value::Bool(true))?["uid"].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod_security::level::{Level, Version};

    #[test]
    fn pods_that_are_alike_share_a_line() {
        let mut found = BTreeMap::new();
        for (pod, reasons) in [
            ("b", "privileged"),
            ("a", "privileged"),
            ("c", "privileged"),
            ("z", "hostPort"),
            ("y", "hostPort"),
            ("q", "procMount"),
        ] {
            note(&mut found, reasons.into(), pod);
        }
        let enforce = LevelVersion { level: Level::Baseline, version: Version::Latest };
        assert_eq!(
            told("web", enforce, (6, 9), found),
            [
                "new PodSecurity enforce level only checked against the first 6 of 9 existing pods",
                "existing pods in namespace \"web\" violate the new PodSecurity enforce level \"baseline:latest\"",
                "a (and 2 other pods): privileged",
                "q: procMount",
                "y (and 1 other pod): hostPort",
            ]
        );
    }
}
