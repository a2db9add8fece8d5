//! What changed between two objects, as three sets of paths.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::atom::{Atom, List, ListKind, MapType, atom};
use super::field_set::FieldSet;
use super::path::PathElement;
use crate::schema::Schema;

/// The difference of two objects. No path is in two of the sets.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) removed: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) added: FieldSet,
}

impl Comparison {
    /// The comparison without the fields that this request may not change.
    pub(super) fn without(self, reset: &FieldSet) -> Self {
        Self {
            removed: self.removed.recursive_difference(reset),
            modified: self.modified.recursive_difference(reset),
            added: self.added.recursive_difference(reset),
        }
    }

    pub(super) fn changed(&self) -> FieldSet {
        self.modified.union(&self.added)
    }
}

/// Compares two objects of one schema.
pub(super) fn compare(old: &Value, new: &Value, schema: &Schema) -> Comparison {
    let mut walker = Walker { path: Vec::new(), result: Comparison::default() };
    walker.compare(schema, Some(old), Some(new));
    walker.result
}

struct Walker {
    path: Vec<PathElement>,
    result: Comparison,
}

impl Walker {
    fn compare(&mut self, schema: &Schema, old: Option<&Value>, new: Option<&Value>) {
        let leaf = match (old, new) {
            (None, None) => return,
            (Some(_), None) => self.visit(atom(schema, old), old, new),
            (None, Some(_)) => self.visit(atom(schema, new), old, new),
            (Some(_), Some(_)) => {
                let (old_atom, new_atom) = (atom(schema, old), atom(schema, new));
                if !same_kind(old_atom, new_atom) {
                    self.visit(old_atom, old, new);
                }
                self.visit(new_atom, old, new)
            }
        };
        // A map or list that came or went as a whole is itself a change, beside its contents.
        if !leaf {
            match (old, new) {
                (None, _) => self.result.added.insert(&self.path),
                (_, None) => self.result.removed.insert(&self.path),
                _ => {}
            }
        }
    }

    /// Compares as what `atom` says. True if the two are leaves and were compared whole.
    fn visit(&mut self, atom: Atom<'_>, old: Option<&Value>, new: Option<&Value>) -> bool {
        match atom {
            Atom::Scalar(_) => self.leaf(old, new),
            Atom::List(list) => {
                let (old_items, new_items) = (items(old), items(new));
                if matches!(list.kind, ListKind::Atomic) || (old_items.is_empty() && new_items.is_empty()) {
                    return self.leaf(old, new);
                }
                self.lists(list, old_items, new_items);
                false
            }
            Atom::Map(map) => {
                let (old_fields, new_fields) = (fields(old), fields(new));
                if map.atomic || (is_bare(old_fields) && is_bare(new_fields)) {
                    return self.leaf(old, new);
                }
                self.maps(map, old_fields, new_fields);
                false
            }
        }
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) -> bool {
        match (old, new) {
            (None, _) => self.result.added.insert(&self.path),
            (_, None) => self.result.removed.insert(&self.path),
            (Some(old), Some(new)) if !equal(old, new) => self.result.modified.insert(&self.path),
            _ => {}
        }
        true
    }

    fn maps(&mut self, map: MapType<'_>, old: Option<&Fields>, new: Option<&Fields>) {
        for (name, value) in old.into_iter().flatten() {
            self.field(map, name, Some(value), new.and_then(|new| new.get(name)));
        }
        for (name, value) in new.into_iter().flatten() {
            if old.is_none_or(|old| !old.contains_key(name)) {
                self.field(map, name, None, Some(value));
            }
        }
    }

    fn field(&mut self, map: MapType<'_>, name: &str, old: Option<&Value>, new: Option<&Value>) {
        if let Some(schema) = map.field(name) {
            self.descend(PathElement::field(name), schema, old, new);
        }
    }

    fn descend(&mut self, element: PathElement, schema: &Schema, old: Option<&Value>, new: Option<&Value>) {
        self.path.push(element);
        self.compare(schema, old, new);
        self.path.pop();
    }

    fn lists(&mut self, list: List<'_>, old: &[Value], new: &[Value]) {
        let (old, mut new) = (by_element(list, old), by_element(list, new));
        for (element, old) in old {
            let new = new.remove(&element).unwrap_or_default();
            self.elements(list, element, &old, &new);
        }
        for (element, new) in new {
            self.elements(list, element, &[], &new);
        }
    }

    /// Compares the elements with one key. Several of them count as one atomic value.
    fn elements(&mut self, list: List<'_>, element: PathElement, old: &[&Value], new: &[&Value]) {
        let path =
            |walker: &Self| -> Vec<PathElement> { walker.path.iter().chain([&element]).cloned().collect() };
        match (old.len(), new.len()) {
            (0..=1, 0..=1) => {
                self.descend(element, list.items, old.first().copied(), new.first().copied());
            }
            (2.., 2..) => {
                let same = old.len() == new.len() && old.iter().zip(new).all(|(old, new)| equal(old, new));
                if !same {
                    let path = path(self);
                    self.result.modified.insert(&path);
                }
            }
            (2.., _) => {
                let path = path(self);
                self.result.removed.insert(&path);
                self.descend(element, list.items, None, new.first().copied());
            }
            (_, 2..) => {
                let path = path(self);
                self.result.added.insert(&path);
                self.descend(element, list.items, old.first().copied(), None);
            }
        }
    }
}

type Fields = Map<String, Value>;

/// The elements of a list by their key, those that have none left out.
pub(super) fn by_element<'v>(list: List<'_>, items: &'v [Value]) -> BTreeMap<PathElement, Vec<&'v Value>> {
    let mut elements: BTreeMap<PathElement, Vec<&Value>> = BTreeMap::new();
    for item in items {
        if let Ok(element) = list.element(item) {
            elements.entry(element).or_default().push(item);
        }
    }
    elements
}

pub(super) fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn fields(value: Option<&Value>) -> Option<&Fields> {
    value.and_then(Value::as_object)
}

fn is_bare(fields: Option<&Fields>) -> bool {
    fields.is_none_or(Map::is_empty)
}

pub(super) fn same_kind(a: Atom<'_>, b: Atom<'_>) -> bool {
    std::mem::discriminant(&a) == std::mem::discriminant(&b)
}

/// Equality as upstream has it: 1 and 1.0 are equal.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| equal(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}
