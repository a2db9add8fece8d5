//! From a definition to the strategy of the kind that it defines.

use std::sync::Arc;

use ironclad_api::gvk::Name;
use ironclad_api::schema::structural;
use ironclad_engine::registry::order;
use ironclad_engine::strategy::{
    ALL_VERBS, KindSpec, SchemaRef, Scope, SelectableField, Subresource, VersionSpec,
};
use ironclad_webhook::Caller;

use super::version::VersionRules;
use super::{CustomResource, columns, conversion, scale};
use crate::definition::{Definition, Names, Spec, TERMINATING, Version};
use crate::json_schema::Rules;
use crate::validation_rules::RuleTree;

impl CustomResource {
    /// The kind under its accepted names. The definition has passed validation.
    /// `caller` is for versions that a webhook converts.
    pub fn new(definition: &Definition, caller: &Arc<Caller>) -> Self {
        let (spec, names) = (&definition.spec, &definition.status.accepted_names);
        // Those that are not served either: objects may be stored in them.
        let mut versions: Vec<&Version> = spec.versions.iter().collect();
        versions.sort_by(|a, b| order::versions(&a.name, &b.name));
        let rules: Vec<VersionRules> = versions.iter().map(|version| rules(spec, version)).collect();
        let specs =
            versions.iter().zip(&rules).map(|(version, rules)| version_spec(spec, names, version, rules));
        Self {
            spec: kind_spec(spec, names, specs.collect()),
            list_kind: names.list_kind.clone(),
            terminating: definition.has_condition(TERMINATING).into(),
            webhook: conversion::Webhook::of(spec.conversion.as_ref(), caller),
            versions: rules,
        }
    }
}

fn owned(name: &str) -> Name {
    Name::Owned(name.to_owned())
}

fn kind_spec(spec: &Spec, names: &Names, versions: Vec<VersionSpec>) -> KindSpec {
    let storage = spec.storage_version();
    KindSpec {
        group: owned(&spec.group),
        kind: owned(&names.kind),
        resource: owned(&names.plural),
        singular: owned(&names.singular),
        short_names: names.short_names.iter().map(|name| owned(name)).collect(),
        categories: names.categories.iter().map(|name| owned(name)).collect(),
        scope: if spec.scope == "Namespaced" { Scope::Namespaced } else { Scope::Cluster },
        versions,
        subresources: storage.map(subresources).unwrap_or_default(),
        verbs: ALL_VERBS,
        columns: Vec::new(),
        selectable: selectable(spec),
        generation: true,
        storage_prefix: Some(format!("{}/{}", spec.group, names.plural).into()),
    }
}

fn version_spec(spec: &Spec, names: &Names, version: &Version, rules: &VersionRules) -> VersionSpec {
    VersionSpec {
        storage: version.storage,
        served: version.served,
        columns: Some(columns::columns(&version.additional_printer_columns)),
        subresources: Some(subresources(version)),
        deprecation: version.deprecated.then(|| deprecation(spec, names, version).into()),
        ..VersionSpec::stored(owned(&version.name), rules.schema.clone())
    }
}

fn subresources(version: &Version) -> Vec<Subresource> {
    let status = version.has_status().then(Subresource::status);
    let scale = version.scale().map(|scale| Subresource::scale(scale::paths(scale)));
    status.into_iter().chain(scale).collect()
}

/// The fields of all versions; each version offers its own.
fn selectable(spec: &Spec) -> Vec<SelectableField> {
    let mut fields: Vec<SelectableField> = Vec::new();
    for path in spec.versions.iter().flat_map(selectable_paths) {
        if fields.iter().all(|known| known.name != path) {
            fields.push(SelectableField::at(owned(path)));
        }
    }
    fields
}

/// As selectors name them: without the dot that the paths begin with.
fn selectable_paths(version: &Version) -> impl Iterator<Item = &str> {
    let paths = version.selectable_fields.iter().map(|field| field.json_path.as_str());
    paths.map(|path| path.strip_prefix('.').unwrap_or(path))
}

/// What users of a deprecated version are told; the best of the served ones is named.
fn deprecation(spec: &Spec, names: &Names, version: &Version) -> String {
    if let Some(text) = &version.deprecation_warning {
        return text.clone();
    }
    let (group, kind) = (&spec.group, &names.kind);
    let better = |other: &&Version| {
        other.served && !other.deprecated && order::versions(&other.name, &version.name).is_lt()
    };
    let best = spec.versions.iter().filter(better).min_by(|a, b| order::versions(&a.name, &b.name));
    let instead = best.map(|best| format!("; use {group}/{} {kind}", best.name)).unwrap_or_default();
    format!("{group}/{} {kind} is deprecated{instead}", version.name)
}

fn rules(spec: &Spec, version: &Version) -> VersionRules {
    let schema = version.open_api_schema();
    VersionRules {
        name: version.name.clone(),
        api_version: format!("{}/{}", spec.group, version.name),
        storage: version.storage,
        has_status: version.has_status(),
        scale: version.scale().cloned(),
        selectable: selectable_paths(version).map(str::to_owned).collect(),
        schema: SchemaRef::Custom(Arc::new(schema.map_or_else(structural::preserving, structural::resource))),
        rules: schema.map(Rules::compile).unwrap_or_default(),
        expressions: schema.and_then(RuleTree::of),
    }
}
