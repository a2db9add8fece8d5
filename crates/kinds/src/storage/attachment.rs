//! `VolumeAttachment`: that a volume is to be attached to a node.

use ironclad_api::apply::FieldSet;
use ironclad_api::object::string_map;
use ironclad_api::{FieldError, Object, Path, Status, validation};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use k8s_openapi::api::storage::v1 as api;
use serde_json::{Value, json};

use super::GROUP;
use crate::columns::{age, column, name, text};
use crate::csi;
use crate::go_form;
use crate::pod_template::volume_defaults;
use crate::resource_lists;
use crate::spec::{object_at, spec, typed};
use crate::status_metadata;
use crate::volume_rules::persistent;

const MAX_METADATA: usize = 256 << 10;
const MAX_MESSAGE: usize = 1024;
const ONE_SOURCE: &str = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";

pub struct VolumeAttachment {
    spec: KindSpec,
}

impl VolumeAttachment {
    pub fn new() -> Self {
        let field =
            |name, path: &'static [&'static str]| text(name, move |object| object.str_at(path).to_owned());
        let attacher = ironclad_engine::Column { format: "name", ..field("Attacher", &["spec", "attacher"]) };
        let attached = column("Attached", "boolean", 0, |object, _| {
            object.at(&["status", "attached"]).cloned().unwrap_or(Value::Bool(false))
        });
        Self {
            spec: KindSpec {
                columns: vec![
                    name(),
                    attacher,
                    field("PV", &["spec", "source", "persistentVolumeName"]),
                    field("Node", &["spec", "nodeName"]),
                    attached,
                    age(),
                ],
                subresources: vec![Subresource::status()],
                ..spec(GROUP, "v1", "VolumeAttachment", "volumeattachments", Scope::Cluster)
            },
        }
    }
}

impl Default for VolumeAttachment {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for VolumeAttachment {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn default(&self, attachment: &mut Object) {
        let source = object_at(attachment.section_mut("spec"), "source");
        if let Some(volume) = source.and_then(|source| object_at(source, "inlineVolumeSpec")) {
            resource_lists::round(volume, "capacity");
            volume_defaults::drivers(volume);
        }
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        match (old, preparation.part) {
            (None, _) => drop(new.0.insert("status".into(), json!({ "attached": false }))),
            (Some(old), Part::Status) => status_metadata::keep(new, old),
            (Some(_), Part::Main | Part::Named(_)) => {}
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let attachment: api::VolumeAttachment = typed(new);
        let path = Path::new("spec");
        let mut errors = validate(&attachment.spec, &path);
        errors.extend(status(new, &attachment));
        if let Some(name) = &attachment.spec.source.persistent_volume_name {
            let path = path.child("source").child("persistentVolumeName");
            errors.extend(validation::invalid_each(&path, name, validation::dns1123_subdomain(name)));
        }
        if old.is_some_and(|old| old.0.get("spec") != new.0.get("spec")) {
            let shown = go_form::compact("VolumeAttachmentSpec", &attachment.spec);
            errors.push(FieldError::invalid(&path, shown, validation::meta::IMMUTABLE));
        }
        errors
    }

    fn reset_fields(&self, part: Part) -> FieldSet {
        match part {
            Part::Main => FieldSet::of_fields(&[&["status"]]),
            Part::Status => FieldSet::of_fields(&[&["metadata"], &["spec"]]),
            Part::Named(_) => FieldSet::new(),
        }
    }
}

fn validate(spec: &api::VolumeAttachmentSpec, path: &Path) -> Vec<FieldError> {
    let mut errors = csi::driver_name(&spec.attacher, &path.child("attacher"));
    errors.extend(source(&spec.source, &path.child("source")));
    let faults = validation::dns1123_subdomain(&spec.node_name);
    errors.extend(validation::invalid_each(&path.child("nodeName"), &spec.node_name, faults));
    errors
}

fn source(source: &api::VolumeAttachmentSource, path: &Path) -> Vec<FieldError> {
    match (&source.inline_volume_spec, source.persistent_volume_name.as_deref()) {
        (None, None) => vec![FieldError::required(path, ONE_SOURCE)],
        (Some(_), Some(_)) => vec![FieldError::forbidden(path, ONE_SOURCE)],
        (None, Some("")) => {
            let detail = "must specify non empty persistentVolumeName";
            vec![FieldError::required(&path.child("persistentVolumeName"), detail)]
        }
        (None, Some(_)) => Vec::new(),
        (Some(inline), None) => persistent::inline(inline, &path.child("inlineVolumeSpec")),
    }
}

fn status(object: &Object, attachment: &api::VolumeAttachment) -> Vec<FieldError> {
    let path = Path::new("status");
    let metadata = string_map(object.at(&["status", "attachmentMetadata"]));
    let mut errors = Vec::new();
    if validation::label::annotations_size(&metadata) > MAX_METADATA {
        errors.push(FieldError::too_long(&path.child("attachmentMetadata"), MAX_METADATA));
    }
    let status = attachment.status.as_ref();
    for (field, error) in [
        ("attachError", status.and_then(|status| status.attach_error.as_ref())),
        ("detachError", status.and_then(|status| status.detach_error.as_ref())),
    ] {
        errors.extend(error.into_iter().flat_map(|error| volume_error(error, &path.child(field))));
    }
    errors
}

fn volume_error(error: &api::VolumeError, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if error.message.as_ref().is_some_and(|message| message.len() > MAX_MESSAGE) {
        // As upstream, which tells of another limit.
        errors.push(FieldError::too_long(&path.child("message"), MAX_METADATA));
    }
    if let Some(code) = error.error_code.filter(|code| *code < 0) {
        let detail = validation::number::range_fault(0, i32::MAX.into());
        errors.push(FieldError::invalid(&path.child("errorCode"), code, detail));
    }
    errors
}
