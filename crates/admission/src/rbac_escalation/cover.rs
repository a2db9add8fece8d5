//! Whether what somebody may do covers what a role would let others do, and what is missing where it does not.
//!
//! Rules are broken into atoms (one verb on one resource, or on one path): an atom is covered by one rule or
//! by none. What is missing is told in as few lines as upstream tells it.

use std::collections::{BTreeMap, BTreeSet};

use ironclad_api::goprint::quote;
use k8s_openapi::api::rbac::v1::PolicyRule;

/// One verb on one resource or path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Atom<'a> {
    Resource {
        group: &'a str,
        resource: &'a str,
        /// `None`: every object.
        name: Option<&'a str>,
        verb: &'a str,
    },
    Path {
        path: &'a str,
        verb: &'a str,
    },
}

/// One line for everything in `wanted` that `held` does not cover, sorted; empty if all is covered.
pub fn missing(held: &[PolicyRule], wanted: &[PolicyRule]) -> Vec<String> {
    let mut paths = Vec::new();
    // The verbs that are missing on one resource share a line.
    let mut verbs: BTreeMap<(&str, &str, Option<&str>), Vec<&str>> = BTreeMap::new();
    for atom in wanted.iter().flat_map(atoms).filter(|atom| !held.iter().any(|rule| covers(rule, atom))) {
        match atom {
            Atom::Resource { group, resource, name, verb } => {
                verbs.entry((group, resource, name)).or_default().push(verb);
            }
            Atom::Path { path, verb } => {
                paths.push(format!("{{NonResourceURLs:{}, Verbs:{}}}", list(&[path]), list(&[verb])));
            }
        }
    }
    let resources = verbs.into_iter().map(|((group, resource, name), verbs)| {
        let name = name.map(|name| format!(", ResourceNames:{}", list(&[name]))).unwrap_or_default();
        let (group, resource, verbs) = (list(&[group]), list(&[resource]), list(&verbs));
        format!("{{APIGroups:{group}, Resources:{resource}{name}, Verbs:{verbs}}}")
    });
    let lines: BTreeSet<String> = resources.chain(paths).collect();
    lines.into_iter().collect()
}

/// As Go prints a list of quoted strings: `["a" "b"]`.
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| quote(item.as_ref())).collect();
    format!("[{}]", quoted.join(" "))
}

fn atoms(rule: &PolicyRule) -> Vec<Atom<'_>> {
    let names: Vec<Option<&str>> = match items(&rule.resource_names) {
        [] => vec![None],
        names => names.iter().map(|name| Some(name.as_str())).collect(),
    };
    let mut atoms = Vec::new();
    for group in items(&rule.api_groups) {
        for resource in items(&rule.resources) {
            for verb in &rule.verbs {
                atoms.extend(names.iter().map(|name| Atom::Resource { group, resource, name: *name, verb }));
            }
        }
    }
    for path in items(&rule.non_resource_urls) {
        atoms.extend(rule.verbs.iter().map(|verb| Atom::Path { path, verb }));
    }
    atoms
}

fn items(list: &Option<Vec<String>>) -> &[String] {
    list.as_deref().unwrap_or_default()
}

fn covers(rule: &PolicyRule, atom: &Atom<'_>) -> bool {
    match *atom {
        Atom::Resource { group, resource, name, verb } => {
            has_or_all(&rule.verbs, verb)
                && has_or_all(items(&rule.api_groups), group)
                && covers_resource(items(&rule.resources), resource)
                && covers_name(items(&rule.resource_names), name)
        }
        Atom::Path { path, verb } => {
            has_or_all(&rule.verbs, verb)
                && items(&rule.resource_names).is_empty()
                && items(&rule.non_resource_urls).iter().any(|held| covers_path(held, path))
        }
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|item| item == wanted)
}

fn has_or_all(list: &[String], wanted: &str) -> bool {
    has(list, "*") || has(list, wanted)
}

/// `*/scale` covers that subresource of everything.
fn covers_resource(held: &[String], resource: &str) -> bool {
    let any_parent = || resource.split_once('/').is_some_and(|(_, sub)| has(held, &format!("*/{sub}")));
    has_or_all(held, resource) || any_parent()
}

fn covers_name(held: &[String], name: Option<&str>) -> bool {
    held.is_empty() || name.is_some_and(|name| has(held, name))
}

fn covers_path(held: &str, path: &str) -> bool {
    held == path || (held.ends_with('*') && path.starts_with(held.trim_end_matches('*')))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `groups/resources/names:verbs` with commas, or `@paths:verbs`; `-` is the core group.
    fn rule(text: &str) -> PolicyRule {
        let words = |text: &str| -> Vec<String> {
            let words = text.split(',').filter(|word| !word.is_empty());
            words.map(|word| if word == "-" { String::new() } else { word.to_owned() }).collect()
        };
        let (what, verbs) = text.rsplit_once(':').expect("verbs");
        if let Some(paths) = what.strip_prefix('@') {
            return PolicyRule {
                non_resource_urls: Some(words(paths)),
                verbs: words(verbs),
                ..PolicyRule::default()
            };
        }
        let mut parts = what.split('|').map(words);
        PolicyRule {
            api_groups: parts.next(),
            resources: parts.next(),
            resource_names: parts.next(),
            verbs: words(verbs),
            non_resource_urls: None,
        }
    }

    fn check(held: &[&str], wanted: &[&str], expected: &[&str]) {
        let rules = |texts: &[&str]| texts.iter().map(|text| rule(text)).collect::<Vec<_>>();
        assert_eq!(missing(&rules(held), &rules(wanted)), expected, "{held:?} {wanted:?}");
    }

    #[test]
    fn what_is_held_covers_what_is_wanted_and_the_rest_is_told() {
        check(&["-|pods:get,list"], &["-|pods:list"], &[]);
        check(&["-|pods:get", "-|pods:list"], &["-|pods:get,list"], &[]);
        check(&["*|*:*"], &["apps,-|pods,deployments/scale|a,b:get,list"], &[]);
        check(&[], &["-|pods:get"], &[r#"{APIGroups:[""], Resources:["pods"], Verbs:["get"]}"#]);
        check(
            &["-|pods:get"],
            &["-|pods:get,list,watch"],
            &[r#"{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}"#],
        );
        check(
            &["-|pods:get"],
            &["apps|deployments,daemonsets:get", "-|secrets:get"],
            &[
                r#"{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}"#,
                r#"{APIGroups:["apps"], Resources:["daemonsets"], Verbs:["get"]}"#,
                r#"{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}"#,
            ],
        );
        // All of a resource covers none of its subresources, and the other way about.
        check(
            &["-|pods:*"],
            &["-|pods/log:get"],
            &[r#"{APIGroups:[""], Resources:["pods/log"], Verbs:["get"]}"#],
        );
        check(&["apps|*/scale:update"], &["apps|deployments/scale:update"], &[]);
        check(
            &["apps|*/scale:update"],
            &["apps|scale:update"],
            &[r#"{APIGroups:["apps"], Resources:["scale"], Verbs:["update"]}"#],
        );
        // A star is wanted as itself.
        check(&["-|pods:get,list"], &["-|pods:*"], &[r#"{APIGroups:[""], Resources:["pods"], Verbs:["*"]}"#]);
    }

    #[test]
    fn names_narrow_a_rule() {
        check(&["-|pods|a,b:get"], &["-|pods|b:get"], &[]);
        check(&["-|pods:get"], &["-|pods|b:get"], &[]);
        check(
            &["-|pods|a:get"],
            &["-|pods:get"],
            &[r#"{APIGroups:[""], Resources:["pods"], Verbs:["get"]}"#],
        );
        check(
            &["-|pods|a:get"],
            &["-|pods|a,b:get,list"],
            &[
                r#"{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["list"]}"#,
                r#"{APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["get" "list"]}"#,
            ],
        );
    }

    #[test]
    fn paths_are_covered_by_themselves_and_by_prefixes() {
        check(&["@/healthz/*:get"], &["@/healthz/etcd:get"], &[]);
        check(&["@*:get"], &["@/anything:get"], &[]);
        check(
            &["@/healthz:get"],
            &["@/healthz/etcd,/version:get"],
            &[
                r#"{NonResourceURLs:["/healthz/etcd"], Verbs:["get"]}"#,
                r#"{NonResourceURLs:["/version"], Verbs:["get"]}"#,
            ],
        );
        check(&["*|*:*"], &["@/version:get"], &[r#"{NonResourceURLs:["/version"], Verbs:["get"]}"#]);
    }
}
