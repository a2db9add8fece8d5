//! The single documents: `/api`, `/apis`, `/apis/GROUP`, `/apis/GROUP/VERSION`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::GroupVersionKind;
use ironclad_engine::{Served, Subresource};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::groups::{Group, Groups, Version};

/// `/api`.
pub fn versions(groups: &Groups, address: &str) -> Value {
    let versions: Vec<&str> = groups
        .group("")
        .map(|core| core.versions.iter().map(|version| &*version.version).collect())
        .unwrap_or_default();
    json!({
        "kind": "APIVersions",
        "versions": versions,
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    })
}

/// `/apis`.
pub fn group_list(groups: &Groups) -> Value {
    let named = groups.all().iter().filter(|group| !group.name.is_empty());
    let groups: Vec<Value> = named.map(summary).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`.
pub fn group(group: &Group) -> Value {
    let mut document = summary(group);
    document["kind"] = "APIGroup".into();
    document["apiVersion"] = "v1".into();
    document
}

fn summary(group: &Group) -> Value {
    let version = |version: &Version| json!({"groupVersion": format!("{}/{}", group.name, version.version), "version": version.version});
    let versions: Vec<Value> = group.versions.iter().map(version).collect();
    let preferred = versions.first().cloned().unwrap_or_default();
    json!({"name": group.name, "versions": versions, "preferredVersion": preferred})
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource<'a> {
    name: String,
    singular_name: &'a str,
    namespaced: bool,
    /// Group and version only where they are not those of the list.
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    kind: &'a str,
    verbs: &'a [&'a str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    short_names: &'a [ironclad_api::gvk::Name],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    categories: &'a [ironclad_api::gvk::Name],
    #[serde(skip_serializing_if = "String::is_empty")]
    storage_version_hash: String,
}

/// `/api/v1` and `/apis/GROUP/VERSION`.
pub fn resources(group: &str, version: &Version) -> Value {
    let mut resources = Vec::new();
    for served in version.local() {
        resources.push(resource(served));
        let subresources = served.subresources();
        let mut subresources: Vec<_> = subresources.iter().map(|sub| subresource(served, sub)).collect();
        subresources.sort_by(|a, b| a.name.cmp(&b.name));
        resources.extend(subresources);
    }
    match group {
        "" => json!({"kind": "APIResourceList", "groupVersion": version.version, "resources": resources}),
        group => {
            let group_version = format!("{group}/{}", version.version);
            json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})
        }
    }
}

fn resource(served: &Served) -> Resource<'_> {
    let spec = served.kind.spec();
    Resource {
        name: spec.resource.to_string(),
        singular_name: &spec.singular,
        namespaced: served.kind.is_namespaced(),
        group: "",
        version: "",
        kind: &spec.kind,
        verbs: spec.verbs,
        short_names: &spec.short_names,
        categories: &spec.categories,
        storage_version_hash: if served.kind.is_stored() {
            storage_hash(&served.kind.storage)
        } else {
            String::new()
        },
    }
}

fn subresource<'a>(served: &'a Served, subresource: &'a Subresource) -> Resource<'a> {
    let kind = subresource.kind.as_ref().unwrap_or(&served.gvk);
    let foreign = kind.group_version() != served.gvk.group_version();
    Resource {
        name: format!("{}/{}", served.gvr.resource, subresource.name),
        singular_name: "",
        namespaced: served.kind.is_namespaced(),
        group: if foreign { &kind.group } else { "" },
        version: if foreign { &kind.version } else { "" },
        kind: &kind.kind,
        verbs: subresource.verbs,
        short_names: &[],
        categories: &[],
        storage_version_hash: String::new(),
    }
}

/// Tells storage migrators when objects are stored in another version.
fn storage_hash(gvk: &GroupVersionKind) -> String {
    let digest = Sha256::digest(format!("{}/{}/{}", gvk.group, gvk.version, gvk.kind));
    STANDARD.encode(digest.get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_storage_hash_is_upstreams() {
        // As every cluster's `kubectl get --raw /api/v1` shows it.
        let check = |gvk: GroupVersionKind, want: &str| assert_eq!(storage_hash(&gvk), want);
        check(GroupVersionKind::new("", "v1", "Pod"), "xPOwRZ+Yhw8=");
        check(GroupVersionKind::new("apps", "v1", "Deployment"), "8aSe+NMegvE=");
        check(GroupVersionKind::new("", "v1", "Node"), "XwShjMxG9Fs=");
    }
}
