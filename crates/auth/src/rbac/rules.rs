//! What one policy rule covers.

use ironclad_engine::gate::Attributes;
use k8s_openapi::api::rbac::v1::PolicyRule;

/// Whether `rule` covers what is asked.
pub fn covers(rule: &PolicyRule, asked: &Attributes) -> bool {
    let verb = has(Some(&rule.verbs), &asked.verb);
    if !asked.path.is_empty() {
        return verb && covers_path(rule.non_resource_urls.as_deref(), &asked.path);
    }
    verb && has(rule.api_groups.as_ref(), &asked.group)
        && covers_resource(rule.resources.as_deref(), &asked.resource, &asked.subresource)
        && covers_name(rule.resource_names.as_deref(), &asked.name)
}

/// `*` or the very value.
fn has(allowed: Option<&Vec<String>>, value: &str) -> bool {
    allowed.is_some_and(|list| list.iter().any(|item| item == "*" || item == value))
}

/// `pods`, `pods/log`, `*`, or `*/scale` for that subresource of every resource.
fn covers_resource(allowed: Option<&[String]>, resource: &str, subresource: &str) -> bool {
    let matches = |item: &String| match item.split_once('/') {
        None => item == "*" || (subresource.is_empty() && item == resource),
        Some((parent, sub)) => {
            !subresource.is_empty() && sub == subresource && (parent == "*" || parent == resource)
        }
    };
    allowed.is_some_and(|list| list.iter().any(matches))
}

/// An empty list is every name.
fn covers_name(allowed: Option<&[String]>, name: &str) -> bool {
    allowed.is_none_or(|list| list.is_empty() || list.iter().any(|item| item == name))
}

/// `*`, the very path, or a prefix that ends in `*`.
fn covers_path(allowed: Option<&[String]>, path: &str) -> bool {
    let matches = |item: &String| match item.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => item == path,
    };
    allowed.is_some_and(|list| list.iter().any(matches))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(groups: &[&str], resources: &[&str], names: &[&str], urls: &[&str]) -> PolicyRule {
        let list = |items: &[&str]| Some(items.iter().map(|item| (*item).to_owned()).collect());
        PolicyRule {
            api_groups: list(groups),
            resources: list(resources),
            resource_names: list(names),
            non_resource_urls: list(urls),
            verbs: vec!["get".into()],
        }
    }

    fn ask(group: &str, resource: &str, subresource: &str, name: &str) -> Attributes {
        Attributes {
            verb: "get".into(),
            group: group.into(),
            resource: resource.into(),
            subresource: subresource.into(),
            name: name.into(),
            ..Attributes::default()
        }
    }

    #[test]
    fn a_resource_rule_covers_exactly_what_it_names() {
        /// API groups, resources and names of the rule; what is asked; whether it is covered.
        type Case =
            (&'static [&'static str], &'static [&'static str], &'static [&'static str], Attributes, bool);
        let table: &[Case] = &[
            (&[""], &["pods"], &[], ask("", "pods", "", "a"), true),
            (&[""], &["pods"], &[], ask("apps", "pods", "", "a"), false),
            (&["*"], &["pods"], &[], ask("apps", "pods", "", "a"), true),
            (&[""], &["pods"], &[], ask("", "pods", "log", "a"), false),
            (&[""], &["pods/log"], &[], ask("", "pods", "log", "a"), true),
            (&[""], &["pods/log"], &[], ask("", "pods", "", "a"), false),
            (&[""], &["*"], &[], ask("", "pods", "log", "a"), true),
            (&["apps"], &["*/scale"], &[], ask("apps", "deployments", "scale", "a"), true),
            (&["apps"], &["*/scale"], &[], ask("apps", "deployments", "", "a"), false),
            (&[""], &["pods"], &["a", "b"], ask("", "pods", "", "b"), true),
            (&[""], &["pods"], &["a", "b"], ask("", "pods", "", "c"), false),
            (&[""], &["pods"], &["a"], ask("", "pods", "", ""), false),
            (&[], &["pods"], &[], ask("", "pods", "", "a"), false),
        ];
        for (groups, resources, names, asked, expected) in table {
            let rule = rule(groups, resources, names, &[]);
            assert_eq!(covers(&rule, asked), *expected, "{rule:?} {asked:?}");
        }
    }

    #[test]
    fn a_path_rule_covers_a_path_or_a_prefix() {
        for (url, path, expected) in [
            ("/healthz", "/healthz", true),
            ("/healthz", "/healthz/etcd", false),
            ("/healthz/*", "/healthz/etcd", true),
            ("/healthz/*", "/healthz", false),
            ("*", "/anything", true),
        ] {
            let asked = Attributes { verb: "get".into(), path: path.into(), ..Attributes::default() };
            assert_eq!(covers(&rule(&[], &[], &[], &[url]), &asked), expected, "{url} {path}");
        }
    }

    #[test]
    fn the_verb_must_be_covered_too() {
        let asked = Attributes { verb: "delete".into(), ..ask("", "pods", "", "a") };
        assert!(!covers(&rule(&[""], &["pods"], &[], &[]), &asked));
    }
}
