//! Changes, in the order in which the kernel is to make them.

use std::fmt;

use crate::rule::Rule;
use crate::set::{Entry, Key, Name, SetSpec};
use crate::table::{BaseChain, TableId};

/// One change. A transaction's changes happen all at once or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Nothing happens if the table is there.
    AddTable(TableId),
    /// With all that is in it.
    DeleteTable(TableId),
    /// Nothing happens if the chain is there with the same base.
    AddChain {
        table: TableId,
        chain: Name,
        base: Option<BaseChain>,
    },
    /// Removes the chain's rules.
    FlushChain {
        table: TableId,
        chain: Name,
    },
    /// Fails while something leads to the chain.
    DeleteChain {
        table: TableId,
        chain: Name,
    },
    AddSet {
        table: TableId,
        set: Name,
        spec: SetSpec,
    },
    /// Fails while a rule looks into the set.
    DeleteSet {
        table: TableId,
        set: Name,
    },
    AddElements {
        table: TableId,
        set: Name,
        spec: SetSpec,
        elements: Vec<(Key, Entry)>,
    },
    DeleteElements {
        table: TableId,
        set: Name,
        spec: SetSpec,
        elements: Vec<(Key, Entry)>,
    },
    /// At the end of the chain.
    AddRule {
        table: TableId,
        chain: Name,
        rule: Rule,
    },
}

/// Changes that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    pub ops: Vec<Op>,
    /// Chains that `ops` leave empty and unused. They are deleted by a later
    /// transaction: before Linux 6.2 the kernel still counts a deleted map
    /// element as a user of its chain until some time after the commit, and the
    /// deletion would make the whole transaction fail.
    pub retired: Vec<(TableId, Name)>,
}

impl Transaction {
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.retired.is_empty()
    }
}

/// The change in the words of an error message, and of tests.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddTable(table) => write!(f, "add table {table}"),
            Self::DeleteTable(table) => write!(f, "delete table {table}"),
            Self::AddChain { table, chain, .. } => write!(f, "add chain {table} {chain}"),
            Self::FlushChain { table, chain } => write!(f, "flush chain {table} {chain}"),
            Self::DeleteChain { table, chain } => write!(f, "delete chain {table} {chain}"),
            Self::AddSet { table, set, .. } => write!(f, "add set {table} {set}"),
            Self::DeleteSet { table, set } => write!(f, "delete set {table} {set}"),
            Self::AddElements { table, set, elements, .. } => {
                write!(f, "add {} elements to {table} {set}", elements.len())
            }
            Self::DeleteElements { table, set, elements, .. } => {
                write!(f, "delete {} elements of {table} {set}", elements.len())
            }
            Self::AddRule { table, chain, .. } => write!(f, "add rule to {table} {chain}"),
        }
    }
}
