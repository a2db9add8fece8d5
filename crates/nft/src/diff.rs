//! From what is there and what should be there to the changes between.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digested;
use crate::rule::Rule;
use crate::set::{Entry, Key, Name, Set};
use crate::table::{Chain, Ruleset, Table, TableId, Tables};
use crate::transaction::{Op, Transaction};

/// The changes that make `want` of `have`.
///
/// Chains are rewritten whole when one rule differs; of sets only the elements
/// that differ are touched, and none of a dynamic set. A table that is only in
/// `have` is deleted. The order is the one that the kernel needs: users before
/// what they use when removing, the other way round when adding.
pub fn diff<R: Digested>(have: &Tables<R>, want: &Ruleset) -> Transaction {
    let nothing = Table::default();
    let mut transaction = Transaction::default();
    for id in have.0.keys().filter(|id| !want.0.contains_key(*id)) {
        transaction.ops.push(Op::DeleteTable(id.clone()));
    }
    for (id, wanted) in &want.0 {
        let present = have.0.get(id);
        if present.is_none() {
            transaction.ops.push(Op::AddTable(id.clone()));
        }
        TableDiff { id, have: present.unwrap_or(&nothing), want: wanted }.write(&mut transaction);
    }
    transaction
}

struct TableDiff<'a, R> {
    id: &'a TableId,
    have: &'a Table<R>,
    want: &'a Table<Rule>,
}

impl<R: Digested> TableDiff<'_, R> {
    fn write(&self, out: &mut Transaction) {
        let replaced = self.replaced_sets();
        let rewritten = self.rewritten_chains(&replaced);
        self.flush(&rewritten, out);
        self.remove_from_sets(&replaced, out);
        self.remove_base_chains(out);
        self.add_sets_and_chains(&replaced, out);
        self.add_elements(&replaced, out);
        self.add_rules(&rewritten, out);
    }

    /// Sets whose spec differs: they are deleted and made anew.
    fn replaced_sets(&self) -> BTreeSet<&Name> {
        let differs = |(name, set): &(&Name, &Set)| {
            self.have.sets.get(*name).is_some_and(|present| present.spec != set.spec)
        };
        self.want.sets.iter().filter(differs).map(|(name, _)| name).collect()
    }

    fn rewritten_chains(&self, replaced: &BTreeSet<&Name>) -> BTreeSet<&Name> {
        let rewritten = |(name, chain): &(&Name, &Chain)| match self.have.chains.get(*name) {
            None => true,
            Some(present) => {
                present.base != chain.base
                    || !same_rules(&present.rules, &chain.rules)
                    || replaced.iter().any(|set| chain.rules.iter().any(|rule| rule.mentions(set)))
            }
        };
        self.want.chains.iter().filter(rewritten).map(|(name, _)| name).collect()
    }

    fn flush(&self, rewritten: &BTreeSet<&Name>, out: &mut Transaction) {
        for (name, chain) in &self.have.chains {
            let gone = !self.want.chains.contains_key(name);
            if (gone || rewritten.contains(name)) && !chain.rules.is_empty() {
                out.ops.push(Op::FlushChain { table: self.id.clone(), chain: name.clone() });
            }
            if gone {
                out.retired.push((self.id.clone(), name.clone()));
            }
        }
    }

    fn remove_from_sets(&self, replaced: &BTreeSet<&Name>, out: &mut Transaction) {
        for (name, present) in &self.have.sets {
            match self.want.sets.get(name) {
                Some(wanted) if !replaced.contains(name) => {
                    let elements = only_in(&present.elements, &wanted.elements);
                    self.push_elements(name, present, elements, false, out);
                }
                _ => {
                    // Its verdicts hold chains: they are let go with the elements.
                    out.ops.push(Op::DeleteSet { table: self.id.clone(), set: name.clone() });
                }
            }
        }
    }

    /// A base chain cannot be changed, only replaced; rules are put back later.
    fn remove_base_chains(&self, out: &mut Transaction) {
        for (name, chain) in &self.want.chains {
            if self.have.chains.get(name).is_some_and(|present| present.base != chain.base) {
                out.ops.push(Op::DeleteChain { table: self.id.clone(), chain: name.clone() });
            }
        }
    }

    fn add_sets_and_chains(&self, replaced: &BTreeSet<&Name>, out: &mut Transaction) {
        for (name, set) in &self.want.sets {
            if replaced.contains(name) || !self.have.sets.contains_key(name) {
                let (table, set_name) = (self.id.clone(), name.clone());
                out.ops.push(Op::AddSet { table, set: set_name, spec: set.spec.clone() });
            }
        }
        for (name, chain) in &self.want.chains {
            if self.have.chains.get(name).is_none_or(|present| present.base != chain.base) {
                let (table, chain_name) = (self.id.clone(), name.clone());
                out.ops.push(Op::AddChain { table, chain: chain_name, base: chain.base });
            }
        }
    }

    fn add_elements(&self, replaced: &BTreeSet<&Name>, out: &mut Transaction) {
        let nothing = BTreeMap::new();
        for (name, wanted) in &self.want.sets {
            let present = match self.have.sets.get(name) {
                Some(present) if !replaced.contains(name) => &present.elements,
                _ => &nothing,
            };
            self.push_elements(name, wanted, only_in(&wanted.elements, present), true, out);
        }
    }

    fn add_rules(&self, rewritten: &BTreeSet<&Name>, out: &mut Transaction) {
        for (name, chain) in self.want.chains.iter().filter(|(name, _)| rewritten.contains(name)) {
            for rule in &chain.rules {
                let (table, chain) = (self.id.clone(), name.clone());
                out.ops.push(Op::AddRule { table, chain, rule: rule.clone() });
            }
        }
    }

    fn push_elements(
        &self,
        name: &Name,
        set: &Set,
        elements: Vec<(Key, Entry)>,
        add: bool,
        out: &mut Transaction,
    ) {
        if elements.is_empty() || set.spec.dynamic {
            return;
        }
        let (table, set, spec) = (self.id.clone(), name.clone(), set.spec.clone());
        out.ops.push(match add {
            true => Op::AddElements { table, set, spec, elements },
            false => Op::DeleteElements { table, set, spec, elements },
        });
    }
}

fn same_rules<R: Digested>(have: &[R], want: &[Rule]) -> bool {
    have.iter().map(R::digest).eq(want.iter().map(Digested::digest))
}

/// Elements of `these` that are not in `those`, or not with the same entry.
fn only_in(these: &BTreeMap<Key, Entry>, those: &BTreeMap<Key, Entry>) -> Vec<(Key, Entry)> {
    let differs = |(key, entry): &(&Key, &Entry)| those.get(*key) != Some(*entry);
    let owned = |(key, entry): (&Key, &Entry)| (key.clone(), entry.clone());
    these.iter().filter(differs).map(owned).collect()
}

#[cfg(test)]
#[path = "diff_test.rs"]
mod tests;
