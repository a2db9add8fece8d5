//! What changed between two objects, as three sets of paths.

use std::cell::OnceCell;
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
    /// What is asked for again for each manager.
    changed: OnceCell<FieldSet>,
    taken: OnceCell<FieldSet>,
}

impl Comparison {
    /// The comparison without the fields that this request may not change.
    pub(super) fn without(self, reset: &FieldSet) -> Self {
        Self {
            removed: self.removed.recursive_difference(reset),
            modified: self.modified.recursive_difference(reset),
            added: self.added.recursive_difference(reset),
            ..Self::default()
        }
    }

    pub(super) fn changed(&self) -> &FieldSet {
        self.changed.get_or_init(|| self.modified.union(&self.added))
    }

    /// What its owners lose.
    pub(super) fn taken(&self) -> &FieldSet {
        self.taken.get_or_init(|| self.changed().union(&self.removed))
    }
}

/// Compares two objects of one schema.
pub(super) fn compare(old: &Value, new: &Value, schema: &Schema) -> Comparison {
    between(schema, Some(old), Some(new)).below
}

/// What happened to a value itself.
#[derive(Clone, Copy, PartialEq)]
enum Change {
    None,
    Removed,
    Modified,
    Added,
}

impl Change {
    /// Of a value that is owned as a whole.
    fn of_leaf(old: Option<&Value>, new: Option<&Value>) -> Self {
        match (old, new) {
            (Some(old), Some(new)) if equal(old, new) => Self::None,
            (Some(_), Some(_)) => Self::Modified,
            (None, _) => Self::Added,
            (_, None) => Self::Removed,
        }
    }

    /// Of a map or list that came or went, beside what happened to its contents.
    fn of_container(old: Option<&Value>, new: Option<&Value>) -> Self {
        match (old, new) {
            (None, _) => Self::Added,
            (_, None) => Self::Removed,
            _ => Self::None,
        }
    }
}

/// What happened to a value and below it.
struct Outcome {
    itself: Change,
    below: Comparison,
}

impl Comparison {
    fn add(&mut self, element: PathElement, outcome: Outcome) {
        let Outcome { itself, below } = outcome;
        let sets = [
            (&mut self.removed, below.removed, Change::Removed),
            (&mut self.modified, below.modified, Change::Modified),
            (&mut self.added, below.added, Change::Added),
        ];
        for (set, below, change) in sets {
            if itself == change || !below.is_empty() {
                set.push(element.clone(), itself == change, below);
            }
        }
    }

    fn union(self, other: Self) -> Self {
        Self {
            removed: self.removed.union(&other.removed),
            modified: self.modified.union(&other.modified),
            added: self.added.union(&other.added),
            ..Self::default()
        }
    }
}

fn between(schema: &Schema, old: Option<&Value>, new: Option<&Value>) -> Outcome {
    // Most of an object stays as it is: what is equal is not looked into.
    if old == new {
        return Outcome { itself: Change::None, below: Comparison::default() };
    }
    let (old_atom, new_atom) = (atom(schema, old), atom(schema, new));
    match (old, new) {
        (_, None) => as_atom(old_atom, old, new),
        (Some(_), Some(_)) if !same_kind(old_atom, new_atom) => {
            let (one, two) = (as_atom(old_atom, old, new), as_atom(new_atom, old, new));
            let itself = if one.itself == Change::None { two.itself } else { one.itself };
            Outcome { itself, below: one.below.union(two.below) }
        }
        _ => as_atom(new_atom, old, new),
    }
}

/// Compares two values as what `atom` says they are.
fn as_atom(atom: Atom<'_>, old: Option<&Value>, new: Option<&Value>) -> Outcome {
    let below = match atom {
        Atom::Scalar(_) => None,
        Atom::List(list) => {
            let (old, new) = (items(old), items(new));
            let whole = matches!(list.kind, ListKind::Atomic) || (old.is_empty() && new.is_empty());
            (!whole).then(|| lists(list, old, new))
        }
        Atom::Map(map) => {
            let (old, new) = (fields(old), fields(new));
            let whole = map.atomic || (is_bare(old) && is_bare(new));
            (!whole).then(|| maps(map, old, new))
        }
    };
    match below {
        Some(below) => Outcome { itself: Change::of_container(old, new), below },
        None => Outcome { itself: Change::of_leaf(old, new), below: Comparison::default() },
    }
}

fn maps(map: MapType<'_>, old: Option<&Fields>, new: Option<&Fields>) -> Comparison {
    let mut result = Comparison::default();
    let mut field = |name: &str, old: Option<&Value>, new: Option<&Value>| {
        if old == new {
            return;
        }
        if let Some(schema) = map.field(name) {
            result.add(PathElement::field(name), between(schema, old, new));
        }
    };
    // Both are sorted, and so are the sets that come of it.
    let mut added =
        new.into_iter().flatten().filter(|(name, _)| old.is_none_or(|old| !old.contains_key(*name)));
    let mut next = added.next();
    for (name, value) in old.into_iter().flatten() {
        while let Some((before, value)) = next.filter(|(before, _)| *before < name) {
            field(before, None, Some(value));
            next = added.next();
        }
        field(name, Some(value), new.and_then(|new| new.get(name)));
    }
    next.into_iter().chain(added).for_each(|(name, value)| field(name, None, Some(value)));
    result
}

fn lists(list: List<'_>, old: &[Value], new: &[Value]) -> Comparison {
    let mut result = Comparison::default();
    let (old, mut new) = (by_element(list, old), by_element(list, new));
    for (element, old) in old {
        let new = new.remove(&element).unwrap_or_default();
        elements(&mut result, list, element, &old, &new);
    }
    for (element, new) in new {
        elements(&mut result, list, element, &[], &new);
    }
    result
}

/// Compares the elements with one key. Several of them count as one atomic value, which
/// comes or goes beside the single one that takes or had its place.
fn elements(result: &mut Comparison, list: List<'_>, element: PathElement, old: &[&Value], new: &[&Value]) {
    let several = match (old.len(), new.len()) {
        (0..=1, 0..=1) => Change::None,
        (2.., 2..) if old.len() == new.len() && old.iter().zip(new).all(|(a, b)| equal(a, b)) => return,
        (2.., 2..) => Change::Modified,
        (2.., _) => Change::Removed,
        (_, 2..) => Change::Added,
    };
    if several != Change::None {
        result.add(element.clone(), Outcome { itself: several, below: Comparison::default() });
    }
    let (old, new) = (only(old), only(new));
    if several != Change::Modified && (old.is_some() || new.is_some()) {
        result.add(element, between(list.items, old, new));
    }
}

/// The value that stands alone.
fn only<'v>(values: &[&'v Value]) -> Option<&'v Value> {
    match values {
        [value] => Some(value),
        _ => None,
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
