//! Rules: operations on resources.

use ironclad_api::{GroupVersionKind, GroupVersionResource};
use ironclad_engine::Served;
use ironclad_engine::gate::AdmissionRequest;
use serde::Deserialize;

use super::Subject;

/// `RuleWithOperations`, and the names that policies' rules may add.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Rule {
    #[serde(deserialize_with = "crate::reading::or_default")]
    pub operations: Vec<String>,
    #[serde(deserialize_with = "crate::reading::or_default")]
    pub api_groups: Vec<String>,
    #[serde(deserialize_with = "crate::reading::or_default")]
    pub api_versions: Vec<String>,
    #[serde(deserialize_with = "crate::reading::or_default")]
    pub resources: Vec<String>,
    /// `Cluster`, `Namespaced` or `*`, which is meant when it is absent.
    pub scope: Option<String>,
    /// Empty: all names.
    #[serde(deserialize_with = "crate::reading::or_default")]
    pub resource_names: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum MatchPolicy {
    /// The request's own version only.
    Exact,
    /// Whatever version of the resource the rules name.
    #[default]
    Equivalent,
}

/// In which version a hook is asked.
#[derive(Clone)]
pub(crate) struct Invocation {
    pub resource: GroupVersionResource,
    pub kind: GroupVersionKind,
    /// The resource in that version, where the request says what its resource is.
    pub served: Option<Served>,
}

impl Invocation {
    /// In the version of the request.
    pub fn exact(request: &AdmissionRequest<'_>) -> Self {
        Self {
            resource: request.target.resource.clone(),
            kind: request.kind.clone(),
            served: request.served.cloned(),
        }
    }

    fn equivalent(served: Served, subresource: &str) -> Self {
        let own = served.subresource(subresource).and_then(|subresource| subresource.kind.clone());
        let kind = own.unwrap_or_else(|| served.gvk.clone());
        Self { resource: served.gvr.clone(), kind, served: Some(served) }
    }
}

impl Rule {
    fn matches(&self, subject: &Subject<'_>, resource: &GroupVersionResource) -> bool {
        self.scope_matches(subject)
            && contains(&self.operations, subject.operation.as_str())
            && contains(&self.api_groups, &resource.group)
            && contains(&self.api_versions, &resource.version)
            && self
                .resources
                .iter()
                .any(|wanted| resource_matches(wanted, &resource.resource, subject.subresource))
            && (self.resource_names.is_empty() || self.resource_names.iter().any(|name| name == subject.name))
    }

    fn scope_matches(&self, subject: &Subject<'_>) -> bool {
        let namespaced = !subject.is_namespace && !subject.namespace.is_empty();
        match self.scope.as_deref() {
            None | Some("*") => true,
            Some("Namespaced") => namespaced,
            Some("Cluster") => !namespaced,
            Some(_) => false,
        }
    }
}

fn contains(items: &[String], requested: &str) -> bool {
    items.iter().any(|item| item == "*" || item == requested)
}

/// `pods`, `pods/log`, `pods/*`, `*`, `*/scale`, `*/*`.
fn resource_matches(wanted: &str, resource: &str, subresource: &str) -> bool {
    let (wanted, part) = wanted.split_once('/').unwrap_or((wanted, ""));
    (wanted == "*" || wanted == resource) && (part == "*" || part == subresource)
}

/// How the first rule that matches sees the request; `None` if none does.
pub(crate) fn first_match(
    rules: &[Rule],
    policy: MatchPolicy,
    request: &AdmissionRequest<'_>,
) -> Option<Invocation> {
    let subject = Subject::of(request);
    let own = &request.target.resource;
    if rules.iter().any(|rule| rule.matches(&subject, own)) {
        return Some(Invocation::exact(request));
    }
    let served = request.served.filter(|_| policy == MatchPolicy::Equivalent)?;
    let subresource = subject.subresource;
    let others: Vec<Served> = Served::all(&served.kind)
        .into_iter()
        .filter(|other| other.gvr != *own)
        .filter(|other| subresource.is_empty() || other.subresource(subresource).is_some())
        .collect();
    let matching = |rule: &Rule| others.iter().find(|other| rule.matches(&subject, &other.gvr)).cloned();
    rules.iter().find_map(matching).map(|other| Invocation::equivalent(other, subresource))
}
