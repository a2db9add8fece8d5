//! Parameters: objects of the policy's paramKind that a binding names or selects.

use ironclad_api::labels::LabelSelector;
use ironclad_api::{GroupVersion, ObjectKey};
use ironclad_client::cache::CachedResource;
use serde::Deserialize;
use serde_json::Value;

use crate::Cluster;

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ParamKind {
    api_version: String,
    kind: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ParamRef {
    name: String,
    namespace: String,
    selector: Option<LabelSelector>,
    parameter_not_found_action: Option<String>,
}

impl ParamKind {
    /// The resource whose objects are parameters.
    pub fn resolve(&self, cluster: &Cluster<'_>) -> Result<CachedResource, String> {
        let version = GroupVersion::parse(&self.api_version)
            .unwrap_or_else(|| GroupVersion::new("", self.api_version.clone()));
        let wanted = version.kind(self.kind.clone());
        let resources = cluster.cache.resources();
        let found = resources.into_iter().find(|resource| resource.kind.group_kind() == wanted.group_kind());
        found.ok_or_else(|| format!("failed to find resource referenced by paramKind: '{wanted}'"))
    }
}

/// The parameters to evaluate with, null for none at all; an empty list says that there is
/// nothing to evaluate. `namespace` is that of the request's object.
pub(super) fn collect(
    kind: Option<&CachedResource>,
    reference: Option<&ParamRef>,
    namespace: &str,
    cluster: &Cluster<'_>,
) -> Result<Vec<Value>, String> {
    let (Some(kind), Some(reference)) = (kind, reference) else { return Ok(vec![Value::Null]) };
    let namespace = param_namespace(kind, reference, namespace)?;
    let resource = kind.resource.group_resource();
    let entries = match (reference.name.as_str(), &reference.selector) {
        ("", None) => return Err("one of name or selector must be provided".to_owned()),
        ("", Some(selector)) => {
            let selector = selector.to_selector()?;
            let mut entries = cluster.cache.list(&resource, namespace);
            entries.retain(|entry| selector.matches(&entry.labels));
            entries
        }
        (_, Some(_)) => return Err("paramRef.name and paramRef.selector are mutually exclusive".to_owned()),
        (name, None) => {
            let key = ObjectKey::new(namespace.unwrap_or_default(), name);
            cluster.cache.get(&resource, &key).into_iter().collect()
        }
    };
    if entries.is_empty() && reference.parameter_not_found_action.as_deref() == Some("Deny") {
        return Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
    }
    Ok(entries.iter().map(|entry| entry.object().into_value()).collect())
}

/// Where parameters are looked for; `None` for kinds without namespaces.
fn param_namespace<'a>(
    kind: &CachedResource,
    reference: &'a ParamRef,
    namespace: &'a str,
) -> Result<Option<&'a str>, String> {
    match (kind.namespaced, reference.namespace.as_str(), namespace) {
        (true, "", "") => {
            Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped \
                               resources"
                .to_owned())
        }
        (true, "", namespace) | (true, namespace, _) => Ok(Some(namespace)),
        (false, "", _) => Ok(None),
        (false, _, _) => {
            Err("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned())
        }
    }
}
