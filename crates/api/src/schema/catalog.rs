//! The built-in kinds' definitions, by name and by group, version and kind.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::{Schema, load};
use crate::gvk::{GroupVersionKind, Name};

/// A named schema: `io.k8s.api.core.v1.Pod`.
#[derive(Debug)]
pub struct Definition {
    pub name: Name,
    pub schema: Schema,
    pub gvk: Option<GroupVersionKind>,
}

impl Definition {
    /// The name without its package: `Pod`.
    pub fn short_name(&self) -> &str {
        self.name.rsplit_once('.').map_or(&*self.name, |(_, short)| short)
    }
}

/// A definition of the built-in catalog. Schemas of custom resources refer to it too
/// (ObjectMeta), so a reference needs no catalog beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DefinitionId(pub(super) u16);

impl DefinitionId {
    pub fn definition(self) -> &'static Definition {
        &Catalog::builtin().definitions[usize::from(self.0)]
    }
}

/// All definitions of the stable API, `*List` kinds, Status and DeleteOptions among them.
#[derive(Debug)]
pub struct Catalog {
    pub(super) definitions: Vec<Definition>,
    pub(super) by_name: HashMap<Name, DefinitionId>,
    by_gvk: HashMap<GroupVersionKind, DefinitionId>,
}

impl Catalog {
    /// The catalog compiled into the program, read on first use (about a millisecond).
    pub fn builtin() -> &'static Catalog {
        static CATALOG: OnceLock<Catalog> = OnceLock::new();
        CATALOG.get_or_init(load::builtin)
    }

    pub(super) fn new(definitions: Vec<Definition>, by_name: HashMap<Name, DefinitionId>) -> Self {
        let by_gvk = definitions
            .iter()
            .zip(0..)
            .filter_map(|(definition, at)| Some((definition.gvk.clone()?, DefinitionId(at))))
            .collect();
        Self { definitions, by_name, by_gvk }
    }

    /// All definitions, sorted by package and name.
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// Looks up `io.k8s.api.core.v1.Pod`.
    pub fn by_name(&self, name: &str) -> Option<&Definition> {
        self.definitions.get(usize::from(self.by_name.get(name)?.0))
    }

    pub fn id(&self, name: &str) -> Option<DefinitionId> {
        self.by_name.get(name).copied()
    }

    /// Looks up a kind. DeleteOptions and WatchEvent are part of every group and version.
    pub fn by_gvk(&self, gvk: &GroupVersionKind) -> Option<&Definition> {
        let id = self
            .by_gvk
            .get(gvk)
            .or_else(|| self.by_gvk.get(&GroupVersionKind::new("*", "*", gvk.kind.clone())))?;
        self.definitions.get(usize::from(id.0))
    }

    /// The schema of a kind.
    pub fn schema(&self, gvk: &GroupVersionKind) -> Option<&Schema> {
        self.by_gvk(gvk).map(|definition| &definition.schema)
    }
}
