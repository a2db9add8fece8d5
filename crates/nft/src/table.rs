//! Tables and chains: the shape of a ruleset.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::digest::{Digest, Digested};
use crate::rule::Rule;
use crate::set::{Kind, Name, Set, SetSpec};

/// The IP family of a table. (`inet` is absent on purpose: see the crate's page.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    Ip,
    Ip6,
}

/// Which table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    pub family: Family,
    pub name: Name,
}

/// Where in a packet's way a base chain hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChainKind {
    Filter,
    Nat,
}

/// What happens to a packet that no rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    Accept,
    Drop,
}

/// What makes a chain a base chain. The kernel cannot change these in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BaseChain {
    pub kind: ChainKind,
    pub hook: Hook,
    /// Lower runs first: -100 is destination NAT, 0 filter, 100 source NAT.
    pub priority: i32,
    pub policy: Policy,
}

/// A chain; `R` is [`Rule`] where it is wanted and [`Digest`] where it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain<R = Rule> {
    /// `None`: a regular chain, entered only by jump or goto.
    pub base: Option<BaseChain>,
    pub rules: Vec<R>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<R = Rule> {
    pub chains: BTreeMap<Name, Chain<R>>,
    pub sets: BTreeMap<Name, Set>,
}

/// Several tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables<R>(pub BTreeMap<TableId, Table<R>>);

/// What should be in the kernel.
pub type Ruleset = Tables<Rule>;

/// What is in the kernel: rules are known by the digest in their comment.
pub type Inventory = Tables<Digest>;

// === impl Family ===

impl Family {
    pub fn of(addr: &IpAddr) -> Self {
        match addr {
            IpAddr::V4(_) => Self::Ip,
            IpAddr::V6(_) => Self::Ip6,
        }
    }

    /// The kind of this family's addresses.
    pub fn addr_kind(self) -> Kind {
        match self {
            Self::Ip => Kind::Ipv4Addr,
            Self::Ip6 => Kind::Ipv6Addr,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
        })
    }
}

// === impl TableId ===

impl TableId {
    pub fn new(family: Family, name: &str) -> Self {
        Self { family, name: name.into() }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.name)
    }
}

// === impl Hook, ChainKind, Policy ===

impl Hook {
    pub(crate) const ALL: [Self; 5] =
        [Self::Prerouting, Self::Input, Self::Forward, Self::Output, Self::Postrouting];
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        })
    }
}

impl ChainKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
        }
    }
}

impl Policy {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
        }
    }
}

// === impl Chain, Table, Tables ===

impl<R> Chain<R> {
    pub fn base(kind: ChainKind, hook: Hook, priority: i32) -> Self {
        let policy = Policy::Accept;
        Self { base: Some(BaseChain { kind, hook, priority, policy }), rules: Vec::new() }
    }
}

impl<R> Default for Chain<R> {
    fn default() -> Self {
        Self { base: None, rules: Vec::new() }
    }
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self { chains: BTreeMap::new(), sets: BTreeMap::new() }
    }
}

impl<R> Default for Tables<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<R, const N: usize> From<[(TableId, Table<R>); N]> for Tables<R> {
    fn from(tables: [(TableId, Table<R>); N]) -> Self {
        Self(tables.into())
    }
}

impl<R> Table<R> {
    /// The chain of that name, made if it is not there.
    pub fn chain(&mut self, name: &Name) -> &mut Chain<R> {
        self.chains.entry(name.clone()).or_default()
    }

    /// The set of that name, made with `spec` if it is not there.
    pub fn set(&mut self, name: &Name, spec: impl FnOnce() -> SetSpec) -> &mut Set {
        self.sets.entry(name.clone()).or_insert_with(|| Set::new(spec()))
    }
}

impl<R: Digested> Tables<R> {
    /// The same tables with their rules reduced to digests.
    pub fn inventory(&self) -> Inventory {
        let table = |table: &Table<R>| Table {
            chains: table.chains.iter().map(|(name, chain)| (name.clone(), chain.listed())).collect(),
            sets: table.sets.clone(),
        };
        Tables(self.0.iter().map(|(id, each)| (id.clone(), table(each))).collect())
    }
}

impl<R: Digested> Chain<R> {
    fn listed(&self) -> Chain<Digest> {
        Chain { base: self.base, rules: self.rules.iter().map(Digested::digest).collect() }
    }
}
