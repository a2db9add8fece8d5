//! A set of paths, as a tree sorted at each level, and its algebra.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::path::{PathElement, PathError};

/// A set of paths into an object. A path may be in the set without its parent, and a parent
/// without its children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Sorted by element; none is empty.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    element: PathElement,
    /// The path that ends here is in the set.
    member: bool,
    below: FieldSet,
}

impl Node {
    fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }
}

impl FieldSet {
    pub const fn new() -> Self {
        Self { nodes: Vec::new() }
    }

    /// The set of these paths, each a list of field names.
    pub fn of_fields(paths: &[&[&str]]) -> Self {
        let mut set = Self::new();
        for path in paths {
            let path: Vec<PathElement> = path.iter().map(|name| PathElement::field(name)).collect();
            set.insert(&path);
        }
        set
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds a path, not its parents. The empty path is never a member.
    pub fn insert(&mut self, path: &[PathElement]) {
        let Some((first, rest)) = path.split_first() else { return };
        let node = self.node_mut(first);
        match rest.is_empty() {
            true => node.member = true,
            false => node.below.insert(rest),
        }
    }

    fn node_mut(&mut self, element: &PathElement) -> &mut Node {
        let at = match self.nodes.binary_search_by(|node| node.element.cmp(element)) {
            Ok(at) => at,
            Err(at) => {
                let node = Node { element: element.clone(), member: false, below: Self::new() };
                self.nodes.insert(at, node);
                at
            }
        };
        &mut self.nodes[at]
    }

    fn node(&self, element: &PathElement) -> Option<&Node> {
        let at = self.nodes.binary_search_by(|node| node.element.cmp(element)).ok()?;
        self.nodes.get(at)
    }

    pub fn contains(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.node(last).is_some_and(|node| node.member),
            [first, rest @ ..] => self.node(first).is_some_and(|node| node.below.contains(rest)),
        }
    }

    /// Whether the path of this one element is in the set.
    pub(super) fn has(&self, element: &PathElement) -> bool {
        self.node(element).is_some_and(|node| node.member)
    }

    /// The paths below `element`, without it. `None` if there are none.
    pub(super) fn below(&self, element: &PathElement) -> Option<&FieldSet> {
        self.node(element).map(|node| &node.below).filter(|below| !below.is_empty())
    }

    /// Each first element, whether it is a member itself, and the set below it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&PathElement, bool, &FieldSet)> {
        self.nodes.iter().map(|node| (&node.element, node.member, &node.below))
    }

    /// Adds a first element with what is below it. In order only: elsewhere others have to make room; see
    /// [`FromIterator`].
    pub(super) fn push(&mut self, element: PathElement, member: bool, below: FieldSet) {
        if !member && below.is_empty() {
            return;
        }
        if self.nodes.last().is_none_or(|last| last.element < element) {
            self.nodes.push(Node { element, member, below });
            return;
        }
        let node = self.node_mut(&element);
        node.member |= member;
        node.below = node.below.union(&below);
    }

    // === algebra ===

    pub fn union(&self, other: &Self) -> Self {
        self.join(other, |a, b| {
            let (Some(a), Some(b)) = (a, b) else { return a.or(b).cloned() };
            Some(a.with(a.member || b.member, a.below.union(&b.below)))
        })
    }

    pub fn intersection(&self, other: &Self) -> Self {
        self.join(other, |a, b| {
            let (a, b) = (a?, b?);
            Some(a.with(a.member && b.member, a.below.intersection(&b.below)))
        })
    }

    /// What is here and not in `other`; a child stays when only its parent is in `other`.
    pub fn difference(&self, other: &Self) -> Self {
        let mut result = self.clone();
        result.subtract(other);
        result
    }

    /// Takes out what is in `other`, as [`Self::difference`] does.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.take_out(other, |node, taken| {
            node.member &= !taken.member;
            node.below.subtract(&taken.below);
        });
    }

    /// What is here and neither it nor a parent of it is in `other`.
    pub fn recursive_difference(&self, other: &Self) -> Self {
        let mut result = self.clone();
        result.subtract_trees(other);
        result
    }

    /// Takes out what is in `other` with all that is below it.
    pub(super) fn subtract_trees(&mut self, other: &Self) {
        self.take_out(other, |node, taken| match taken.member {
            true => (node.member, node.below) = (false, Self::new()),
            false => node.below.subtract_trees(&taken.below),
        });
    }

    /// Has `take` change the nodes that `other` has too.
    fn take_out(&mut self, other: &Self, take: impl Fn(&mut Node, &Node)) {
        let mut has_empty = false;
        let mut take = |node: &mut Node, taken: &Node| {
            take(node, taken);
            has_empty |= node.is_empty();
        };
        // The shorter side is looked up in the other.
        if self.nodes.len() < other.nodes.len() {
            for node in &mut self.nodes {
                other.node(&node.element).into_iter().for_each(|taken| take(node, taken));
            }
        } else {
            for taken in &other.nodes {
                let found = self.nodes.binary_search_by(|node| node.element.cmp(&taken.element));
                let node = found.ok().and_then(|at| self.nodes.get_mut(at));
                node.into_iter().for_each(|node| take(node, taken));
            }
        }
        if has_empty {
            self.nodes.retain(|node| !node.is_empty());
        }
    }

    /// Walks both sorted lists together; `combine` gets the nodes of one element.
    fn join(&self, other: &Self, combine: impl Fn(Option<&Node>, Option<&Node>) -> Option<Node>) -> Self {
        let (mut left, mut right) = (self.nodes.iter().peekable(), other.nodes.iter().peekable());
        let mut nodes = Vec::new();
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) => a.element.cmp(&b.element),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            let a = if order.is_le() { left.next() } else { None };
            let b = if order.is_ge() { right.next() } else { None };
            nodes.extend(combine(a, b).filter(|node| !node.is_empty()));
        }
        Self { nodes }
    }

    /// Every path in the set: at each level the members first, then what is below them.
    pub fn paths(&self) -> Vec<Vec<PathElement>> {
        let mut paths = Vec::new();
        self.collect_paths(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &mut Vec<PathElement>, paths: &mut Vec<Vec<PathElement>>) {
        for node in self.nodes.iter().filter(|node| node.member) {
            paths.push(prefix.iter().chain([&node.element]).cloned().collect());
        }
        for node in &self.nodes {
            prefix.push(node.element.clone());
            node.below.collect_paths(prefix, paths);
            prefix.pop();
        }
    }

    // === FieldsV1 ===

    /// Whether a path of this set is also one of `fields`, which is a `fieldsV1`.
    pub(super) fn meets_fields_v1(&self, fields: &Value) -> bool {
        let Some(fields) = fields.as_object() else { return false };
        let meets = |node: &Node, below: &Value| {
            (node.member && ends_here(below)) || node.below.meets_fields_v1(below)
        };
        // The shorter side is looked up in the other.
        if fields.len() < self.nodes.len() {
            return fields.iter().any(|(key, below)| {
                let element = PathElement::parse(key).ok().flatten();
                element.and_then(|element| self.node(&element)).is_some_and(|node| meets(node, below))
            });
        }
        self.nodes
            .iter()
            .any(|node| fields.get(&node.element.to_key()).is_some_and(|below| meets(node, below)))
    }

    /// Whether all paths of this set are in `fields`, which is a `fieldsV1`.
    pub(super) fn is_within_fields_v1(&self, fields: &Value) -> bool {
        self.nodes.iter().all(|node| {
            let below = fields.get(node.element.to_key());
            below.is_some_and(|below| {
                (!node.member || ends_here(below)) && node.below.is_within_fields_v1(below)
            })
        })
    }

    /// The tree as `fieldsV1` has it: `{"f:spec":{".":{},"f:replicas":{}}}`.
    pub fn to_fields_v1(&self) -> Value {
        self.to_fields_v1_of(false)
    }

    /// The same of a set below a node, which may be a member itself.
    fn to_fields_v1_of(&self, member: bool) -> Value {
        let itself = (member && !self.is_empty()).then(|| (".".to_owned(), Value::Object(Map::new())));
        let below =
            self.nodes.iter().map(|node| (node.element.to_key(), node.below.to_fields_v1_of(node.member)));
        Value::Object(itself.into_iter().chain(below).collect())
    }

    /// Reads `fieldsV1`. Elements of an unknown kind are dropped, with what is below them.
    pub fn from_fields_v1(fields: &Value) -> Result<Self, PathError> {
        let fields = fields.as_object().into_iter().flatten().filter(|(key, _)| *key != ".");
        let read = fields.map(|(key, below)| {
            let Some(element) = PathElement::parse(key)? else { return Ok(None) };
            let member = below.get(".").is_some();
            let below = Self::from_fields_v1(below)?;
            Ok(Some((element, member || below.is_empty(), below)))
        });
        read.filter_map(Result::transpose).collect()
    }
}

/// Whether a path that leads to this part of a `fieldsV1` is in it.
fn ends_here(below: &Value) -> bool {
    below.as_object().is_none_or(Map::is_empty) || below.get(".").is_some()
}

/// First elements with what is below them, in any order. Those that come twice are put together.
impl FromIterator<(PathElement, bool, FieldSet)> for FieldSet {
    fn from_iter<I: IntoIterator<Item = (PathElement, bool, FieldSet)>>(elements: I) -> Self {
        let node = |(element, member, below)| Node { element, member, below };
        let mut nodes: Vec<Node> = elements.into_iter().map(node).filter(|node| !node.is_empty()).collect();
        if !nodes.is_sorted_by(|a, b| a.element < b.element) {
            nodes.sort_by(|a, b| a.element.cmp(&b.element));
            nodes.dedup_by(|next, first| {
                let same = next.element == first.element;
                if same {
                    first.member |= next.member;
                    first.below = first.below.union(&next.below);
                }
                same
            });
        }
        Self { nodes }
    }
}

impl Node {
    fn with(&self, member: bool, below: FieldSet) -> Node {
        Node { element: self.element.clone(), member, below }
    }
}
