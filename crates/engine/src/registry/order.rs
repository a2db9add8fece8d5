//! The order in which discovery lists groups and versions.

use std::cmp::{Ordering, Reverse};

/// Upstream's `GroupPriorityMinimum` of each built-in group. Groups that are not here
/// (custom resources) come last, by name.
const GROUPS: &[(&str, u32)] = &[
    ("", 18000),
    ("apiregistration.k8s.io", 18000),
    ("apps", 17800),
    ("events.k8s.io", 17750),
    ("authentication.k8s.io", 17700),
    ("authorization.k8s.io", 17600),
    ("autoscaling", 17500),
    ("batch", 17400),
    ("certificates.k8s.io", 17300),
    ("networking.k8s.io", 17200),
    ("policy", 17100),
    ("rbac.authorization.k8s.io", 17000),
    ("storage.k8s.io", 16800),
    ("admissionregistration.k8s.io", 16700),
    ("apiextensions.k8s.io", 16700),
    ("scheduling.k8s.io", 16600),
    ("coordination.k8s.io", 16500),
    ("node.k8s.io", 16300),
    ("discovery.k8s.io", 16200),
    ("resource.k8s.io", 16200),
    ("flowcontrol.apiserver.k8s.io", 16100),
];

/// The groups of custom resources.
const OTHERS: u32 = 1000;

/// The greater, the earlier discovery lists a group.
pub fn group_priority(group: &str) -> u32 {
    let known = GROUPS.iter().find(|(name, _)| *name == group);
    known.map_or(OTHERS, |(_, priority)| *priority)
}

/// Compares two groups as discovery lists them.
pub fn groups(a: &str, b: &str) -> Ordering {
    let rank = |group: &str| Reverse(group_priority(group));
    rank(a).cmp(&rank(b)).then_with(|| a.cmp(b))
}

/// Compares two versions as Kubernetes does: `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`,
/// and then everything else by name.
pub fn versions(a: &str, b: &str) -> Ordering {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => b.cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// Stability (2 is stable), major, minor.
fn parse(version: &str) -> Option<(u8, u32, u32)> {
    let rest = version.strip_prefix('v')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (major, rest) = rest.split_at(digits);
    let major = number(major)?;
    let (stability, minor) = match (rest, rest.strip_prefix("beta"), rest.strip_prefix("alpha")) {
        ("", _, _) => return Some((2, major, 0)),
        (_, Some(minor), _) => (1, minor),
        (_, _, Some(minor)) => (0, minor),
        _ => return None,
    };
    Some((stability, major, number(minor)?))
}

fn number(digits: &str) -> Option<u32> {
    let canonical = !digits.starts_with('0');
    digits.parse().ok().filter(|_| canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_versions_come_first_and_newer_before_older() {
        let mut list =
            ["foo1", "v1alpha2", "v1", "v10", "v2beta1", "v1beta1", "v2", "v11alpha2", "v01", "v1beta10"];
        list.sort_by(|a, b| versions(a, b));
        let want =
            ["v10", "v2", "v1", "v2beta1", "v1beta10", "v1beta1", "v11alpha2", "v1alpha2", "foo1", "v01"];
        assert_eq!(list, want);
    }

    #[test]
    fn built_in_groups_come_before_custom_ones() {
        let mut list = ["zoo.example.com", "batch", "", "acme.example.com", "apps", "apiextensions.k8s.io"];
        list.sort_by(|a, b| groups(a, b));
        let want = ["", "apps", "batch", "apiextensions.k8s.io", "acme.example.com", "zoo.example.com"];
        assert_eq!(list, want);
    }
}
