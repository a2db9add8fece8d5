//! Which flow a request belongs to: the rules of FlowSchemas, in the order of their precedence.

use std::sync::Arc;

use http::HeaderValue;
use ironclad_engine::User;
use serde::Deserialize;

use super::metrics::Figures;
use crate::request_info::RequestInfo;

const ALL: &str = "*";

/// A FlowSchema as it is stored; the fields that matter here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec {
    pub priority_level_configuration: Name,
    pub matching_precedence: i64,
    pub distinguisher_method: Option<Distinguisher>,
    pub rules: Vec<Rule>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Name {
    pub name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Distinguisher {
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rule {
    pub subjects: Vec<Subject>,
    pub resource_rules: Vec<ResourceRule>,
    pub non_resource_rules: Vec<PathRule>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Subject {
    pub kind: String,
    pub user: Name,
    pub group: Name,
    pub service_account: ServiceAccount,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ServiceAccount {
    pub namespace: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ResourceRule {
    pub verbs: Vec<String>,
    pub api_groups: Vec<String>,
    pub resources: Vec<String>,
    pub cluster_scope: bool,
    pub namespaces: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PathRule {
    pub verbs: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    pub paths: Vec<String>,
}

/// A schema in use.
pub struct Schema {
    pub name: Arc<str>,
    /// As the header of answers has it.
    pub uid: HeaderValue,
    pub spec: Spec,
    pub figures: Arc<Figures>,
}

impl Schema {
    pub fn matches(&self, info: &RequestInfo, user: &User) -> bool {
        self.spec.rules.iter().any(|rule| rule.matches(info, user))
    }

    /// What tells flows of this schema apart.
    pub fn distinguisher<'a>(&self, info: &'a RequestInfo, user: &'a User) -> &'a str {
        match self.spec.distinguisher_method.as_ref().map(|method| method.kind.as_str()) {
            Some("ByUser") => &user.name,
            Some("ByNamespace") => info.resource.as_ref().map_or("", |resource| &resource.namespace),
            _ => "",
        }
    }
}

impl Rule {
    fn matches(&self, info: &RequestInfo, user: &User) -> bool {
        self.subjects.iter().any(|subject| subject.matches(user))
            && match info.resource {
                Some(_) => self.resource_rules.iter().any(|rule| rule.matches(info)),
                None => self.non_resource_rules.iter().any(|rule| rule.matches(info)),
            }
    }
}

impl Subject {
    fn matches(&self, user: &User) -> bool {
        match self.kind.as_str() {
            "User" => self.user.name == ALL || self.user.name == user.name,
            "Group" => self.group.name == ALL || user.groups.contains(&self.group.name),
            "ServiceAccount" => self.service_account.matches(&user.name),
            _ => false,
        }
    }
}

impl ServiceAccount {
    fn matches(&self, user: &str) -> bool {
        let account = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
        account.is_some_and(|(namespace, name)| {
            namespace == self.namespace && (self.name == ALL || name == self.name)
        })
    }
}

impl ResourceRule {
    fn matches(&self, info: &RequestInfo) -> bool {
        let Some(resource) = &info.resource else { return false };
        has(&self.verbs, &info.verb)
            && self.has_resource(&resource.resource, &resource.subresource)
            && has(&self.api_groups, &resource.group)
            && match resource.namespace.as_str() {
                "" => self.cluster_scope,
                namespace => has(&self.namespaces, namespace),
            }
    }

    fn has_resource(&self, resource: &str, subresource: &str) -> bool {
        let is_it = |known: &String| match known.split_once('/') {
            Some((parent, sub)) => !subresource.is_empty() && parent == resource && sub == subresource,
            None => known == resource && subresource.is_empty(),
        };
        is_all(&self.resources) || self.resources.iter().any(is_it)
    }
}

impl PathRule {
    fn matches(&self, info: &RequestInfo) -> bool {
        has(&self.verbs, &info.verb) && self.paths.iter().any(|path| covers(path, &info.path))
    }
}

/// A path covers itself and, with or without a star at its end, what is below it.
fn covers(rule: &str, path: &str) -> bool {
    if rule == ALL || rule == path {
        return true;
    }
    let prefix = rule.strip_suffix('*').unwrap_or(rule);
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
}

/// A star stands for everything where it stands alone; validation sees to that.
fn is_all(list: &[String]) -> bool {
    matches!(list, [only] if only == ALL)
}

fn has(list: &[String], wanted: &str) -> bool {
    is_all(list) || list.iter().any(|known| known == wanted)
}

#[cfg(test)]
mod tests {
    use http::Method;
    use ironclad_api::params::Query;
    use serde_json::{Value, json};

    use super::*;

    fn user(name: &str, groups: &[&str]) -> User {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        User { name: name.into(), groups, ..User::default() }
    }

    #[test]
    fn rules_match_as_the_api_documents() {
        let check = |rule: Value, user: &User, request: &str, want: bool| {
            let rule: Rule = serde_json::from_value(rule).expect("a rule");
            let (method, path) = request.split_once(' ').expect("a request");
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let info = RequestInfo::new(&method, path, &Query::default()).expect("readable");
            assert_eq!(rule.matches(&info, user), want, "{rule:?} {request}");
        };
        let everybody = json!([{"kind": "Group", "group": {"name": "*"}}]);
        let resources = |verbs: Value, groups: Value, resources: Value, cluster: bool, namespaces: Value| {
            json!({"subjects": everybody, "resourceRules": [{"verbs": verbs, "apiGroups": groups, "resources": resources,
                "clusterScope": cluster, "namespaces": namespaces}]})
        };
        let all = || json!(["*"]);
        let jane = &user("jane", &["dev"]);
        let pods = "GET /api/v1/namespaces/a/pods/x";
        check(resources(all(), all(), all(), true, all()), jane, pods, true);
        check(resources(json!(["list"]), all(), all(), true, all()), jane, pods, false);
        check(resources(json!(["get"]), json!([""]), json!(["pods"]), false, json!(["a"])), jane, pods, true);
        check(
            resources(json!(["get"]), json!(["apps"]), json!(["pods"]), false, json!(["a"])),
            jane,
            pods,
            false,
        );
        check(resources(all(), all(), json!(["pods"]), false, all()), jane, "GET /api/v1/pods", false);
        check(resources(all(), all(), json!(["pods"]), true, json!([])), jane, "GET /api/v1/pods", true);
        check(resources(all(), all(), json!(["pods"]), true, json!([])), jane, pods, false);
        let status = "PUT /api/v1/namespaces/a/pods/x/status";
        check(resources(all(), all(), json!(["pods"]), true, all()), jane, status, false);
        check(resources(all(), all(), json!(["pods/status"]), true, all()), jane, status, true);
        let paths = |verbs: Value, paths: Value| json!({"subjects": everybody, "nonResourceRules": [{"verbs": verbs, "nonResourceURLs": paths}]});
        check(paths(all(), all()), jane, "GET /version", true);
        check(paths(all(), all()), jane, pods, false);
        check(paths(json!(["get"]), json!(["/healthz"])), jane, "GET /healthz/ping", true);
        check(paths(json!(["get"]), json!(["/healthz/*"])), jane, "GET /healthz/ping", true);
        check(paths(json!(["get"]), json!(["/healthz"])), jane, "GET /healthzz", false);
        check(paths(json!(["post"]), all()), jane, "GET /healthz", false);
        let of = |subject: Value| json!({"subjects": [subject], "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]});
        let account = |namespace: &str, name: &str| {
            of(json!({"kind": "ServiceAccount", "serviceAccount": {"namespace": namespace, "name": name}}))
        };
        let robot = &user("system:serviceaccount:a:b", &[]);
        check(of(json!({"kind": "User", "user": {"name": "jane"}})), jane, "GET /version", true);
        check(of(json!({"kind": "User", "user": {"name": "joe"}})), jane, "GET /version", false);
        check(of(json!({"kind": "Group", "group": {"name": "dev"}})), jane, "GET /version", true);
        check(account("a", "b"), robot, "GET /version", true);
        check(account("a", "*"), robot, "GET /version", true);
        check(account("a", "c"), robot, "GET /version", false);
        check(account("", "*"), jane, "GET /version", false);
    }
}
