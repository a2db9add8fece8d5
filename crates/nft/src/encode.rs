//! From changes to the bytes of one batch.

use std::time::Duration;

use crate::abi::*;
use crate::expr::{inline_set_name, millis, write_value, write_verdict};
use crate::lower::{key_bytes, lower, number};
use crate::rule::{Rule, SetRef, Statement};
use crate::set::{Data, DataKind, Entry, Key, Kind, SetSpec};
use crate::table::{BaseChain, Family, TableId};
use crate::transaction::Op;
use crate::wire::{Head, Writer};

/// Elements per message: with the longest keys and chain names these stay
/// below the 64 KiB that an attribute can hold.
const ELEMENTS_PER_MESSAGE: usize = 128;

/// A batch, ready to be sent.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// The sequence number of the first message; the batch's begin.
    pub(crate) first_seq: u32,
    /// Which change each message is part of; `None` for begin and end.
    ops: Vec<Option<usize>>,
}

impl Batch {
    /// The index of the change that the message of that number belongs to.
    pub(crate) fn op_of(&self, seq: u32) -> Option<usize> {
        let at = seq.wrapping_sub(self.first_seq) as usize;
        self.ops.get(at).copied().flatten()
    }

    /// The last message before the end; its acknowledgement is the batch's.
    pub(crate) fn last_seq(&self) -> u32 {
        let before_end = u32::try_from(self.ops.len().saturating_sub(2)).unwrap_or_default();
        self.first_seq.wrapping_add(before_end)
    }
}

/// Encodes changes as one transaction. `None` if a name or list is too long for
/// netlink's length fields.
pub(crate) fn encode(ops: &[Op], first_seq: u32) -> Option<Batch> {
    let mut encoder = Encoder { first_seq, ..Encoder::default() };
    encoder.edge(NFNL_MSG_BATCH_BEGIN);
    for (index, op) in ops.iter().enumerate() {
        encoder.op = Some(index);
        encoder.last = index + 1 == ops.len();
        encoder.write(op);
    }
    encoder.op = None;
    encoder.edge(NFNL_MSG_BATCH_END);
    let bytes = encoder.writer.finish()?;
    Some(Batch { bytes, first_seq, ops: encoder.ops })
}

#[derive(Default)]
struct Encoder {
    writer: Writer,
    first_seq: u32,
    ops: Vec<Option<usize>>,
    op: Option<usize>,
    /// The change is the last one, whose messages are acknowledged.
    last: bool,
    set_id: u32,
}

impl Encoder {
    fn write(&mut self, op: &Op) {
        match op {
            Op::AddTable(table) => self.message(NFT_MSG_NEWTABLE, NLM_F_CREATE, table, |w| {
                w.str(NFTA_TABLE_NAME, &table.name);
            }),
            Op::DeleteTable(table) => self.message(NFT_MSG_DELTABLE, 0, table, |w| {
                w.str(NFTA_TABLE_NAME, &table.name);
            }),
            Op::AddChain { table, chain, base } => {
                self.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, table, |w| {
                    w.str(NFTA_CHAIN_TABLE, &table.name);
                    w.str(NFTA_CHAIN_NAME, chain);
                    if let Some(base) = base {
                        write_base(w, base);
                    }
                });
            }
            Op::FlushChain { table, chain } => self.message(NFT_MSG_DELRULE, 0, table, |w| {
                w.str(NFTA_RULE_TABLE, &table.name);
                w.str(NFTA_RULE_CHAIN, chain);
            }),
            Op::DeleteChain { table, chain } => self.message(NFT_MSG_DELCHAIN, 0, table, |w| {
                w.str(NFTA_CHAIN_TABLE, &table.name);
                w.str(NFTA_CHAIN_NAME, chain);
            }),
            Op::AddSet { table, set, spec } => {
                self.add_set(table, set, spec, 0);
            }
            Op::DeleteSet { table, set } => self.message(NFT_MSG_DELSET, 0, table, |w| {
                w.str(NFTA_SET_TABLE, &table.name);
                w.str(NFTA_SET_NAME, set);
            }),
            Op::AddElements { table, set, spec, elements } => {
                let target = (table, set.as_ref(), None);
                self.elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE, target, spec, elements);
            }
            Op::DeleteElements { table, set, spec, elements } => {
                let target = (table, set.as_ref(), None);
                self.elements(NFT_MSG_DELSETELEM, 0, target, spec, elements);
            }
            Op::AddRule { table, chain, rule } => self.add_rule(table, chain, rule),
        }
    }

    /// Writes one message and notes which change it belongs to.
    fn message(&mut self, kind: u16, flags: u16, table: &TableId, body: impl FnOnce(&mut Writer)) {
        let ack = if self.last { NLM_F_ACK } else { 0 };
        let head = Head {
            kind: message(NFNL_SUBSYS_NFTABLES, kind),
            flags: NLM_F_REQUEST | flags | ack,
            seq: self.next_seq(),
            family: number(table.family),
            resource: 0,
        };
        self.writer.message(head, body);
    }

    fn edge(&mut self, kind: u16) {
        let seq = self.next_seq();
        let (family, resource) = (NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES);
        self.writer.message(Head { kind, flags: NLM_F_REQUEST, seq, family, resource }, |_| {});
    }

    fn next_seq(&mut self) -> u32 {
        let offset = u32::try_from(self.ops.len()).unwrap_or(u32::MAX);
        self.ops.push(self.op);
        self.first_seq.wrapping_add(offset)
    }

    /// Returns the set's number within this transaction.
    fn add_set(&mut self, table: &TableId, name: &str, spec: &SetSpec, flags: u32) -> u32 {
        self.set_id += 1;
        let id = self.set_id;
        self.message(NFT_MSG_NEWSET, NLM_F_CREATE, table, |w| {
            w.str(NFTA_SET_TABLE, &table.name);
            w.str(NFTA_SET_NAME, name);
            w.be32(NFTA_SET_ID, id);
            write_spec(w, spec, flags);
        });
        id
    }

    fn elements(
        &mut self,
        kind: u16,
        flags: u16,
        (table, set, id): (&TableId, &str, Option<u32>),
        spec: &SetSpec,
        elements: &[(Key, Entry)],
    ) {
        for chunk in elements.chunks(ELEMENTS_PER_MESSAGE) {
            self.message(kind, flags, table, |w| {
                w.str(NFTA_SET_ELEM_LIST_TABLE, &table.name);
                w.str(NFTA_SET_ELEM_LIST_SET, set);
                if let Some(id) = id {
                    w.be32(NFTA_SET_ELEM_LIST_SET_ID, id);
                }
                w.nested(NFTA_SET_ELEM_LIST_ELEMENTS, |w| {
                    chunk.iter().for_each(|(key, entry)| write_element(w, spec, key, entry));
                });
            });
        }
    }

    fn add_rule(&mut self, table: &TableId, chain: &str, rule: &Rule) {
        let mut ids = self.add_inline_sets(table, rule).into_iter();
        let mut exprs = Vec::new();
        rule.statements().iter().for_each(|each| lower(table.family, each, &mut exprs));
        let comment = comment_userdata(&rule.full_comment());
        self.message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, table, |w| {
            w.str(NFTA_RULE_TABLE, &table.name);
            w.str(NFTA_RULE_CHAIN, chain);
            w.nested(NFTA_RULE_EXPRESSIONS, |w| {
                // Sets were numbered in the order in which lookups come.
                exprs.iter().for_each(|expr| expr.write(w, &mut || ids.next().unwrap_or_default()));
            });
            w.bytes(NFTA_RULE_USERDATA, &comment);
        });
    }

    fn add_inline_sets(&mut self, table: &TableId, rule: &Rule) -> Vec<u32> {
        let mut ids = Vec::new();
        for set_ref in rule.statements().iter().filter_map(Statement::set_ref) {
            let SetRef::Inline(set) = set_ref else { continue };
            let mut spec = set.spec.clone();
            spec.size = u32::try_from(set.elements.len()).ok().filter(|_| !spec.interval);
            let name = inline_set_name(spec.data.is_some());
            let id = self.add_set(table, name, &spec, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT);
            let elements: Vec<_> =
                set.elements.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect();
            let target = (table, name, Some(id));
            self.elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE, target, &set.spec, &elements);
            ids.push(id);
        }
        ids
    }
}

fn write_base(w: &mut Writer, base: &BaseChain) {
    w.nested(NFTA_CHAIN_HOOK, |w| {
        w.be32(NFTA_HOOK_HOOKNUM, base.hook as u32);
        w.bytes(NFTA_HOOK_PRIORITY, &base.priority.to_be_bytes());
    });
    w.be32(
        NFTA_CHAIN_POLICY,
        match base.policy {
            crate::table::Policy::Accept => NF_ACCEPT as u32,
            crate::table::Policy::Drop => NF_DROP as u32,
        },
    );
    w.str(NFTA_CHAIN_TYPE, base.kind.name());
}

fn write_spec(w: &mut Writer, spec: &SetSpec, flags: u32) {
    w.be32(NFTA_SET_FLAGS, flags | spec_flags(spec));
    w.be32(NFTA_SET_KEY_TYPE, type_number(&spec.key));
    w.be32(NFTA_SET_KEY_LEN, key_len(&spec.key));
    match &spec.data {
        None => {}
        Some(DataKind::Verdict) => w.be32(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT),
        Some(DataKind::Values(kinds)) => {
            w.be32(NFTA_SET_DATA_TYPE, type_number(kinds));
            w.be32(NFTA_SET_DATA_LEN, key_len(kinds));
        }
    }
    if let Some(timeout) = spec.timeout {
        w.be64(NFTA_SET_TIMEOUT, millis(timeout));
    }
    if spec.size.is_some() || spec.is_concatenated_interval() {
        w.nested(NFTA_SET_DESC, |w| write_desc(w, spec));
    }
    if spec.key == [Kind::Index] {
        // nft prints integers in the order that this says.
        let mut userdata = vec![NFTNL_UDATA_SET_KEYBYTEORDER, 4];
        userdata.extend(BYTEORDER_HOST.to_ne_bytes());
        w.bytes(NFTA_SET_USERDATA, &userdata);
    }
}

pub(crate) fn spec_flags(spec: &SetSpec) -> u32 {
    let flag = |on: bool, bit: u32| if on { bit } else { 0 };
    flag(spec.interval, NFT_SET_INTERVAL)
        | flag(spec.data.is_some(), NFT_SET_MAP)
        | flag(spec.timeout.is_some(), NFT_SET_TIMEOUT)
        | flag(spec.dynamic, NFT_SET_EVAL)
        | flag(spec.is_concatenated_interval(), NFT_SET_CONCAT)
}

fn write_desc(w: &mut Writer, spec: &SetSpec) {
    if let Some(size) = spec.size {
        w.be32(NFTA_SET_DESC_SIZE, size);
    }
    if spec.is_concatenated_interval() {
        w.nested(NFTA_SET_DESC_CONCAT, |w| {
            for kind in &spec.key {
                let len = u32::try_from(kind.len()).unwrap_or_default();
                w.nested(NFTA_LIST_ELEM, |w| w.be32(NFTA_SET_FIELD_LEN, len));
            }
        });
    }
}

/// nft's number of a type; of a concatenation six bits for each part.
pub(crate) fn type_number(kinds: &[Kind]) -> u32 {
    kinds.iter().fold(0, |number, kind| number << 6 | nft_type(*kind))
}

/// `enum datatypes` of nft; the kernel keeps these without reading them.
pub(crate) fn nft_type(kind: Kind) -> u32 {
    match kind {
        Kind::Index => 4,
        Kind::Ipv4Addr => 7,
        Kind::Ipv6Addr => 8,
        Kind::Protocol => 12,
        Kind::Port => 13,
        Kind::Mark => 19,
        Kind::Interface => 41,
    }
}

fn key_len(kinds: &[Kind]) -> u32 {
    let len = match kinds {
        [only] => only.len(),
        several => several.iter().map(|kind| kind.padded_len()).sum(),
    };
    u32::try_from(len).unwrap_or_default()
}

fn write_element(w: &mut Writer, spec: &SetSpec, key: &Key, entry: &Entry) {
    if spec.interval && spec.key.len() == 1 {
        return write_interval(w, key, entry);
    }
    w.nested(NFTA_LIST_ELEM, |w| {
        write_value(w, NFTA_SET_ELEM_KEY, &key_bytes(key));
        if spec.interval {
            let until = entry.until.as_ref().unwrap_or(key);
            write_value(w, NFTA_SET_ELEM_KEY_END, &key_bytes(until));
        }
        write_entry(w, entry);
    });
}

/// A range of single values is two elements: its start, and what comes after its end.
fn write_interval(w: &mut Writer, key: &Key, entry: &Entry) {
    w.nested(NFTA_LIST_ELEM, |w| {
        write_value(w, NFTA_SET_ELEM_KEY, &key_bytes(key));
        write_entry(w, entry);
    });
    let last = key_bytes(entry.until.as_ref().unwrap_or(key));
    if let Some(end) = successor(last) {
        w.nested(NFTA_LIST_ELEM, |w| {
            write_value(w, NFTA_SET_ELEM_KEY, &end);
            w.be32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
        });
    }
}

/// The big-endian number one above; `None` above the greatest.
fn successor(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(bytes);
        }
    }
    None
}

fn write_entry(w: &mut Writer, entry: &Entry) {
    match &entry.data {
        None => {}
        Some(Data::Verdict(verdict)) => {
            w.nested(NFTA_SET_ELEM_DATA, |w| write_verdict(w, verdict));
        }
        Some(Data::Values(values)) => write_value(w, NFTA_SET_ELEM_DATA, &key_bytes(values)),
    }
    if let Some(timeout) = entry.timeout.filter(|timeout| *timeout > Duration::ZERO) {
        w.be64(NFTA_SET_ELEM_TIMEOUT, millis(timeout));
    }
}

/// nft's userdata of a rule: type, length, text with its nul.
fn comment_userdata(comment: &str) -> Vec<u8> {
    let len = u8::try_from(comment.len() + 1).unwrap_or(u8::MAX);
    let text = &comment.as_bytes()[..usize::from(len) - 1];
    let mut userdata = vec![NFTNL_UDATA_RULE_COMMENT, len];
    userdata.extend_from_slice(text);
    userdata.push(0);
    userdata
}

/// A request for all objects of a kind in the tables of one family.
pub(crate) fn encode_dump(
    kind: u16,
    family: Family,
    seq: u32,
    body: impl FnOnce(&mut Writer),
) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    let head = Head {
        kind: message(NFNL_SUBSYS_NFTABLES, kind),
        flags: NLM_F_REQUEST | NLM_F_DUMP,
        seq,
        family: number(family),
        resource: 0,
    };
    writer.message(head, body);
    writer.finish()
}
