//! What changed between two objects, as sets of paths.

use std::cell::OnceCell;
use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::atom::{Atom, List, ListKind, MapType, atom};
use super::field_set::FieldSet;
use super::path::PathElement;
use crate::schema::Schema;

/// The difference of two objects.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// What is new or has another value.
    pub(super) changed: FieldSet,
    pub(super) removed: FieldSet,
    /// What is asked for again for each manager.
    taken: OnceCell<FieldSet>,
}

impl Comparison {
    /// The comparison without the fields that this request may not change.
    pub(super) fn without(mut self, reset: &FieldSet) -> Self {
        self.changed.subtract_trees(reset);
        self.removed.subtract_trees(reset);
        self
    }

    /// What its owners lose.
    pub(super) fn taken(&self) -> &FieldSet {
        match self.removed.is_empty() {
            true => &self.changed,
            false => self.taken.get_or_init(|| self.changed.union(&self.removed)),
        }
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
    Changed,
    Removed,
}

impl Change {
    /// Of a value that is owned as a whole.
    fn of_leaf(old: Option<&Value>, new: Option<&Value>) -> Self {
        match (old, new) {
            (Some(old), Some(new)) if equal(old, new) => Self::None,
            (_, Some(_)) => Self::Changed,
            (_, None) => Self::Removed,
        }
    }

    /// Of a map or list that came or went, beside what happened to its contents.
    fn of_container(old: Option<&Value>, new: Option<&Value>) -> Self {
        match (old, new) {
            (None, _) => Self::Changed,
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
        if itself == Change::Removed || !below.removed.is_empty() {
            self.removed.push(element.clone(), itself == Change::Removed, below.removed);
        }
        self.changed.push(element, itself == Change::Changed, below.changed);
    }

    fn union(self, other: Self) -> Self {
        Self {
            changed: self.changed.union(&other.changed),
            removed: self.removed.union(&other.removed),
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
        if let Some((element, schema)) = map.element(name) {
            result.add(element, between(schema, old, new));
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
    let mut old = by_element(list, old).into_iter().peekable();
    let mut new = by_element(list, new).into_iter().peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some(old), Some(new)) => old.element.cmp(&new.element),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return result,
        };
        let of_old = if order.is_le() { old.next() } else { None };
        let of_new = if order.is_ge() { new.next() } else { None };
        elements(&mut result, list, of_old, of_new);
    }
}

/// Compares the elements with one key. Several of them count as one atomic value, which
/// comes or goes beside the single one that takes or had its place.
fn elements(result: &mut Comparison, list: List<'_>, old: Option<Same<'_>>, new: Option<Same<'_>>) {
    let (single_old, single_new) = (Same::single(&old), Same::single(&new));
    let several = match (&old, &new) {
        (Some(old), Some(new)) if old.are_several() && new.are_several() => match old.equal(new) {
            true => return,
            false => Change::Changed,
        },
        (_, Some(new)) if new.are_several() => Change::Changed,
        (Some(old), _) if old.are_several() => Change::Removed,
        _ => Change::None,
    };
    let Some(Same { element, .. }) = new.or(old) else { return };
    if several != Change::None {
        result.add(element.clone(), Outcome { itself: several, below: Comparison::default() });
    }
    if single_old.is_some() || single_new.is_some() {
        result.add(element, between(list.items, single_old, single_new));
    }
}

/// The elements of a list that have one key.
struct Same<'v> {
    element: PathElement,
    first: &'v Value,
    others: Vec<&'v Value>,
}

impl<'v> Same<'v> {
    fn are_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// The value that stands alone.
    fn single(same: &Option<Self>) -> Option<&'v Value> {
        same.as_ref().filter(|same| !same.are_several()).map(|same| same.first)
    }

    fn equal(&self, other: &Self) -> bool {
        let others = || self.others.iter().zip(&other.others).all(|(a, b)| equal(a, b));
        self.others.len() == other.others.len() && equal(self.first, other.first) && others()
    }
}

/// The elements of a list sorted by their key, those that have none left out.
fn by_element<'v>(list: List<'_>, items: &'v [Value]) -> Vec<Same<'v>> {
    let same = |first| Some(Same { element: list.element(first).ok()?, first, others: Vec::new() });
    let mut elements: Vec<Same<'_>> = items.iter().filter_map(same).collect();
    elements.sort_by(|a, b| a.element.cmp(&b.element));
    elements.dedup_by(|next, first| {
        let same = next.element == first.element;
        if same {
            first.others.push(next.first);
        }
        same
    });
    elements
}

type Fields = Map<String, Value>;

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
