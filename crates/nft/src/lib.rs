//! nf_tables and conntrack over netlink, without the `nft` program.
//!
//! A [`Ruleset`] says what should be in the kernel: tables of chains, sets and
//! rules, as plain values. [`diff`] turns two of them (or one and the
//! [`Inventory`] that the kernel reports) into a [`Transaction`], and an
//! [`Applier`] commits that in one atomic step. [`render`] prints a ruleset in
//! nft's own language, for people and for tests.
//!
//! What is deliberately absent: the `inet`, `arp`, `bridge` and `netdev`
//! families (a table per IP family keeps every match free of protocol guards),
//! stateful objects, flowtables.
//!
//! Everything except [`Netfilter`] and [`conntrack::Conntrack`] is pure. Those
//! two open a netlink socket, which belongs to the network namespace of the
//! thread that opened it.

mod abi;
mod applier;
pub mod conntrack;
mod decode;
mod diff;
mod digest;
mod encode;
mod expr;
mod lower;
mod netlink;
mod render;
mod rule;
mod set;
mod socket;
mod table;
mod transaction;
mod wire;

pub use applier::{Applied, Applier, ApplyError, Kernel};
pub use diff::diff;
pub use digest::{Digest, Digested, fnv64};
pub use netlink::NetlinkError;
pub use render::{render, render_rule};
pub use rule::{Bits, Field, NatTarget, RejectWith, Rule, SetRef, Statement, Test};
pub use set::{Data, DataKind, Datum, Entry, Key, Kind, Name, Set, SetSpec, Verdict, key};
pub use socket::{CommitError, Netfilter};
pub use table::{
    BaseChain, Chain, ChainKind, Family, Hook, Inventory, Policy, Ruleset, Table, TableId, Tables,
};
pub use transaction::{Op, Transaction};
