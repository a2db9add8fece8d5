//! Managers that wrote an object in another version than a request's: their fields are paths of
//! that version, so what a request changes is looked at there too.
//!
//! Conversion is not pure (a custom resource's webhook does it), so a form that is not known yet
//! ends the work with [`ApplyError::Unconverted`]; the caller converts and begins anew.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::{Comparison, compare};
use super::conflict::ApplyError;
use super::field_set::FieldSet;
use super::managed;
use crate::schema::Schema;

/// The versions of a kind.
pub trait Versions {
    /// The schema of a version. `None`: it is no more.
    fn schema(&self, version: &str) -> Option<&Schema>;

    /// An object in a version that there is; the one given where it is in that version.
    fn form(&self, object: &Value, version: &str) -> Result<Value, ApplyError>;
}

/// A kind of one version, or one whose versions have the same fields.
pub struct Alike<'a>(pub &'a Schema);

impl Versions for Alike<'_> {
    fn schema(&self, _: &str) -> Option<&Schema> {
        Some(self.0)
    }

    fn form(&self, object: &Value, _: &str) -> Result<Value, ApplyError> {
        Ok(object.clone())
    }
}

/// What a write changes, seen in the versions of the managers.
pub(super) struct Changes<'a> {
    versions: &'a dyn Versions,
    old: &'a Value,
    new: &'a Value,
    reset: &'a FieldSet,
    /// In the version of the request.
    pub(super) here: Comparison,
    api_version: &'a str,
    /// `None`: there is no such version.
    elsewhere: BTreeMap<String, Option<Comparison>>,
}

impl<'a> Changes<'a> {
    /// Both objects are in the version of the request, which has this schema.
    pub(super) fn between(
        old: &'a Value,
        new: &'a Value,
        schema: &Schema,
        reset: &'a FieldSet,
        api_version: &'a str,
        versions: &'a dyn Versions,
    ) -> Self {
        let here = compare(old, new, schema).without(reset);
        Self { versions, old, new, reset, here, api_version, elsewhere: BTreeMap::new() }
    }

    /// The changes in a version; `None` if there is no such version.
    pub(super) fn of(&mut self, version: &str) -> Result<Option<&Comparison>, ApplyError> {
        if version == self.api_version {
            return Ok(Some(&self.here));
        }
        if !self.elsewhere.contains_key(version) {
            let found = match self.versions.schema(version) {
                Some(schema) => {
                    let form = |object| self.versions.form(&untracked(object), version);
                    Some(compare(&form(self.old)?, &form(self.new)?, schema).without(self.reset))
                }
                None => None,
            };
            self.elsewhere.insert(version.to_owned(), found);
        }
        Ok(self.elsewhere.get(version).and_then(Option::as_ref))
    }
}

/// The object without its managers, which nothing converts.
fn untracked(object: &Value) -> Value {
    let mut object = object.clone();
    managed::clear(&mut object);
    object
}
