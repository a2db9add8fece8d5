//! From what a client sent to the object that it proposes.

use ironclad_api::params::FieldValidation;
use ironclad_api::status::Status;
use ironclad_api::{GroupVersionKind, Object, json, yaml};
use ironclad_client::Body;
use jiff::Timestamp;
use serde_json::Value;

use super::forms::Forms;
use super::input::{Input, Options};
use super::patching;
use super::{Current, Write, checks, owners, system};
use crate::engine::Engine;
use crate::gate::Context;
use crate::shape;
use crate::strategy::SchemaRef;

/// A body that has been read but not yet held against a schema.
struct Raw {
    value: Value,
    repeated: Repeated,
}

/// Fields that stand more than once where they may stand once.
enum Repeated {
    /// Their paths in JSON.
    Paths(Vec<String>),
    /// The error that the YAML parser makes of them.
    Error(Option<String>),
}

impl Engine {
    /// The object that the write proposes: decoded or patched, defaulted, its fields'
    /// owners recorded, in the storage version.
    pub(crate) async fn propose(
        &self,
        write: &mut Write<'_>,
        old: Option<&mut Current>,
        now: Timestamp,
    ) -> Result<Object, Status> {
        let (Input::Create(body, options) | Input::Replace(body, options)) = &write.input else {
            return match &write.input {
                Input::Change(change, _) => changed(write, *change, old, now),
                _ => self.patched(write, old, now).await,
            };
        };
        let mut object = decode(write.context, body, &write.served.gvk, write.served.schema(), options)?;
        if write.input.is_create() {
            system::wipe(&mut object);
            checks::namespace_of_create(write, &mut object)?;
            write.target.name = object.name().to_owned();
            let generates = object.name().is_empty() && !object.meta_str("generateName").is_empty();
            write.input.set_generates_name(generates);
        } else {
            checks::names_of_update(write, &mut object)?;
            checks::uid_of_update(write, &object, old.as_deref())?;
        }
        let foreign = is_foreign(write);
        let mut object = if foreign { object } else { self.defaulted(write, object).await? };
        system::dedup_owners(write.context, &mut object, false);
        let object = self.tracked(write, object, old, now).await?;
        Ok(if foreign { shape::upgrade(&write.served.kind, object) } else { object })
    }

    /// In the storage version, with the kind's defaults.
    async fn defaulted(&self, write: &Write<'_>, object: Object) -> Result<Object, Status> {
        let mut object =
            self.convert_one(write.served, object, &write.served.kind.storage.group_version()).await?;
        write.strategy().default(&mut object);
        Ok(object)
    }

    /// With the owners of its fields recorded, in the version of the request.
    async fn tracked(
        &self,
        write: &Write<'_>,
        object: Object,
        old: Option<&mut Current>,
        now: Timestamp,
    ) -> Result<Object, Status> {
        let others = owners::others_wrote(write, &object)
            || old.as_ref().is_some_and(|old| owners::others_wrote(write, &old.object));
        if others {
            return self.tracked_across(write, object, old, now).await;
        }
        if write.served.is_storage() {
            return Ok(owners::track(write, object, old, now));
        }
        let (requested, storage) =
            (write.served.gvk.group_version(), write.served.kind.storage.group_version());
        let object = self.convert_one(write.served, object, &requested).await?;
        let mut old = match old {
            Some(old) => {
                let object = self.convert_one(write.served, old.object.clone(), &requested).await?;
                Some(Current { entry: old.entry.clone(), object })
            }
            None => None,
        };
        let object = owners::track(write, object, old.as_mut(), now);
        self.convert_one(write.served, object, &storage).await
    }

    /// The same where managers wrote in other versions than the request's.
    async fn tracked_across(
        &self,
        write: &Write<'_>,
        object: Object,
        old: Option<&mut Current>,
        now: Timestamp,
    ) -> Result<Object, Status> {
        let (requested, storage) =
            (write.served.gvk.group_version(), write.served.kind.storage.group_version());
        let object = self.convert_one(write.served, object, &requested).await?;
        let old = match old {
            Some(old) => Some(self.convert_one(write.served, old.object.clone(), &requested).await?),
            None => None,
        };
        let mut forms = Forms::of(write.served);
        loop {
            let tracked = owners::track_across(write, object.clone(), old.as_ref(), now, &forms);
            if !self.fulfil(&mut forms).await? {
                return self.convert_one(write.served, tracked?, &storage).await;
            }
        }
    }

    async fn patched(
        &self,
        write: &mut Write<'_>,
        mut old: Option<&mut Current>,
        now: Timestamp,
    ) -> Result<Object, Status> {
        let live = match old.as_ref() {
            Some(old) if !write.served.is_storage() => {
                let requested = write.served.gvk.group_version();
                let live = self.convert_one(write.served, old.object.clone(), &requested).await?;
                Some(live.into_value())
            }
            _ => None,
        };
        let mut forms = Forms::of(write.served);
        let mut object = loop {
            let patched = match (&live, old.as_mut()) {
                (None, Some(old)) => old.lend(|live| patching::run(write, Some(live), now, &forms)),
                (live, _) => patching::run(write, live.as_ref(), now, &forms),
            };
            if !self.fulfil(&mut forms).await? {
                break patched?;
            }
        };
        checks::names_of_patch(write, &mut object, old.as_deref())?;
        let (foreign, apply) = (is_foreign(write), write.input.is_apply());
        let object = if foreign && !apply { object } else { self.defaulted(write, object).await? };
        let object = if apply { object } else { self.tracked(write, object, old, now).await? };
        Ok(if foreign { shape::upgrade(&write.served.kind, object) } else { object })
    }
}

/// Whether a custom resource is written in another version than it is stored in. Its managers own what was
/// written, and what is stored has the fields and the defaults of the stored version.
fn is_foreign(write: &Write<'_>) -> bool {
    write.strategy().upgrades_stored() && !write.served.is_storage()
}

/// A change from inside. Without a manager it records the owners of its fields itself.
fn changed(
    write: &Write<'_>,
    change: &(dyn Fn(&mut Object) -> Result<(), Status> + Send + Sync),
    old: Option<&mut Current>,
    now: Timestamp,
) -> Result<Object, Status> {
    let mut object = old.as_ref().map(|old| old.object.clone()).unwrap_or_default();
    change(&mut object)?;
    match write.input.options().manager.is_empty() {
        true => Ok(object),
        false => Ok(owners::track(write, object, old, now)),
    }
}

/// Decodes a body of a kind; its unknown and repeated fields are dropped, and told of.
pub(crate) fn decode(
    context: &Context,
    body: &Body,
    want: &GroupVersionKind,
    schema: &SchemaRef,
    options: &Options,
) -> Result<Object, Status> {
    decode_any(context, body, want, &|_| false, schema, options)
}

/// As [`decode`], of a body that may also be of a kind that `takes` says.
pub(crate) fn decode_any(
    context: &Context,
    body: &Body,
    want: &GroupVersionKind,
    takes: &dyn Fn(&GroupVersionKind) -> bool,
    schema: &SchemaRef,
    options: &Options,
) -> Result<Object, Status> {
    let (bytes, raw) = match body {
        Body::Json(bytes) => (&bytes[..], read_json(bytes, want)?),
        Body::Yaml(bytes) => (&bytes[..], read_yaml(bytes, want)?),
        Body::Tree(object) => {
            (&b""[..], Raw { value: object.clone().into_value(), repeated: Repeated::Error(None) })
        }
    };
    let Raw { mut value, repeated } = raw;
    let actual = json::type_of(&value, Some(want), bytes)
        .map_err(|error| json::bad_body(None, &want.kind, error, bytes))?;
    if !takes(&actual) {
        checks::kind_of_body(&actual, want, schema, &value, bytes)?;
    }
    let unknown = shape::fit(&mut value, schema)
        .map_err(|error| json::bad_body(Some(&actual), &want.kind, error, bytes))?;
    let strict = repeated.and_unknown(&unknown, bytes, schema);
    judge_strict(context, options.validation, &strict, |all| {
        json::bad_body(Some(&actual), &want.kind, format!("strict decoding error: {all}"), bytes)
    })?;
    let mut object = shape::object(value);
    object.set_type(want);
    Ok(object)
}

impl Repeated {
    /// All that strict validation minds. Custom resources are decoded first and pruned later, so
    /// their unknown fields come last.
    fn and_unknown(self, unknown: &[String], bytes: &[u8], schema: &SchemaRef) -> Vec<String> {
        let (duplicates, mut errors) = match self {
            Self::Paths(paths) => (paths, Vec::new()),
            Self::Error(error) => (Vec::new(), error.into_iter().collect()),
        };
        errors.extend(match schema {
            SchemaRef::Builtin(_) => json::strict_errors(bytes, &duplicates, unknown),
            SchemaRef::Custom(_) => {
                let mut errors = json::strict_errors(b"", &duplicates, &[]);
                errors.extend(json::strict_errors(b"", &[], unknown));
                errors
            }
        });
        errors
    }
}

fn read_json(bytes: &[u8], want: &GroupVersionKind) -> Result<Raw, Status> {
    let decoded = json::decode(bytes).map_err(|error| {
        let error = format!("couldn't get version/kind; json parse error: {error}");
        json::bad_body(None, &want.kind, error, bytes)
    })?;
    Ok(Raw { value: decoded.value, repeated: Repeated::Paths(decoded.duplicates) })
}

fn read_yaml(bytes: &[u8], want: &GroupVersionKind) -> Result<Raw, Status> {
    let decoded = yaml::decode(bytes).map_err(|error| json::bad_body(None, &want.kind, error, bytes))?;
    let repeated = Repeated::Error(decoded.strict_error());
    Ok(Raw { value: decoded.value, repeated })
}

/// An error as warnings: the YAML parser's has a line for each repeated key, below a heading.
fn warnings_of(error: &str) -> impl Iterator<Item = String> + '_ {
    error.lines().filter(|line| *line != "yaml: unmarshal errors:").map(|line| line.trim_start().to_owned())
}

/// Ignores, warns of, or refuses what strict validation minds.
pub(crate) fn judge_strict(
    context: &Context,
    validation: FieldValidation,
    errors: &[String],
    refuse: impl FnOnce(&str) -> Status,
) -> Result<(), Status> {
    match validation {
        _ if errors.is_empty() => Ok(()),
        FieldValidation::Ignore => Ok(()),
        FieldValidation::Warn => {
            errors.iter().flat_map(|error| warnings_of(error)).for_each(|text| context.warn(text));
            Ok(())
        }
        FieldValidation::Strict => Err(refuse(&errors.join(", "))),
    }
}
