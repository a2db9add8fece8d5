//! The generic scale subresource: a view of three fields of its parent, for any kind.

use ironclad_api::apply::{Alike, PathElement, scale as owners_of_scale};
use ironclad_api::field::{FieldError, Path};
use ironclad_api::labels::{LabelSelector, Selector};
use ironclad_api::schema::Catalog;
use ironclad_api::status::Status;
use ironclad_api::{GroupKind, GroupVersionKind, Object, object};
use ironclad_client::{Operation, PatchKind, Target};
use serde_json::Value;

use crate::engine::Engine;
use crate::gate::{AdmissionOperation, AdmissionRequest, Context, RequestOptions};
use crate::registry::Served;
use crate::response::Response;
use crate::strategy::{Part, ScalePaths, SchemaRef};
use crate::write::input::{Input, Options};
use crate::write::{Current, Write, body, checks, options, owners, patching};

/// A scale that loses races this often is given back to the client.
const MAX_ATTEMPTS: usize = 64;

fn scale_kind() -> GroupVersionKind {
    GroupVersionKind::new("autoscaling", "v1", "Scale")
}

/// A write of a Scale, before it is known what stands there.
struct ScaleWrite<'a> {
    context: &'a Context,
    served: &'a Served,
    paths: &'a ScalePaths,
    target: &'a Target,
    dry_run: bool,
}

impl Engine {
    pub(crate) async fn scale(
        &self,
        context: &Context,
        served: &Served,
        paths: &ScalePaths,
        target: &Target,
        operation: Operation,
    ) -> Result<Response, Status> {
        let (input, dry_run) = match operation {
            Operation::Get(options) => {
                let entry = self.get(served, target, &options).await?;
                let parent = self.current_of(served, entry).await?.object;
                return Ok(Response::Object { object: shown(&parent, paths)?, created: false });
            }
            Operation::Update(body, options) => (
                Input::Replace(body, options::of_write(context, &options, "UpdateOptions")?),
                options.dry_run,
            ),
            Operation::Patch(patch, options) => {
                let settled = options::of_patch(context, &options, patch.kind == PatchKind::Apply)?;
                (Input::Patch(patch, settled), options.dry_run)
            }
            other => {
                return Err(Status::method_not_supported(&target.resource.group_resource(), other.verb()));
            }
        };
        let scale = ScaleWrite { context, served, paths, target, dry_run };
        let mut write = Write::new(context, served, Part::Main, target.clone(), input, dry_run);
        for _ in 0..MAX_ATTEMPTS {
            match self.write_scale(&scale, &mut write).await {
                Err(Lost::Race) => self.after_lost_race().await?,
                Err(Lost::Refused(status)) => return Err(status),
                Ok(response) => return Ok(response),
            }
        }
        Err(Status::server_timeout(&target.resource.group_resource(), "update", 2))
    }

    /// Writes the Scale into the newest version of its parent.
    async fn write_scale(&self, scale: &ScaleWrite<'_>, write: &mut Write<'_>) -> Result<Response, Lost> {
        let entry = scale.served.kind.objects.get(&write.key());
        let missing = || Status::not_found(&scale.target.resource.group_resource(), &scale.target.name);
        let parent = self.current_of(scale.served, entry.ok_or_else(missing)?).await?;
        let before = scale_of(&parent.object, scale.paths)?;
        let mut after = proposed(scale, write, &parent, &before, self.env.now())?;
        self.admit_scale(scale, write, &mut after, &before).await?;
        let replicas = checked_replicas(&after, &scale.target.name)?;

        let patched = matches!(write.input, Input::Patch(..));
        let asked = after.resource_version().to_owned();
        let seen = parent.object.resource_version().to_owned();
        if !asked.is_empty() && asked != seen {
            return Err(Status::modified(&scale.target.resource.group_resource(), &scale.target.name).into());
        }
        let change = |object: &mut Object| {
            if object.resource_version() != seen {
                return Err(Status::modified(&scale.target.resource.group_resource(), &scale.target.name));
            }
            set_replicas(object, scale.paths, replicas, &after);
            Ok(())
        };
        let input = Input::Change(&change, Options::default());
        let mut inner =
            Write::new(scale.context, scale.served, Part::Main, scale.target.clone(), input, scale.dry_run);
        inner.admitted = true;
        match self.write(&mut inner).await {
            // The parent changed between the two reads, and the client did not say that it must not. What a patch says
            // of the version is found out by applying it to the newer parent.
            Err(status) if status.is_conflict() && (asked.is_empty() || patched) => Err(Lost::Race),
            Err(status) => Err(status.into()),
            Ok(response) => {
                let written = response.into_object().unwrap_or_default();
                let parent = self
                    .convert_one(scale.served, written, &scale.served.kind.storage.group_version())
                    .await?;
                Ok(Response::Object { object: shown(&parent, scale.paths)?, created: false })
            }
        }
    }

    async fn admit_scale(
        &self,
        scale: &ScaleWrite<'_>,
        write: &Write<'_>,
        after: &mut Object,
        before: &Object,
    ) -> Result<(), Status> {
        let mut request = AdmissionRequest {
            context: scale.context,
            operation: AdmissionOperation::Update,
            target: scale.target,
            kind: &scale_kind(),
            object: Some(after),
            old: Some(before),
            dry_run: scale.dry_run,
            served: Some(scale.served),
            options: write.input.options().sent.as_ref().map_or(RequestOptions::None, RequestOptions::Write),
        };
        self.admission.mutate(&mut request).await?;
        self.admission.validate(&request).await
    }
}

enum Lost {
    Race,
    Refused(Status),
}

impl From<Status> for Lost {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

/// The Scale that the client wants, with the owners of its fields.
fn proposed(
    scale: &ScaleWrite<'_>,
    write: &Write<'_>,
    parent: &Current,
    before: &Object,
    now: jiff::Timestamp,
) -> Result<Object, Status> {
    let kind = scale_kind();
    let Some(schema) = Catalog::builtin().schema(&kind).map(SchemaRef::Builtin) else {
        return Err(Status::internal_error("the Scale kind has no schema"));
    };
    let view = patching::View { kind: &kind, schema: &schema };
    let live = Value::Object(before.0.clone());
    let (mut after, track) = match &write.input {
        Input::Replace(body, options) => (body::decode(scale.context, body, &kind, &schema, options)?, true),
        Input::Patch(patch, _) if patch.kind == PatchKind::Apply => {
            (patching::applied(write, view, &patch.body, Some(&live), now, &Alike(&schema))?, false)
        }
        Input::Patch(patch, options) => (patching::patched(write, view, patch, options, &live)?, true),
        _ => return Err(Status::internal_error("a scale without a body")),
    };
    checks::names_of_update(write, &mut after)?;
    checks::uid_of_update(write, &after, Some(parent))?;
    Ok(match track {
        true => owners::track_view(write, view, after, Some(&live), now),
        false => after,
    })
}

fn checked_replicas(scale: &Object, name: &str) -> Result<i64, Status> {
    let replicas = scale.at(&["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(0);
    if replicas >= 0 {
        return Ok(replicas);
    }
    let path = Path::new("spec").child("replicas");
    let error = FieldError::invalid(&path, replicas, "must be greater than or equal to 0");
    Err(Status::invalid(&GroupKind::new("autoscaling", "Scale"), name, &[error]))
}

fn set_replicas(parent: &mut Object, paths: &ScalePaths, replicas: i64, scale: &Object) {
    let Some((last, way)) = paths.spec_replicas.split_last() else { return };
    let mut fields = &mut parent.0;
    for field in way {
        fields = object::object_in(fields, field);
    }
    fields.insert(last.to_string(), replicas.into());
    let version = parent.api_version().to_owned();
    let mut value = std::mem::take(parent).into_value();
    let scale = Value::Object(scale.0.clone());
    owners_of_scale::to_parent(&mut value, &version, &replicas_path(paths), &scale);
    *parent = Object::from_value(value).unwrap_or_default();
}

fn replicas_path(paths: &ScalePaths) -> Vec<PathElement> {
    paths.spec_replicas.iter().map(|field| PathElement::field(field)).collect()
}

/// The Scale that is answered with. Only a write of one knows who owns its field.
fn shown(parent: &Object, paths: &ScalePaths) -> Result<Object, Status> {
    let mut scale = scale_of(parent, paths)?;
    scale.remove_meta("managedFields");
    Ok(scale)
}

/// The Scale of an object, with the owners of its field.
fn scale_of(parent: &Object, paths: &ScalePaths) -> Result<Object, Status> {
    let number = |path: &[ironclad_api::gvk::Name]| at(parent, path).and_then(Value::as_i64);
    let Some(replicas) = number(&paths.spec_replicas) else {
        let path = format!("\".{}\"", paths.spec_replicas.join("."));
        return Err(Status::internal_error(format!("the spec replicas field {path} does not exist")));
    };
    let mut scale = Object::new(&scale_kind(), &parent.key());
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = parent.metadata().and_then(|metadata| metadata.get(field)) {
            scale.set_meta(field, value.clone());
        }
    }
    let spec = scale.section_mut("spec");
    if replicas != 0 {
        spec.insert("replicas".into(), replicas.into());
    }
    let selector = paths.selector.as_ref().and_then(|path| selector_text(at(parent, path)?));
    let status = scale.section_mut("status");
    status.insert("replicas".into(), number(&paths.status_replicas).unwrap_or(0).into());
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        status.insert("selector".into(), selector.into());
    }
    let mut value = scale.into_value();
    owners_of_scale::to_scale(&Value::Object(parent.0.clone()), &replicas_path(paths), &mut value);
    Ok(Object::from_value(value).unwrap_or_default())
}

fn at<'a>(object: &'a Object, path: &[ironclad_api::gvk::Name]) -> Option<&'a Value> {
    let path: Vec<&str> = path.iter().map(|field| &**field).collect();
    object.at(&path)
}

/// A selector in its text form, from that, from labels (ReplicationControllers) or from a LabelSelector.
fn selector_text(value: &Value) -> Option<String> {
    if let Value::String(text) = value {
        return Some(text.clone());
    }
    if value.as_object().is_some_and(|labels| labels.values().all(Value::is_string)) {
        return Some(Selector::from_labels(&object::string_map(Some(value))).to_string());
    }
    let selector: LabelSelector = serde_json::from_value(value.clone()).ok()?;
    Some(selector.to_selector().ok()?.to_string())
}
