//! All groups in one document (`apidiscovery.k8s.io/v2`).

use ironclad_api::GroupVersionKind;
use ironclad_api::gvk::Name;
use ironclad_engine::{Served, Subresource};
use serde::Serialize;
use serde_json::Value;

use super::groups::{self, Group, Groups};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct List<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Metadata<'a>,
    items: Vec<GroupDiscovery<'a>>,
}

#[derive(Default, Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

#[derive(Serialize)]
struct GroupDiscovery<'a> {
    metadata: Metadata<'a>,
    versions: Vec<VersionDiscovery<'a>>,
}

#[derive(Serialize)]
struct VersionDiscovery<'a> {
    version: &'a str,
    resources: Resources<'a>,
    freshness: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Resources<'a> {
    Local(Vec<Resource<'a>>),
    /// As the server that serves them has it.
    Remote(&'a [Value]),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource<'a> {
    resource: &'a str,
    response_kind: ResponseKind<'a>,
    scope: &'static str,
    singular_resource: &'a str,
    verbs: &'a [&'a str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    short_names: &'a [Name],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    categories: &'a [Name],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subresources: Vec<SubresourceDiscovery<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubresourceDiscovery<'a> {
    subresource: &'a str,
    response_kind: ResponseKind<'a>,
    verbs: &'a [&'a str],
}

/// Group and version are empty where they are those around it.
#[derive(Serialize)]
struct ResponseKind<'a> {
    group: &'a str,
    version: &'a str,
    kind: &'a str,
}

/// The groups that `wanted` takes.
pub fn list(groups: &Groups, wanted: impl Fn(&str) -> bool) -> List<'_> {
    let items = groups.all().iter().filter(|group| wanted(&group.name)).map(group_discovery).collect();
    List {
        kind: "APIGroupDiscoveryList",
        api_version: "apidiscovery.k8s.io/v2",
        metadata: Metadata::default(),
        items,
    }
}

fn group_discovery(group: &Group) -> GroupDiscovery<'_> {
    let versions = group.versions.iter().map(version_discovery).collect();
    GroupDiscovery { metadata: Metadata { name: &group.name }, versions }
}

fn version_discovery(version: &groups::Version) -> VersionDiscovery<'_> {
    let (resources, current) = match &version.resources {
        groups::Resources::Local(resources) => {
            (Resources::Local(resources.iter().map(resource).collect()), true)
        }
        groups::Resources::Remote(document) => (Resources::Remote(&document.resources), document.current),
    };
    let freshness = if current { "Current" } else { "Stale" };
    VersionDiscovery { version: &version.version, resources, freshness }
}

fn resource(served: &Served) -> Resource<'_> {
    let spec = served.kind.spec();
    let mut subresources: Vec<_> = served.subresources().iter().map(|sub| subresource(served, sub)).collect();
    subresources.sort_by_key(|subresource| subresource.subresource);
    Resource {
        resource: &spec.resource,
        response_kind: response_kind(served, &served.gvk),
        scope: if served.kind.is_namespaced() { "Namespaced" } else { "Cluster" },
        singular_resource: &spec.singular,
        verbs: spec.verbs,
        short_names: &spec.short_names,
        categories: &spec.categories,
        subresources,
    }
}

fn subresource<'a>(served: &'a Served, subresource: &'a Subresource) -> SubresourceDiscovery<'a> {
    let kind = subresource.kind.as_ref().unwrap_or(&served.gvk);
    SubresourceDiscovery {
        subresource: &subresource.name,
        response_kind: response_kind(served, kind),
        verbs: subresource.verbs,
    }
}

fn response_kind<'a>(served: &Served, kind: &'a GroupVersionKind) -> ResponseKind<'a> {
    let foreign = kind.group != served.gvk.group || kind.version != served.gvk.version;
    ResponseKind {
        group: if foreign { &kind.group } else { "" },
        version: if foreign { &kind.version } else { "" },
        kind: &kind.kind,
    }
}
