//! Kinds made up for these tests.

use std::sync::Arc;

use ironclad_api::field::{FieldError, Path};
use ironclad_api::schema::{Catalog, structural};
use ironclad_api::status::Status;
use ironclad_api::{GroupVersion, GroupVersionKind, Object};
use ironclad_engine::strategy::{ALL_VERBS, Part, Preparation, ScalePaths};
use ironclad_engine::{KindSpec, SchemaRef, Scope, SelectableField, Strategy, Subresource, VersionSpec};
use ironclad_env::BoxFuture;
use serde_json::{Value, json};

fn spec(
    group: &'static str,
    kind: &'static str,
    resource: &'static str,
    versions: Vec<VersionSpec>,
) -> KindSpec {
    KindSpec {
        group: group.into(),
        kind: kind.into(),
        resource: resource.into(),
        singular: resource.trim_end_matches('s').into(),
        short_names: Vec::new(),
        categories: Vec::new(),
        scope: Scope::Namespaced,
        versions,
        subresources: Vec::new(),
        verbs: ALL_VERBS,
        columns: Vec::new(),
        selectable: Vec::new(),
        generation: false,
        storage_prefix: None,
    }
}

/// Only data: the schema of a ConfigMap and nothing else.
pub struct Plain(KindSpec);

impl Plain {
    pub fn shared() -> Arc<dyn Strategy> {
        let schema =
            Catalog::builtin().schema(&GroupVersionKind::new("", "v1", "ConfigMap")).expect("in the catalog");
        let versions = vec![VersionSpec::stored("v1", SchemaRef::Builtin(schema))];
        Arc::new(Self(spec("", "ConfigMap", "configmaps", versions)))
    }
}

impl Strategy for Plain {
    fn spec(&self) -> &KindSpec {
        &self.0
    }
}

/// A cluster-scoped custom resource with everything: status, scale, generation, a selectable
/// field, a default, validation.
pub struct Widget(KindSpec);

pub fn widget_schema() -> Value {
    json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "color": {"type": "string", "default": "red"},
            "size": {"type": "integer"},
            "replicas": {"type": "integer"},
            "selector": {"type": "string"},
            "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "properties": {"name": {"type": "string"}, "weight": {"type": "integer"}}}}}},
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}, "phase": {"type": "string"}}}}})
}

impl Widget {
    pub fn shared() -> Arc<dyn Strategy> {
        let schema = SchemaRef::Custom(Arc::new(structural::resource(&widget_schema())));
        let scale = ScalePaths {
            spec_replicas: vec!["spec".into(), "replicas".into()],
            status_replicas: vec!["status".into(), "replicas".into()],
            selector: Some(vec!["spec".into(), "selector".into()]),
        };
        Arc::new(Self(KindSpec {
            scope: Scope::Cluster,
            subresources: vec![Subresource::status(), Subresource::scale(scale)],
            selectable: vec![SelectableField::at("spec.color")],
            generation: true,
            storage_prefix: Some("example.com/widgets".into()),
            ..spec("example.com", "Widget", "widgets", vec![VersionSpec::stored("v1", schema)])
        }))
    }
}

impl Strategy for Widget {
    fn spec(&self) -> &KindSpec {
        &self.0
    }

    fn upgrades_stored(&self) -> bool {
        true
    }

    fn time_to_live(&self) -> Option<std::time::Duration> {
        Some(std::time::Duration::from_secs(3600))
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, _: &Preparation<'_>) -> Result<(), Status> {
        if old.is_none() {
            new.0.remove("status");
        }
        Ok(())
    }

    fn validate(&self, new: &Object, _: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        let size = new.at(&["spec", "size"]).and_then(Value::as_i64).unwrap_or(0);
        let path = Path::new("spec").child("size");
        let too_large = size > 10 && preparation.part == Part::Main;
        if too_large { vec![FieldError::invalid(&path, size, "must be at most 10")] } else { Vec::new() }
    }

    fn warnings(&self, new: &Object, _: Option<&Object>) -> Vec<String> {
        match new.str_at(&["spec", "color"]) {
            "mauve" => vec!["spec.color: mauve is out of fashion".to_owned()],
            _ => Vec::new(),
        }
    }
}

/// A kind whose objects end with grace and hold claims; stored in v2, served in v1 too, where
/// `spec.port` is called `spec.door`.
pub struct Vessel(KindSpec);

impl Vessel {
    pub fn shared() -> Arc<dyn Strategy> {
        let schema = |field: &str| {
            let openapi = json!({"type": "object", "properties": {"spec": {"type": "object",
                "properties": {field: {"type": "integer"}, "grace": {"type": "integer"}}}}});
            SchemaRef::Custom(Arc::new(structural::resource(&openapi)))
        };
        let versions = vec![
            VersionSpec::stored("v2", schema("port")),
            VersionSpec::converted("v1", schema("door")),
            VersionSpec::converted("v2", schema("port")).in_group("ships.example.com"),
        ];
        Arc::new(Self(KindSpec {
            storage_prefix: Some("example.com/vessels".into()),
            selectable: vec![SelectableField::at("spec.port"), SelectableField::at("spec.door")],
            ..spec("example.com", "Vessel", "vessels", versions)
        }))
    }
}

/// The ports that are given out, lowest first.
const PORTS: std::ops::Range<i64> = 1..5;

fn claim(port: i64) -> String {
    format!("port/{port}")
}

fn port(object: &Object) -> Option<i64> {
    object.at(&["spec", "port"]).and_then(Value::as_i64)
}

impl Strategy for Vessel {
    fn spec(&self) -> &KindSpec {
        &self.0
    }

    fn grace_period(&self, object: &Object, requested: Option<i64>) -> Option<i64> {
        requested.or_else(|| object.at(&["spec", "grace"]).and_then(Value::as_i64)).or(Some(0))
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        match port(new).or_else(|| old.and_then(port)) {
            Some(wanted) if (preparation.claimed)(&claim(wanted)) => {
                let error = FieldError::invalid(&Path::new("spec").child("port"), wanted, "is taken");
                Err(Status::invalid(&self.group_resource_kind(), new.name(), &[error]))
            }
            Some(wanted) => {
                new.section_mut("spec").insert("port".into(), wanted.into());
                Ok(())
            }
            None => {
                let free = PORTS.into_iter().find(|port| !(preparation.claimed)(&claim(*port)));
                let free = free.ok_or_else(|| Status::internal_error("no port is left"))?;
                new.section_mut("spec").insert("port".into(), free.into());
                Ok(())
            }
        }
    }

    fn claims(&self, object: &Object) -> Vec<String> {
        port(object).map(claim).into_iter().collect()
    }

    /// It is judged in the version of the request.
    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        for object in [Some(new), old].into_iter().flatten() {
            assert_eq!(object.api_version(), preparation.requested.api_version());
        }
        Vec::new()
    }

    fn field_label(&self, version: &GroupVersion, label: &str) -> Option<String> {
        let own = if version.version == "v1" { "spec.door" } else { "spec.port" };
        (label == own).then(|| label.to_owned())
    }

    fn converts_content(&self) -> bool {
        true
    }

    fn convert<'a>(
        &'a self,
        mut objects: Vec<Object>,
        to: &'a GroupVersion,
    ) -> BoxFuture<'a, Result<Vec<Object>, Status>> {
        for object in &mut objects {
            let (from, into) = if to.version == "v1" { ("port", "door") } else { ("door", "port") };
            if let Some(value) = object.section_mut("spec").remove(from) {
                object.section_mut("spec").insert(into.into(), value);
            }
            object.0.insert("apiVersion".into(), to.to_string().into());
        }
        Box::pin(std::future::ready(Ok(objects)))
    }
}

impl Vessel {
    fn group_resource_kind(&self) -> ironclad_api::GroupKind {
        ironclad_api::GroupKind::new("example.com", "Vessel")
    }
}

/// A custom resource with two versions that have different defaults, stored in `v1`.
pub struct Gauge(KindSpec);

impl Gauge {
    pub fn shared() -> Arc<dyn Strategy> {
        let schema = |field: &str| {
            let spec = json!({"type": "object", "properties": {
                "set": {"type": "integer"}, field: {"type": "string", "default": field}}});
            let schema = json!({"type": "object", "properties": {"spec": spec}});
            SchemaRef::Custom(Arc::new(structural::resource(&schema)))
        };
        let versions =
            vec![VersionSpec::stored("v1", schema("one")), VersionSpec::converted("v2", schema("two"))];
        Arc::new(Self(spec("example.com", "Gauge", "gauges", versions)))
    }
}

impl Strategy for Gauge {
    fn spec(&self) -> &KindSpec {
        &self.0
    }

    fn upgrades_stored(&self) -> bool {
        true
    }
}
