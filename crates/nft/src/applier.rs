//! Keeps the kernel's tables as they should be.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diff::diff;
use crate::netlink::NetlinkError;
use crate::set::Name;
use crate::socket::{CommitError, Netfilter};
use crate::table::{Family, Inventory, Ruleset, TableId};
use crate::transaction::{Op, Transaction};

/// Retired chains that are still in use are skipped one by one, at most so many per sweep.
const BUSY_CHAINS_PER_SWEEP: usize = 16;

/// nf_tables as the applier needs it; a fake stands in for it in tests.
pub trait Kernel: Send {
    /// Makes all the changes at once, or none of them.
    fn commit(&mut self, ops: &[Op]) -> Result<(), CommitError>;
    /// The tables of that name, in both families.
    fn list(&mut self, name: &str) -> Result<Inventory, NetlinkError>;
    /// A number that every commit of anyone raises.
    fn generation(&mut self) -> Result<u32, NetlinkError>;
}

impl Kernel for Netfilter {
    fn commit(&mut self, ops: &[Op]) -> Result<(), CommitError> {
        Netfilter::commit(self, ops)
    }

    fn list(&mut self, name: &str) -> Result<Inventory, NetlinkError> {
        Netfilter::list(self, name)
    }

    fn generation(&mut self) -> Result<u32, NetlinkError> {
        Netfilter::generation(self)
    }
}

/// The tables could not be brought into the wanted state. They are as they
/// were before the call; the next call lists them afresh.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("cannot list the tables named {table}: {error}")]
    List { table: Name, error: NetlinkError },
    #[error("cannot rewrite the tables named {table}: {error}")]
    Rewrite { table: Name, error: CommitError },
}

/// What an apply did.
#[derive(Debug, Default)]
pub struct Applied {
    /// How many changes were committed.
    pub changes: usize,
    /// The transaction was refused and something heavier worked; the refusal says why.
    pub recovered_from: Option<CommitError>,
}

/// What is known of the kernel's tables.
enum Known {
    Nothing,
    Listed(Inventory),
    Applied(Arc<Ruleset>),
}

/// Owns all tables of one name and keeps them as wanted.
///
/// Guarantees: every change is one transaction, so that a packet meets either
/// the old rules or the new. The first apply after a start compares with what
/// the kernel lists and changes only what differs, so connections and session
/// affinity outlive a restart. Tables of other names are never touched.
pub struct Applier {
    kernel: Box<dyn Kernel>,
    name: Name,
    known: Known,
    retired: BTreeSet<(TableId, Name)>,
    /// The generation after our last commit.
    generation: Option<u32>,
}

impl Applier {
    /// `name` is the name of the tables, in either family.
    pub fn new(kernel: Box<dyn Kernel>, name: &str) -> Self {
        let (known, retired) = (Known::Nothing, BTreeSet::new());
        Self { kernel, name: name.into(), known, retired, generation: None }
    }

    /// Brings the tables into the wanted state: by a small transaction; if that
    /// is refused, by one computed from a fresh listing; if that is refused too,
    /// by writing the whole tables anew, in one transaction as well.
    pub fn apply(&mut self, want: &Arc<Ruleset>) -> Result<Applied, ApplyError> {
        if matches!(self.known, Known::Nothing) {
            self.known = Known::Listed(self.list()?);
        }
        let mut applied = Applied::default();
        let first = self.commit_difference(want);
        if let Err(refused) = first.map(|changes| applied.changes = changes) {
            applied.recovered_from = Some(refused);
            applied.changes = self.recover(want)?;
        }
        self.known = Known::Applied(want.clone());
        if applied.changes > 0 || self.generation.is_none() {
            self.sweep();
            self.generation = self.kernel.generation().ok();
        }
        Ok(applied)
    }

    /// Like `apply`, but first looks whether anyone else has changed nf_tables
    /// since our last commit (`nft flush ruleset`, a firewall's restart), and if
    /// so compares with a fresh listing. Cheap when nothing happened.
    pub fn repair(&mut self, want: &Arc<Ruleset>) -> Result<Applied, ApplyError> {
        let generation = self.kernel.generation().ok();
        if generation.is_none() || generation != self.generation {
            self.known = Known::Listed(self.list()?);
            self.generation = None;
        }
        self.apply(want)
    }

    /// Deletes chains that earlier transactions emptied. Returns how many are
    /// left because the kernel still counts users (see [`Transaction::retired`]).
    pub fn sweep(&mut self) -> usize {
        let mut chains: Vec<_> = self.retired.iter().cloned().collect();
        let delete =
            |(table, chain): &(TableId, Name)| Op::DeleteChain { table: table.clone(), chain: chain.clone() };
        for _ in 0..BUSY_CHAINS_PER_SWEEP {
            let ops: Vec<Op> = chains.iter().map(delete).collect();
            match self.kernel.commit(&ops) {
                Ok(()) => {
                    self.retired.retain(|chain| !chains.contains(chain));
                    break;
                }
                Err(CommitError::Refused { index, error, .. }) if index < chains.len() => {
                    let chain = chains.remove(index);
                    if error.kind() == std::io::ErrorKind::NotFound {
                        self.retired.remove(&chain);
                    }
                }
                Err(_) => break,
            }
        }
        self.retired.len()
    }

    /// Deletes all tables of our name, whoever made them.
    pub fn teardown(&mut self) -> Result<(), CommitError> {
        // Adding first makes the deletion succeed where there is none.
        let ops: Vec<Op> = [Family::Ip, Family::Ip6]
            .into_iter()
            .map(|family| TableId { family, name: self.name.clone() })
            .flat_map(|id| [Op::AddTable(id.clone()), Op::DeleteTable(id)])
            .collect();
        self.kernel.commit(&ops)?;
        self.known = Known::Nothing;
        self.retired.clear();
        Ok(())
    }

    /// Commits what differs between the known and the wanted. Returns how many changes.
    fn commit_difference(&mut self, want: &Ruleset) -> Result<usize, CommitError> {
        let transaction = match &self.known {
            Known::Nothing => diff(&Inventory::default(), want),
            Known::Listed(have) => diff(have, want),
            Known::Applied(have) => diff(have, want),
        };
        self.kernel.commit(&transaction.ops)?;
        self.note_retired(&transaction, want);
        Ok(transaction.ops.len())
    }

    fn recover(&mut self, want: &Ruleset) -> Result<usize, ApplyError> {
        self.known = Known::Nothing;
        self.known = Known::Listed(self.list()?);
        if let Ok(changes) = self.commit_difference(want) {
            return Ok(changes);
        }
        let ops = rewrite(&self.name, want);
        self.known = Known::Nothing;
        let failed = |error| ApplyError::Rewrite { table: self.name.clone(), error };
        self.kernel.commit(&ops).map_err(failed)?;
        self.retired.clear();
        Ok(ops.len())
    }

    fn note_retired(&mut self, transaction: &Transaction, want: &Ruleset) {
        let wanted = |(table, chain): &(TableId, Name)| {
            want.0.get(table).is_some_and(|table| table.chains.contains_key(chain))
        };
        self.retired.extend(transaction.retired.iter().cloned());
        self.retired.retain(|chain| want.0.contains_key(&chain.0) && !wanted(chain));
    }

    fn list(&mut self) -> Result<Inventory, ApplyError> {
        let failed = |error| ApplyError::List { table: self.name.clone(), error };
        self.kernel.list(&self.name).map_err(failed)
    }
}

/// Deletes the tables of that name and writes them anew, in one transaction.
fn rewrite(name: &Name, want: &Ruleset) -> Vec<Op> {
    let all = [Family::Ip, Family::Ip6].map(|family| TableId { family, name: name.clone() });
    let mut ops: Vec<Op> =
        all.into_iter().flat_map(|id| [Op::AddTable(id.clone()), Op::DeleteTable(id)]).collect();
    ops.extend(diff(&Inventory::default(), want).ops);
    ops
}

#[cfg(test)]
#[path = "applier_test.rs"]
mod tests;
