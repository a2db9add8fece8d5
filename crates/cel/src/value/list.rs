//! Lists: a JSON array read through its schema, or values gathered on the way.

use std::sync::Arc;

use serde_json::Value as Json;

use super::Value;
use crate::declared::{Declared, ListKind, Shape};

/// A list: the elements of a JSON array, and values behind them. Cloning it copies neither.
#[derive(Clone, Debug)]
pub struct List<'a> {
    array: &'a [Json],
    element: Option<&'a Declared>,
    more: Option<Arc<Vec<Value<'a>>>>,
    kind: &'a ListKind,
}

impl<'a> List<'a> {
    pub fn new(items: Vec<Value<'a>>) -> Self {
        let more = (!items.is_empty()).then(|| Arc::new(items));
        Self { array: &[], element: None, more, kind: &ListKind::Atomic }
    }

    /// An array of the declared list type, or of any values.
    pub fn json(array: &'a [Json], declared: Option<&'a Declared>) -> Self {
        let element = declared.and_then(Declared::element).map(AsRef::as_ref);
        let kind = match declared.map(|declared| &declared.shape) {
            Some(Shape::List(_, kind)) => kind,
            _ => &ListKind::Atomic,
        };
        Self { array, element, more: None, kind }
    }

    pub fn len(&self) -> usize {
        self.array.len() + self.more.as_ref().map_or(0, |more| more.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        match self.array.get(index) {
            Some(item) => Some(Value::of(item, self.element)),
            None => self.more.as_ref()?.get(index - self.array.len()).cloned(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        let more = self.more.as_deref().map_or(&[][..], Vec::as_slice);
        self.array.iter().map(|item| Value::of(item, self.element)).chain(more.iter().cloned())
    }

    pub(crate) fn kind(&self) -> &'a ListKind {
        self.kind
    }

    /// Adds an element; in place if nobody else holds the list.
    pub(crate) fn push(&mut self, value: Value<'a>) {
        Arc::make_mut(self.more.get_or_insert_default()).push(value);
    }

    /// `self + other`: sets keep one of each element, maps take over the elements of `other`
    /// that have the same keys.
    pub(crate) fn append(mut self, other: &List<'a>) -> Self {
        for value in other.iter() {
            match self.kind {
                ListKind::Atomic => self.push(value),
                ListKind::Set if super::list_index_of(&self, &value).is_some() => {}
                ListKind::Set => self.push(value),
                ListKind::Map(keys) => self.replace_or_push(keys, value),
            }
        }
        self
    }

    fn replace_or_push(&mut self, keys: &[String], value: Value<'a>) {
        let Some(same) = self.iter().position(|item| item.has_same_keys(&value, keys)) else {
            return self.push(value);
        };
        let mut items: Vec<_> = self.iter().collect();
        items[same] = value;
        *self = Self { kind: self.kind, ..Self::new(items) };
    }
}
