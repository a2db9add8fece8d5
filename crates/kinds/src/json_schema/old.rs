//! The old value that stands where a new one does, as far as that can be said.

use serde_json::Value;

use super::{ListType, Rules};
use crate::keyed_list::KeyedList;

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

    /// The old elements of a list of type map, by their keys. Elements of other lists have no identity.
    pub(super) fn elements(&self) -> Option<OldElements<'a>> {
        let ListType::Map(keys) = &self.rules.list else { return None };
        let known = KeyedList::new(self.value.as_array()?, keys);
        Some(OldElements { known, rules: self.rules.items.as_deref()? })
    }
}

pub(super) struct OldElements<'a> {
    known: KeyedList<'a>,
    rules: &'a Rules,
}

impl<'a> OldElements<'a> {
    /// The old element with the keys of a new one.
    pub(super) fn like(&self, new: &Value) -> Option<Old<'a>> {
        Some(Old { value: self.known.find(new)?, rules: self.rules, whole: false })
    }
}
