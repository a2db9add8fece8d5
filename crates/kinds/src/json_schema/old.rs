//! The old value that stands where a new one does, as far as that can be said.

use serde_json::Value;

use super::{ListType, Rules};

/// An old value beside the new one, and the schema that tells how their parts correspond.
#[derive(Clone, Copy)]
pub(super) struct Old<'a> {
    value: &'a Value,
    rules: &'a Rules,
    /// The whole object: its apiVersion and kind are the server's own on both sides.
    whole: bool,
}

impl<'a> Old<'a> {
    pub(super) fn new(value: &'a Value, rules: &'a Rules, whole: bool) -> Self {
        Self { value, rules, whole }
    }

    pub(super) fn is(&self, new: &Value) -> bool {
        self.value == new
    }

    /// The old value of a field.
    pub(super) fn field(&self, name: &str) -> Option<Old<'a>> {
        if self.whole && matches!(name, "apiVersion" | "kind") {
            return None;
        }
        let value = self.value.as_object()?.get(name)?;
        Some(Old { value, rules: self.rules.field(name)?, whole: false })
    }

    /// The old value of a list's element: the one with the same keys in a list of type map.
    /// Elements of other lists have no identity.
    pub(super) fn element(&self, new: &Value) -> Option<Old<'a>> {
        let ListType::Map(keys) = &self.rules.list else { return None };
        let same = |old: &&Value| keys.iter().all(|key| old.get(key) == new.get(key));
        let value = self.value.as_array()?.iter().find(same)?;
        Some(Old { value, rules: self.rules.items.as_deref()?, whole: false })
    }
}
