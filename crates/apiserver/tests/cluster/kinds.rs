//! The kinds of the test server: some real ones, some with nothing but data, and one like
//! a custom resource.

use std::sync::Arc;

use ironclad_api::schema::{Catalog, structural};
use ironclad_api::{FieldError, GroupVersionKind, Object};
use ironclad_engine::gate::Authorizer;
use ironclad_engine::strategy::{
    ALL_VERBS, Column, KindSpec, Preparation, ScalePaths, SchemaRef, Scope, SelectableField, Strategy,
    Subresource, SubresourceKind, VersionSpec,
};
use serde_json::json;

/// A kind without rules of its own.
struct Plain(KindSpec);

impl Strategy for Plain {
    fn spec(&self) -> &KindSpec {
        &self.0
    }
}

/// A kind with a defect.
struct Broken(KindSpec);

impl Strategy for Broken {
    fn spec(&self) -> &KindSpec {
        &self.0
    }

    fn validate(&self, _: &Object, _: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        panic!("a defect of a kind")
    }
}

pub fn all(authorizer: &Arc<dyn Authorizer>) -> Vec<Arc<dyn Strategy>> {
    vec![
        Arc::new(ironclad_kinds::namespace::Namespace::new()),
        Arc::new(ironclad_kinds::config_map::ConfigMap::new()),
        Arc::new(ironclad_kinds::event::Event::new()),
        Arc::new(ironclad_kinds::lease::Lease::new()),
        Arc::new(ironclad_kinds::secret::Secret::new()),
        Arc::new(ironclad_kinds::review::access::self_subject(authorizer.clone())),
        Arc::new(ironclad_kinds::rbac::ClusterRole::new()),
        Arc::new(ironclad_kinds::rbac::ClusterRoleBinding::new()),
        Arc::new(ironclad_kinds::rbac::Role::new()),
        Arc::new(ironclad_kinds::rbac::RoleBinding::new()),
        Arc::new(Plain(nodes())),
        Arc::new(Plain(pods())),
        Arc::new(Plain(builtin(
            "",
            "Service",
            "services",
            Scope::Namespaced,
            &[("proxy", "ServiceProxyOptions", PROXY)],
        ))),
        Arc::new(Plain(builtin(
            "discovery.k8s.io",
            "EndpointSlice",
            "endpointslices",
            Scope::Namespaced,
            &[],
        ))),
        Arc::new(ironclad_kinds::api_service::ApiService::new()),
        Arc::new(Plain(widgets())),
        Arc::new(Broken(builtin("node.k8s.io", "RuntimeClass", "runtimeclasses", Scope::Cluster, &[]))),
    ]
}

type Connect = (&'static str, &'static str, &'static [&'static str]);

const STREAM: &[&str] = &["create", "get"];
const PROXY: &[&str] = &["create", "delete", "get", "patch", "update"];

fn builtin(
    group: &'static str,
    kind: &'static str,
    resource: &'static str,
    scope: Scope,
    connects: &[Connect],
) -> KindSpec {
    let gvk = GroupVersionKind::new(group, "v1", kind);
    let schema = SchemaRef::Builtin(Catalog::builtin().schema(&gvk).expect("in the catalog"));
    let connect = |(name, kind, verbs): &Connect| Subresource {
        name: (*name).into(),
        kind: Some(GroupVersionKind::new("", "v1", *kind)),
        verbs,
        does: SubresourceKind::Connect,
    };
    let mut subresources = vec![Subresource::status()];
    subresources.extend(connects.iter().map(connect));
    KindSpec {
        group: group.into(),
        kind: kind.into(),
        resource: resource.into(),
        singular: kind.to_lowercase().into(),
        short_names: Vec::new(),
        categories: Vec::new(),
        scope,
        versions: vec![VersionSpec::stored("v1", schema)],
        subresources,
        verbs: ALL_VERBS,
        columns: Vec::new(),
        selectable: Vec::new(),
        generation: false,
        storage_prefix: None,
    }
}

fn nodes() -> KindSpec {
    builtin("", "Node", "nodes", Scope::Cluster, &[("proxy", "NodeProxyOptions", PROXY)])
}

fn pods() -> KindSpec {
    let connects: [Connect; 5] = [
        ("log", "Pod", &["get"]),
        ("exec", "PodExecOptions", STREAM),
        ("attach", "PodAttachOptions", STREAM),
        ("portforward", "PodPortForwardOptions", STREAM),
        ("proxy", "PodProxyOptions", PROXY),
    ];
    builtin("", "Pod", "pods", Scope::Namespaced, &connects)
}

fn widgets() -> KindSpec {
    let schema = structural::resource(&json!({
        "type": "object",
        "properties": {
            "spec": {"type": "object", "description": "What the widget should be.", "properties": {
                "size": {"type": "integer", "description": "How large it is."},
                "color": {"type": "string", "default": "red"},
                "replicas": {"type": "integer"},
                "parts": {"type": "array", "items": {"type": "object", "properties": {
                    "name": {"type": "string"}, "weight": {"type": "integer"}}},
                    "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            }},
            "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
        },
    }));
    let path = |path: &[&'static str]| path.iter().map(|part| (*part).into()).collect::<Vec<_>>();
    KindSpec {
        group: "example.com".into(),
        kind: "Widget".into(),
        resource: "widgets".into(),
        singular: "widget".into(),
        short_names: vec!["wd".into()],
        categories: vec!["all".into()],
        scope: Scope::Namespaced,
        versions: vec![VersionSpec::stored("v1", SchemaRef::Custom(Arc::new(schema)))],
        subresources: vec![
            Subresource::status(),
            Subresource::scale(ScalePaths {
                spec_replicas: path(&["spec", "replicas"]),
                status_replicas: path(&["status", "replicas"]),
                selector: None,
            }),
        ],
        verbs: ALL_VERBS,
        columns: vec![
            Column {
                name: "Name".into(),
                column_type: "string",
                format: "name",
                description: "Its name.".into(),
                priority: 0,
                cell: Box::new(|object, _| object.name().into()),
            },
            Column {
                name: "Color".into(),
                column_type: "string",
                format: "",
                description: "Its color.".into(),
                priority: 0,
                cell: Box::new(|object, _| object.str_at(&["spec", "color"]).into()),
            },
        ],
        selectable: vec![SelectableField::at("spec.color")],
        generation: true,
        storage_prefix: Some("example.com/widgets".into()),
    }
}
