//! OpenAPI documents of what is served: v3, one per group and version, and v2, one for all.
//!
//! They are derived from the schema catalog and from descriptions of the resources, so a new
//! kind or a CRD is in them without more code. `kubectl explain`, `apply`, `diff` and client
//! side validation read them. Documents are large: make them on demand, and keep bytes.

mod custom;
mod definitions;
mod enums;
mod operations;
mod parameters;
mod paths;
pub mod protobuf;

use serde_json::{Map, Value, json};

use crate::gvk::{GroupVersion, GroupVersionKind};
pub use custom::Custom;
use definitions::Definitions;

/// A resource as its paths show it.
#[derive(Clone, Debug)]
pub struct Resource<'a> {
    pub gvk: GroupVersionKind,
    /// The name in the path.
    pub plural: &'a str,
    pub namespaced: bool,
    /// As in discovery: `create`, `delete`, `deletecollection`, `get`, `list`, `patch`, `update`.
    pub verbs: &'a [&'a str],
    pub subresources: Vec<Subresource<'a>>,
    /// What a custom resource is; built-in kinds are in the catalog.
    pub custom: Option<Custom<'a>>,
}

/// A path below an object.
#[derive(Clone, Debug)]
pub struct Subresource<'a> {
    /// `status`, `scale`, `log`.
    pub name: &'a str,
    /// The kind it reads and writes. One that has no schema, such as PodExecOptions, is a
    /// connection.
    pub gvk: GroupVersionKind,
    pub verbs: &'a [&'a str],
}

/// The two versions of the document, which differ in how they write the same things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    V2,
    V3,
}

impl Dialect {
    fn reference(self, definition: &str) -> Value {
        match self {
            Dialect::V2 => json!({ "$ref": format!("#/definitions/{definition}") }),
            Dialect::V3 => json!({ "$ref": format!("#/components/schemas/{definition}") }),
        }
    }
}

/// The OpenAPI v3 document at `/openapi/v3/apis/GROUP/VERSION`. `resources` are those of
/// this group and version.
pub fn v3(group_version: &GroupVersion, resources: &[Resource<'_>], title: &str, version: &str) -> Value {
    let mut definitions = Definitions::new(Dialect::V3);
    let paths = paths::of_group_version(Dialect::V3, group_version, resources, &mut definitions);
    json!({
        "openapi": "3.0.0",
        "info": { "title": title, "version": version },
        "paths": paths,
        "components": {
            "schemas": definitions.into_schemas(),
            "securitySchemes": { "BearerToken": bearer_token() },
        },
    })
}

/// The OpenAPI v2 document at `/openapi/v2`: all groups and versions together.
pub fn v2(resources: &[Resource<'_>], title: &str, version: &str) -> Value {
    let mut definitions = Definitions::new(Dialect::V2);
    let mut paths = Map::new();
    let mut group_versions: Vec<GroupVersion> = resources.iter().map(|r| r.gvk.group_version()).collect();
    group_versions.sort();
    group_versions.dedup();
    for group_version in &group_versions {
        let resources: Vec<Resource<'_>> =
            resources.iter().filter(|r| r.gvk.group_version() == *group_version).cloned().collect();
        paths.extend(paths::of_group_version(Dialect::V2, group_version, &resources, &mut definitions));
    }
    json!({
        "swagger": "2.0",
        "info": { "title": title, "version": version },
        "paths": paths,
        "definitions": definitions.into_schemas(),
        "securityDefinitions": { "BearerToken": bearer_token() },
        "security": [{ "BearerToken": [] }],
    })
}

fn bearer_token() -> Value {
    json!({
        "type": "apiKey",
        "name": "authorization",
        "in": "header",
        "description": "Bearer Token authentication",
    })
}

fn gvk_extension(gvk: &GroupVersionKind) -> Value {
    json!({ "group": gvk.group, "version": gvk.version, "kind": gvk.kind })
}

#[cfg(test)]
mod tests;
