//! Whose requests for what a flow schema is about.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::dns::{dns1123_label, dns1123_subdomain};
use ironclad_api::validation::invalid_each;
use serde_json::json;

use super::shape::{NonResourceRule, Reference, ResourceRule, Rules, ServiceAccount, Subject};

const ALL: &str = "*";
const SUBJECTS: [&str; 3] = ["Group", "ServiceAccount", "User"];
const VERBS: [&str; 9] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

pub(super) fn validate(rules: &Rules, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let subjects = path.child("subjects");
    if rules.subjects.is_empty() {
        errors.push(FieldError::required(&subjects, "subjects must contain at least one value"));
    }
    for (index, each) in rules.subjects.iter().enumerate() {
        errors.extend(subject(each, &subjects.index(index)));
    }
    if rules.resource_rules.is_empty() && rules.non_resource_rules.is_empty() {
        let detail = "at least one of resourceRules and nonResourceRules has to be non-empty";
        errors.push(FieldError::required(path, detail));
    }
    for (index, rule) in rules.resource_rules.iter().enumerate() {
        errors.extend(resource_rule(rule, &path.child("resourceRules").index(index)));
    }
    for (index, rule) in rules.non_resource_rules.iter().enumerate() {
        errors.extend(non_resource_rule(rule, &path.child("nonResourceRules").index(index)));
    }
    errors
}

/// Exactly the part that its kind names.
fn subject(subject: &Subject, path: &Path) -> FieldErrors {
    let parts = [
        ("serviceAccount", "ServiceAccount", subject.service_account.is_some()),
        ("user", "User", subject.user.is_some()),
        ("group", "Group", subject.group.is_some()),
    ];
    let mut errors = match subject.kind.as_str() {
        "ServiceAccount" => service_account(subject.service_account.as_ref(), &path.child("serviceAccount")),
        "User" => named(subject.user.as_ref(), "User", &path.child("user")),
        "Group" => named(subject.group.as_ref(), "Group", &path.child("group")),
        other => return vec![FieldError::not_supported(&path.child("kind"), other, SUBJECTS)],
    };
    let others = parts.iter().filter(|(_, kind, given)| *given && *kind != subject.kind);
    errors.extend(others.map(|(field, kind, _)| {
        let detail = format!("{field} is forbidden when subject kind is not '{kind}'");
        FieldError::forbidden(&path.child(field), detail)
    }));
    errors
}

fn named(subject: Option<&Reference>, kind: &str, path: &Path) -> FieldErrors {
    match subject {
        None => {
            let detail = format!("{} is required when subject kind is '{kind}'", kind.to_lowercase());
            vec![FieldError::required(path, detail)]
        }
        Some(subject) if subject.name.is_empty() => vec![FieldError::required(&path.child("name"), "")],
        Some(_) => FieldErrors::new(),
    }
}

fn service_account(account: Option<&ServiceAccount>, path: &Path) -> FieldErrors {
    let Some(account) = account else {
        let detail = "serviceAccount is required when subject kind is 'ServiceAccount'";
        return vec![FieldError::required(path, detail)];
    };
    let (name, namespace) = (path.child("name"), path.child("namespace"));
    let mut errors = match account.name.as_str() {
        "" => vec![FieldError::required(&name, "")],
        ALL => FieldErrors::new(),
        given => invalid_each(&name, given, dns1123_subdomain(given)),
    };
    match account.namespace.as_str() {
        "" => errors.push(FieldError::required(&namespace, "must specify namespace for service account")),
        given => errors.extend(invalid_each(&namespace, given, dns1123_label(given))),
    }
    errors
}

fn has_wildcard(list: &[String]) -> bool {
    list.iter().any(|item| item == ALL)
}

/// A list that must not be empty and in which a wildcard stands alone; `None` says it has none.
fn list(list: &[String], missing: &str, others: &str, path: &Path) -> Option<FieldErrors> {
    if list.is_empty() {
        return Some(vec![FieldError::required(path, missing)]);
    }
    has_wildcard(list).then(|| lone_wildcard(list, others, path).into_iter().collect())
}

fn lone_wildcard(list: &[String], others: &str, path: &Path) -> Option<FieldError> {
    let detail = format!("if '*' is present, must not specify other {others}");
    (list.len() > 1).then(|| FieldError::invalid(path, json!(list), detail))
}

fn verbs(given: &[String], path: &Path) -> FieldErrors {
    let missing = "verbs must contain at least one value";
    list(given, missing, "verbs", path).unwrap_or_else(|| {
        let known = given.iter().all(|verb| VERBS.contains(&verb.as_str()));
        let error = (!known).then(|| FieldError::not_supported(path, json!(given), VERBS));
        error.into_iter().collect()
    })
}

fn resource_rule(rule: &ResourceRule, path: &Path) -> FieldErrors {
    let mut errors = verbs(&rule.verbs, &path.child("verbs"));
    let (groups, resources) = (path.child("apiGroups"), path.child("resources"));
    let missing = "resource rules must supply at least one api group";
    errors.extend(list(&rule.api_groups, missing, "api groups", &groups).unwrap_or_default());
    let missing = "resource rules must supply at least one resource";
    errors.extend(list(&rule.resources, missing, "resources", &resources).unwrap_or_default());
    errors.extend(namespaces(rule, &path.child("namespaces")));
    errors
}

fn namespaces(rule: &ResourceRule, path: &Path) -> FieldErrors {
    if rule.namespaces.is_empty() && !rule.cluster_scope {
        let detail = "resource rules that are not cluster scoped must supply at least one namespace";
        return vec![FieldError::required(path, detail)];
    }
    if has_wildcard(&rule.namespaces) {
        return lone_wildcard(&rule.namespaces, "namespaces", path).into_iter().collect();
    }
    let each = rule.namespaces.iter().enumerate();
    each.flat_map(|(index, namespace)| {
        let faults = dns1123_label(namespace).into_iter();
        let faults =
            faults.map(|fault| format!("each member of this list must be '*' or a DNS-1123 label; {fault}"));
        invalid_each(&path.index(index), namespace, faults.collect())
    })
    .collect()
}

fn non_resource_rule(rule: &NonResourceRule, path: &Path) -> FieldErrors {
    let mut errors = verbs(&rule.verbs, &path.child("verbs"));
    let path = path.child("nonResourceURLs");
    let missing = "nonResourceURLs must contain at least one value";
    errors.extend(list(&rule.urls, missing, "non-resource URLs", &path).unwrap_or_else(|| {
        let each = rule.urls.iter().enumerate();
        each.filter_map(|(index, url)| {
            url_fault(url).map(|fault| FieldError::invalid(&path.index(index), url, fault))
        })
        .collect()
    }));
    errors
}

/// `/healthz`, `/apis/*`.
fn url_fault(url: &str) -> Option<&'static str> {
    match url {
        "" => Some("must not be empty"),
        "/" => None,
        _ if !url.starts_with('/') => Some("must start with slash"),
        _ if url.contains(' ') => Some("must not contain white-space"),
        _ if url.contains("//") => Some("must not contain double slash"),
        _ => {
            let wildcards = url.matches('*').count();
            let misplaced = wildcards > 1 || wildcards == 1 && !url.ends_with("/*");
            misplaced.then_some("wildcard can only do suffix matching")
        }
    }
}
