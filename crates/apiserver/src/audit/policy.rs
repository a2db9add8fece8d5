//! Which requests are logged, at which of their stages, and how much of them: an `audit.k8s.io/v1 Policy`, or the one
//! that is built in.
//! Source: <https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#audit-policy>

mod check;

use ironclad_api::field::aggregate;
use ironclad_api::yaml;
use ironclad_engine::User;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Stage;
use crate::request_info::{RequestInfo, ResourceInfo};

/// How much of a request is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    #[default]
    None,
    Metadata,
    /// With the object that was sent.
    Request,
    /// With the answer too.
    RequestResponse,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Metadata of all requests but those that say nothing and come all the time.
    #[default]
    Standard,
    Given(Rules),
}

/// A policy's file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    api_version: String,
    kind: String,
    /// Of no meaning here, and allowed.
    metadata: serde_json::Value,
    rules: Vec<Rule>,
    omit_stages: Vec<Stage>,
    omit_managed_fields: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    level: Level,
    users: Vec<String>,
    user_groups: Vec<String>,
    verbs: Vec<String>,
    resources: Vec<GroupResources>,
    namespaces: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    paths: Vec<String>,
    omit_stages: Vec<Stage>,
    omit_managed_fields: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct GroupResources {
    group: String,
    resources: Vec<String>,
    resource_names: Vec<String>,
}

/// What the policy says of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub level: Level,
    omit_stages: Vec<Stage>,
    pub omit_managed_fields: bool,
    /// Whether it is written only if it fails.
    failures_only: bool,
}

impl Verdict {
    /// `code` is the answer's; 0 before there is one.
    pub fn writes(&self, stage: Stage, code: u16) -> bool {
        self.level > Level::None && !self.omit_stages.contains(&stage) && (!self.failures_only || code >= 400)
    }
}

impl Policy {
    /// Reads a policy's file, YAML or JSON. The error says what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let decoded = yaml::decode(text).map_err(|error| error.to_string())?;
        let field = |name: &str| decoded.value.get(name).and_then(Value::as_str).unwrap_or_default();
        if (field("apiVersion"), field("kind")) != ("audit.k8s.io/v1", "Policy") {
            let (kind, version) = (field("kind"), field("apiVersion"));
            return Err(format!("it is a {kind} of {version}, and must be a Policy of audit.k8s.io/v1"));
        }
        if let Some(faults) = aggregate(&check::faults(&decoded.value)) {
            return Err(faults);
        }
        let rules: Rules = serde_json::from_value(decoded.value).map_err(|error| error.to_string())?;
        if rules.rules.is_empty() {
            return Err("loaded illegal policy with 0 rules".into());
        }
        Ok(Self::Given(rules))
    }

    /// What is to be written of a request. `None`: who sent it is not known.
    pub fn verdict(&self, info: &RequestInfo, user: Option<&User>) -> Verdict {
        match self {
            Self::Standard => Verdict {
                level: Level::Metadata,
                omit_stages: vec![Stage::RequestReceived],
                omit_managed_fields: false,
                failures_only: is_quiet(info),
            },
            Self::Given(rules) => rules.verdict(info, user),
        }
    }
}

impl Rules {
    fn verdict(&self, info: &RequestInfo, user: Option<&User>) -> Verdict {
        let Some(rule) = self.rules.iter().find(|rule| rule.matches(info, user)) else {
            return Verdict::default();
        };
        let omit = self.omit_stages.iter().chain(&rule.omit_stages);
        Verdict {
            level: rule.level,
            omit_stages: omit.copied().collect(),
            omit_managed_fields: rule.omit_managed_fields.unwrap_or(self.omit_managed_fields),
            failures_only: false,
        }
    }
}

impl Rule {
    fn matches(&self, info: &RequestInfo, user: Option<&User>) -> bool {
        let named = |user: &User| self.users.contains(&user.name);
        let grouped = |user: &User| user.groups.iter().any(|group| self.user_groups.contains(group));
        (self.users.is_empty() || user.is_some_and(named))
            && (self.user_groups.is_empty() || user.is_some_and(grouped))
            && (self.verbs.is_empty() || self.verbs.iter().any(|verb| *verb == info.verb))
            && self.is_about(info)
    }

    fn is_about(&self, info: &RequestInfo) -> bool {
        if !self.namespaces.is_empty() || !self.resources.is_empty() {
            return info.resource.as_ref().is_some_and(|resource| self.has(resource));
        }
        self.paths.is_empty()
            || (info.resource.is_none() && self.paths.iter().any(|path| covers(path, &info.path)))
    }

    fn has(&self, resource: &ResourceInfo) -> bool {
        (self.namespaces.is_empty() || self.namespaces.contains(&resource.namespace))
            && (self.resources.is_empty() || self.resources.iter().any(|known| known.has(resource)))
    }
}

impl GroupResources {
    fn has(&self, wanted: &ResourceInfo) -> bool {
        if self.group != "*" && self.group != wanted.group {
            return false;
        }
        let named = self.resource_names.is_empty() || self.resource_names.contains(&wanted.name);
        self.resources.is_empty()
            || (named && self.resources.iter().any(|known| covers_resource(known, wanted)))
    }
}

/// `pods`, `pods/log`, `pods/*`, `*/scale` or `*`.
fn covers_resource(known: &str, wanted: &ResourceInfo) -> bool {
    let subresource = wanted.subresource.as_str();
    match known.split_once('/') {
        None if known == "*" => true,
        None => known == wanted.resource && subresource.is_empty(),
        Some(("*", sub)) => !subresource.is_empty() && sub == subresource,
        // As upstream, of the resource itself as well.
        Some((resource, "*")) => resource == wanted.resource,
        Some((resource, sub)) => resource == wanted.resource && sub == subresource,
    }
}

fn covers(known: &str, path: &str) -> bool {
    known == path
        || known.strip_suffix('*').is_some_and(|start| path.starts_with(start.trim_end_matches('*')))
}

/// Reads that anybody may make, of paths that every client polls.
const QUIET_PATHS: [&str; 9] =
    ["/livez", "/readyz", "/healthz", "/version", "/metrics", "/openapi", "/api", "/apis", "/.well-known"];

fn is_quiet(info: &RequestInfo) -> bool {
    match &info.resource {
        // Events are a log themselves.
        Some(resource) => resource.resource == "events" && matches!(&*resource.group, "" | "events.k8s.io"),
        None => {
            let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
            let quiet = |quiet: &&str| info.path.strip_prefix(*quiet).is_some_and(below);
            info.is_read_only() && QUIET_PATHS.iter().any(quiet)
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use ironclad_api::params::Query;

    use super::*;

    fn info(request: &str) -> RequestInfo {
        let (method, path) = request.split_once(' ').expect("a request");
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        RequestInfo::new(&method, path, &Query::default()).expect("readable")
    }

    #[test]
    fn what_is_polled_is_not_logged_unless_it_fails() {
        let check = |path: &str, code: u16, want: bool| {
            let verdict = Policy::Standard.verdict(&info(&format!("GET {path}")), None);
            assert_eq!(verdict.writes(Stage::ResponseComplete, code), want, "{path} {code}");
            assert!(!verdict.writes(Stage::RequestReceived, 0));
        };
        check("/readyz", 200, false);
        check("/readyz", 403, true);
        check("/apis/apps/v1", 200, false);
        check("/api/v1/secrets", 200, true);
        check("/api/v1/namespaces/x/events", 200, false);
        check("/apis/events.k8s.io/v1/events", 200, false);
        check("/apis/events.k8s.io/v1/events", 500, true);
        check("/logs", 200, true);
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let policy = Policy::parse(
            br#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: ["system:kube-proxy"]
  verbs: ["watch"]
  resources: [{group: "", resources: ["endpoints", "services"]}]
- level: None
  userGroups: ["system:authenticated"]
  nonResourceURLs: ["/api*", "/version"]
- level: Request
  namespaces: ["kube-system"]
  resources: [{group: "", resources: ["configmaps"], resourceNames: ["a"]}]
- level: RequestResponse
  omitManagedFields: true
  resources: [{group: "", resources: ["pods"]}, {group: "apps", resources: ["*/scale"]}]
- level: Metadata
  omitStages: [ResponseStarted]
  resources: [{group: "*", resources: ["pods/*"]}]
"#,
        )
        .expect("a policy");
        let check = |user: &str, request: &str, want: Level| {
            let user =
                User { name: user.into(), groups: vec!["system:authenticated".into()], ..User::default() };
            assert_eq!(policy.verdict(&info(request), Some(&user)).level, want, "{request}");
        };
        check("system:kube-proxy", "GET /api/v1/watch/services", Level::None);
        check("jane", "GET /api/v1/services", Level::None);
        check("jane", "GET /version", Level::None);
        check("jane", "PUT /api/v1/namespaces/kube-system/configmaps/a", Level::Request);
        check("jane", "PUT /api/v1/namespaces/kube-system/configmaps/b", Level::None);
        check("jane", "PUT /api/v1/namespaces/default/pods/a", Level::RequestResponse);
        check("jane", "PUT /api/v1/namespaces/default/pods/a/status", Level::Metadata);
        check("jane", "PUT /apis/apps/v1/namespaces/default/deployments/a/scale", Level::RequestResponse);
        check("jane", "GET /apis/apps/v1/namespaces/default/deployments/a", Level::None);
        let verdict = policy.verdict(&info("GET /api/v1/namespaces/a/pods/b/log"), None);
        let stages = [Stage::RequestReceived, Stage::ResponseStarted, Stage::ResponseComplete, Stage::Panic];
        assert_eq!(stages.map(|stage| verdict.writes(stage, 200)), [false, false, true, true]);
    }

    #[test]
    fn a_policy_that_cannot_be_meant_is_refused() {
        let check = |text: &str, want: &str| {
            let error = Policy::parse(text.as_bytes()).expect_err("refused");
            assert!(error.contains(want), "{error}");
        };
        check(
            "kind: Policy\napiVersion: audit.k8s.io/v1beta1\nrules: [{level: None}]",
            "must be a Policy of audit.k8s.io/v1",
        );
        let policy = |rules: &str| format!("kind: Policy\napiVersion: audit.k8s.io/v1\nrules: {rules}");
        check(&policy("[]"), "loaded illegal policy with 0 rules");
        check(&policy("[{}]"), "rules[0].level: Required value");
        check(
            &policy("[{level: Everything}]"),
            r#"rules[0].level: Unsupported value: "Everything": supported values: "None", "Metadata", "Request", "RequestResponse""#,
        );
        check("kind: Policy\napiVersion: audit.k8s.io/v1\nrule: [{level: None}]", "unknown field `rule`");
        check(
            &policy("[{level: None, namespaces: [a], nonResourceURLs: [/x]}]"),
            r#"rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs"#,
        );
        check(
            &policy("[{level: None, nonResourceURLs: ['*', x]}]"),
            r#"rules[0].nonResourceURLs[1]: Invalid value: "x": non-resource URL rules must begin with a '/' character"#,
        );
        check(
            &policy("[{level: None, nonResourceURLs: ['/a*/b', '/c*']}]"),
            r#"rules[0].nonResourceURLs[0]: Invalid value: "/a*/b": non-resource URL wildcards '*' must be the final character of the rule"#,
        );
        check(
            &policy("[{level: None, resources: [{group: apps/v1}]}]"),
            r#"rules[0].resources.group: Invalid value: "apps/v1": a lowercase RFC 1123 subdomain"#,
        );
        check(
            &policy("[{level: None, resources: [{group: apps, resourceNames: [a]}]}]"),
            r#"rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one resource"#,
        );
        check(
            &policy("[{level: None, omitStages: [Later]}]"),
            r#"rules[0].omitStages[0]: Invalid value: "Later": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic"#,
        );
    }
}
