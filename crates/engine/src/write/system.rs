//! The metadata that belongs to the server.

use std::collections::HashSet;

use ironclad_api::field::{FieldError, Path};
use ironclad_api::goprint::quote;
use ironclad_api::status::Status;
use ironclad_api::{GroupKind, Object, names, object, time};
use ironclad_env::{Env, EnvironmentExt};
use jiff::Timestamp;
use serde_json::Value;

use super::{Current, Write};
use crate::gate::Context;
use crate::registry::Served;
use crate::strategy::{Part, Strategy};

/// Removes what a client cannot give a new object.
pub(crate) fn wipe(object: &mut Object) {
    for field in ["uid", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "creationTimestamp"] {
        object.remove_meta(field);
    }
}

/// A new object has no revision to be based on.
pub(crate) fn refuse_revision(write: &Write<'_>, object: &Object) -> Result<(), Status> {
    match object.resource_version() {
        "" | "0" => Ok(()),
        _ if !write.input.is_create() => Ok(()),
        // As upstream: it is the storage that refuses, which a dry run does not reach.
        _ if write.dry_run => Ok(()),
        _ => Err(Status::unclassified("resourceVersion should not be set on objects to be created")),
    }
}

/// Identifies a new object.
pub(crate) fn fill(env: &Env, strategy: &dyn Strategy, object: &mut Object, now: Timestamp) {
    object.set_meta("creationTimestamp", time::format(now));
    object.set_meta("uid", env.uuid());
    let prefix = object.meta_str("generateName");
    if object.name().is_empty() && !prefix.is_empty() {
        let name = names::generate(prefix, env.random_u64());
        object.set_meta("name", name);
    }
    if strategy.spec().generation {
        object.set_meta("generation", 1);
    }
}

/// An update that names a resourceVersion must name the newest; one that names none takes
/// it, where the kind lets it.
pub(crate) fn check_revision(write: &Write<'_>, new: &mut Object, old: &Current) -> Result<(), Status> {
    let resource = write.target.resource.group_resource();
    let name = &write.target.name;
    let given = match new.resource_version() {
        "" | "0" => None,
        text => Some(text.parse::<u64>().map_err(|_| {
            Status::unclassified(format!("strconv.ParseUint: parsing {}: invalid syntax", quote(text)))
        })?),
    };
    match given {
        Some(given) if given != old.entry.revision => Err(Status::modified(&resource, name)),
        None if !write.strategy().unconditional_update() => {
            let path = Path::new("metadata").child("resourceVersion");
            let error = FieldError::invalid(&path, 0, "must be specified for an update");
            // As upstream: the resource stands where the kind belongs.
            Err(Status::invalid(&GroupKind::new(resource.group, resource.resource), name, &[error]))
        }
        _ => {
            new.set_meta("resourceVersion", old.entry.revision.to_string());
            Ok(())
        }
    }
}

/// Clients cannot set the generation.
pub(crate) fn keep_generation(new: &mut Object, old: &Object) {
    match old.metadata().and_then(|metadata| metadata.get("generation")) {
        Some(generation) => new.set_meta("generation", generation.clone()),
        None => drop(new.remove_meta("generation")),
    }
}

/// What an update can never change or take back.
pub(crate) fn keep_identity(new: &mut Object, old: &Object) {
    new.remove_meta("selfLink");
    if new.uid().is_empty() {
        new.set_meta("uid", old.uid());
    }
    for field in ["creationTimestamp", "deletionTimestamp"] {
        if let Some(kept) =
            old.metadata().and_then(|metadata| metadata.get(field)).filter(|kept| !kept.is_null())
        {
            new.set_meta(field, kept.clone());
        }
    }
    let grace = "deletionGracePeriodSeconds";
    let given = new.metadata().and_then(|metadata| metadata.get(grace)).is_some_and(|given| !given.is_null());
    if let Some(kept) = old.metadata().and_then(|metadata| metadata.get(grace)).filter(|_| !given) {
        new.set_meta(grace, kept.clone());
    }
}

/// A change of anything but metadata and status is a new generation.
pub(crate) fn count_generation(served: &Served, part: Part, new: &mut Object, old: Option<&Object>) {
    let counted = served.kind.spec().generation && served.strategy().counts_generation(part);
    let Some(old) = old.filter(|_| counted) else { return };
    let counts = |(name, _): &(&String, &Value)| !matches!(name.as_str(), "metadata" | "status");
    let same = new.0.iter().filter(counts).eq(old.0.iter().filter(counts));
    let labels = |object: &Object| object::string_map(object.metadata().and_then(|all| all.get("labels")));
    if !same || (served.strategy().counts_labels() && labels(new) != labels(old)) {
        new.set_meta("generation", old.generation() + 1);
    }
}

/// Leaves one of several owner references that are the same.
pub(crate) fn dedup_owners(context: &Context, object: &mut Object, after_admission: bool) {
    let owners = object.0.get_mut("metadata").and_then(|metadata| metadata.get_mut("ownerReferences"));
    let Some(owners) = owners.and_then(Value::as_array_mut).filter(|owners| owners.len() > 1) else { return };
    let mut seen: HashSet<Value> = HashSet::new();
    let mut repeated = Vec::new();
    owners.retain(|owner| {
        let first = seen.insert(owner.clone());
        if !first {
            repeated.push(owner.get("uid").and_then(Value::as_str).unwrap_or_default().to_owned());
        }
        first
    });
    if repeated.is_empty() {
        return;
    }
    let repeated = repeated.join(", ");
    context.warn(match after_admission {
        false => format!(
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, \
             and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: \
             {repeated}"
        ),
        true => format!(
            ".metadata.ownerReferences contains duplicate entries after mutating admission happens; API server \
             dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your \
             requests; duplicate UID(s) observed: {repeated}"
        ),
    });
}
