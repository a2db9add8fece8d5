//! The kernel's nf_tables: commits transactions, lists what is there.

use std::io;

use crate::abi::*;
use crate::decode;
use crate::encode::{encode, encode_dump};
use crate::netlink::{NetlinkError, NetlinkSocket};
use crate::set::{Datum, Entry, Key, Set, SetSpec};
use crate::table::{Family, Inventory, Table, TableId};
use crate::transaction::Op;
use crate::wire::{Attributes, Head, Message, Writer};

/// A listing that others keep disturbing is given up after so many attempts.
const LIST_ATTEMPTS: usize = 5;

/// Why a transaction was not committed. Nothing of it took effect.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error("cannot {op}: {error}{}", .message.as_ref().map(|m| format!(" ({m})")).unwrap_or_default())]
    Refused {
        /// The index of the change that the kernel refused.
        index: usize,
        /// That change in words.
        op: String,
        error: io::Error,
        message: Option<String>,
    },
    /// The kernel refused without naming a change.
    #[error("cannot commit {count} changes to nf_tables: {error}")]
    Whole { count: usize, error: io::Error },
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
}

/// A socket to nf_tables, in the network namespace where it was opened.
pub struct Netfilter {
    socket: NetlinkSocket,
}

impl Netfilter {
    /// Opens a socket in the network namespace of the calling thread.
    /// Needs CAP_NET_ADMIN there.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self { socket: NetlinkSocket::open()? })
    }

    /// Makes all the changes at once, or none of them.
    pub fn commit(&mut self, ops: &[Op]) -> Result<(), CommitError> {
        if ops.is_empty() {
            return Ok(());
        }
        let first_seq = self.socket.take_seqs(0);
        let batch = encode(ops, first_seq).ok_or(NetlinkError::TooLong)?;
        self.socket.take_seqs(batch.last_seq().wrapping_sub(first_seq).wrapping_add(2));
        let answers = self.socket.exchange(&batch.bytes)?;
        if let Some(answer) = answers.iter().find(|answer| answer.errno != 0) {
            return Err(match batch.op_of(answer.seq).and_then(|at| Some((at, ops.get(at)?))) {
                Some((index, op)) => CommitError::Refused {
                    index,
                    op: op.to_string(),
                    error: answer.error(),
                    message: answer.message.clone(),
                },
                None => CommitError::Whole { count: ops.len(), error: answer.error() },
            });
        }
        match answers.iter().any(|answer| answer.seq == batch.last_seq()) {
            true => Ok(()),
            false => {
                let error = io::Error::other("no acknowledgement");
                Err(CommitError::Whole { count: ops.len(), error })
            }
        }
    }

    /// The number of the ruleset's generation; every commit of anyone raises it.
    pub fn generation(&mut self) -> Result<u32, NetlinkError> {
        let seq = self.socket.take_seqs(1);
        let mut writer = Writer::default();
        let kind = message(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN);
        let flags = NLM_F_REQUEST | NLM_F_ACK;
        writer.message(Head { kind, flags, seq, family: NFPROTO_UNSPEC, resource: 0 }, |_| {});
        let mut generation = 0;
        self.socket.request(&writer.finish().unwrap_or_default(), seq, |message| {
            generation = message.attributes().be32(NFTA_GEN_ID).unwrap_or(generation);
        })?;
        Ok(generation)
    }

    /// The tables of that name, in both families, as one generation had them.
    pub fn list(&mut self, name: &str) -> Result<Inventory, NetlinkError> {
        for _ in 0..LIST_ATTEMPTS {
            let before = self.generation()?;
            match self.list_once(name) {
                Ok(inventory) if self.generation()? == before => return Ok(inventory),
                Ok(_) | Err(NetlinkError::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Err(NetlinkError::Interrupted)
    }

    fn list_once(&mut self, name: &str) -> Result<Inventory, NetlinkError> {
        let mut inventory = Inventory::default();
        for family in [Family::Ip, Family::Ip6] {
            let id = TableId::new(family, name);
            if self.table_exists(&id)? {
                let table = self.list_table(&id)?;
                inventory.0.insert(id, table);
            }
        }
        Ok(inventory)
    }

    fn table_exists(&mut self, id: &TableId) -> Result<bool, NetlinkError> {
        let mut found = false;
        self.dump(
            NFT_MSG_GETTABLE,
            NFT_MSG_NEWTABLE,
            id.family,
            |_| {},
            |attributes| {
                found |= attributes.str(NFTA_TABLE_NAME) == Some(&*id.name);
            },
        )?;
        Ok(found)
    }

    fn list_table(&mut self, id: &TableId) -> Result<Table<crate::Digest>, NetlinkError> {
        let mut table = Table::default();
        self.dump(
            NFT_MSG_GETCHAIN,
            NFT_MSG_NEWCHAIN,
            id.family,
            |_| {},
            |attributes| {
                if attributes.str(NFTA_CHAIN_TABLE) == Some(&*id.name) {
                    table.chains.extend(decode::chain(attributes));
                }
            },
        )?;
        let of_table = |w: &mut Writer| w.str(NFTA_SET_TABLE, &id.name);
        self.dump(NFT_MSG_GETSET, NFT_MSG_NEWSET, id.family, of_table, |attributes| {
            let set = decode::set(attributes).filter(|_| attributes.str(NFTA_SET_TABLE) == Some(&*id.name));
            table.sets.extend(set.map(|(name, spec)| (name, Set::new(spec))));
        })?;
        let of_table = |w: &mut Writer| w.str(NFTA_RULE_TABLE, &id.name);
        self.dump(NFT_MSG_GETRULE, NFT_MSG_NEWRULE, id.family, of_table, |attributes| {
            let rule =
                decode::rule(attributes).filter(|_| attributes.str(NFTA_RULE_TABLE) == Some(&*id.name));
            if let Some((chain, digest)) = rule {
                table.chain(&chain).rules.push(digest);
            }
        })?;
        for (name, set) in table.sets.iter_mut().filter(|(_, set)| !set.spec.dynamic) {
            self.list_elements(id, name, set)?;
        }
        Ok(table)
    }

    fn list_elements(&mut self, id: &TableId, name: &str, set: &mut Set) -> Result<(), NetlinkError> {
        let of_set = |w: &mut Writer| {
            w.str(NFTA_SET_ELEM_LIST_TABLE, &id.name);
            w.str(NFTA_SET_ELEM_LIST_SET, name);
        };
        let spec = set.spec.clone();
        let mut elements = Vec::new();
        self.dump(NFT_MSG_GETSETELEM, NFT_MSG_NEWSETELEM, id.family, of_set, |attributes| {
            let list = attributes.nested(NFTA_SET_ELEM_LIST_ELEMENTS).unwrap_or(Attributes(&[]));
            elements.extend(list.filter_map(|(_, each)| decode::element(&spec, Attributes(each))));
        })?;
        set.elements = if is_split_interval(&spec) {
            join_intervals(elements)
        } else {
            elements.into_iter().map(|element| (element.key, element.entry)).collect()
        };
        Ok(())
    }

    fn dump(
        &mut self,
        kind: u16,
        answer_kind: u16,
        family: Family,
        body: impl FnOnce(&mut Writer),
        mut each: impl FnMut(Attributes<'_>),
    ) -> Result<(), NetlinkError> {
        let seq = self.socket.take_seqs(1);
        let request = encode_dump(kind, family, seq, body).ok_or(NetlinkError::TooLong)?;
        let expected = message(NFNL_SUBSYS_NFTABLES, answer_kind);
        let wanted = |message: &Message<'_>| {
            message.kind == expected && message.family() == Some(crate::lower::number(family))
        };
        self.socket.request(&request, seq, |message| {
            if wanted(&message) {
                each(message.attributes());
            }
        })
    }
}

fn is_split_interval(spec: &SetSpec) -> bool {
    spec.interval && spec.key.len() == 1
}

/// Puts the starts and ends of ranges together again. An end says the first
/// value after the range; a start without one reaches to the greatest value.
fn join_intervals(mut elements: Vec<decode::Element>) -> std::collections::BTreeMap<Key, Entry> {
    // At one value a range may end and the next begin: the end comes first.
    elements.sort_by(|a, b| (&a.key, !a.ends_interval).cmp(&(&b.key, !b.ends_interval)));
    let mut joined = std::collections::BTreeMap::new();
    let mut open: Option<decode::Element> = None;
    for element in elements {
        if let Some(mut start) = open.take() {
            start.entry.until = Some(predecessor(&element.key));
            joined.insert(start.key, start.entry);
        }
        if !element.ends_interval {
            open = Some(element);
        }
    }
    if let Some(mut start) = open {
        start.entry.until = Some(greatest(&start.key));
        joined.insert(start.key, start.entry);
    }
    joined
}

/// The value just below, of a key that is one address or port.
fn predecessor(key: &Key) -> Key {
    let below = |datum: &Datum| match datum {
        Datum::Addr(std::net::IpAddr::V4(addr)) => {
            Datum::Addr(std::net::Ipv4Addr::from(u32::from(*addr).wrapping_sub(1)).into())
        }
        Datum::Addr(std::net::IpAddr::V6(addr)) => {
            Datum::Addr(std::net::Ipv6Addr::from(u128::from(*addr).wrapping_sub(1)).into())
        }
        Datum::Port(port) => Datum::Port(port.wrapping_sub(1)),
        other => other.clone(),
    };
    key.iter().map(below).collect()
}

fn greatest(key: &Key) -> Key {
    let top = |datum: &Datum| match datum {
        Datum::Addr(std::net::IpAddr::V4(_)) => Datum::Addr(std::net::Ipv4Addr::BROADCAST.into()),
        Datum::Addr(std::net::IpAddr::V6(_)) => Datum::Addr(std::net::Ipv6Addr::from(u128::MAX).into()),
        Datum::Port(_) => Datum::Port(u16::MAX),
        other => other.clone(),
    };
    key.iter().map(top).collect()
}
