//! The kernel's expressions: instructions of a machine with sixteen registers
//! of four bytes, and how each is written. Attribute numbers are those of the
//! expression's own `enum nft_*_attributes`.

use std::time::Duration;

use crate::abi::*;
use crate::rule::SetRef;
use crate::set::{Name, Verdict};
use crate::wire::Writer;

/// The number of a four-byte register, 0 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reg(pub(crate) u8);

/// Where a payload offset counts from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Header {
    Network = 1,
    Transport = 2,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum MetaKey {
    Mark = 3,
    InputInterface = 6,
    OutputInterface = 7,
    Protocol = 16,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum CtKey {
    State = 0,
    Status = 2,
    OriginalDestPort = 12,
    OriginalDestIp = 20,
    OriginalDestIp6 = 22,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Compare {
    Equal = 0,
    NotEqual = 1,
}

#[derive(Clone, Debug)]
pub(crate) enum Expr<'a> {
    Payload {
        dest: Reg,
        header: Header,
        offset: u32,
        len: u32,
    },
    Meta {
        dest: Reg,
        key: MetaKey,
    },
    SetMeta {
        source: Reg,
        key: MetaKey,
    },
    Ct {
        dest: Reg,
        key: CtKey,
    },
    Compare {
        source: Reg,
        op: Compare,
        value: Vec<u8>,
    },
    /// `register & mask ^ xor`, in place.
    Bitwise {
        reg: Reg,
        mask: Vec<u8>,
        xor: Vec<u8>,
    },
    /// `dest`: where a map's value goes; `None` for a plain set.
    Lookup {
        source: Reg,
        set: &'a SetRef,
        dest: LookupDest,
        invert: bool,
    },
    Load {
        dest: Reg,
        value: Vec<u8>,
    },
    Verdict(&'a Verdict),
    Nat {
        dest_nat: bool,
        family: u8,
        addr: Reg,
        port: Option<Reg>,
    },
    Masquerade {
        flags: u32,
    },
    Reject {
        kind: u32,
        code: u8,
    },
    Numgen {
        dest: Reg,
        modulus: u32,
        random: bool,
    },
    Hash {
        source: Reg,
        dest: Reg,
        len: u32,
        modulus: u32,
        seed: u32,
    },
    /// The kind of an address to this machine.
    Fib {
        dest: Reg,
        source_addr: bool,
    },
    Remember {
        set: &'a Name,
        key: Reg,
        timeout: Option<Duration>,
    },
    Counter,
    Limit {
        per_second: u64,
        burst: u32,
    },
    Log {
        prefix: &'a str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LookupDest {
    Nothing,
    Verdict,
    Reg(Reg),
}

impl Reg {
    fn number(self) -> u32 {
        NFT_REG32_00 + u32::from(self.0)
    }
}

impl Expr<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Payload { .. } => "payload",
            Self::Meta { .. } | Self::SetMeta { .. } => "meta",
            Self::Ct { .. } => "ct",
            Self::Compare { .. } => "cmp",
            Self::Bitwise { .. } => "bitwise",
            Self::Lookup { .. } => "lookup",
            Self::Load { .. } | Self::Verdict(_) => "immediate",
            Self::Nat { .. } => "nat",
            Self::Masquerade { .. } => "masq",
            Self::Reject { .. } => "reject",
            Self::Numgen { .. } => "numgen",
            Self::Hash { .. } => "hash",
            Self::Fib { .. } => "fib",
            Self::Remember { .. } => "dynset",
            Self::Counter => "counter",
            Self::Limit { .. } => "limit",
            Self::Log { .. } => "log",
        }
    }

    /// Writes the expression as an element of a rule's list. `inline_set` gives
    /// the number of an inline set that this transaction made.
    pub(crate) fn write(&self, w: &mut Writer, inline_set: &mut dyn FnMut() -> u32) {
        w.nested(NFTA_LIST_ELEM, |w| {
            w.str(NFTA_EXPR_NAME, self.name());
            w.nested(NFTA_EXPR_DATA, |w| self.write_data(w, inline_set));
        });
    }

    fn write_data(&self, w: &mut Writer, inline_set: &mut dyn FnMut() -> u32) {
        match self {
            Self::Payload { dest, header, offset, len } => {
                be32s(w, &[(1, dest.number()), (2, *header as u32), (3, *offset), (4, *len)]);
            }
            Self::Meta { dest, key } => be32s(w, &[(1, dest.number()), (2, *key as u32)]),
            Self::SetMeta { source, key } => be32s(w, &[(2, *key as u32), (3, source.number())]),
            Self::Ct { dest, key } => write_ct(w, *dest, *key),
            Self::Compare { source, op, value } => {
                be32s(w, &[(1, source.number()), (2, *op as u32)]);
                write_value(w, 3, value);
            }
            Self::Bitwise { reg, mask, xor } => {
                let len = u32::try_from(mask.len()).unwrap_or_default();
                be32s(w, &[(1, reg.number()), (2, reg.number()), (3, len)]);
                write_value(w, 4, mask);
                write_value(w, 5, xor);
            }
            Self::Lookup { source, set, dest, invert } => {
                write_set_ref(w, set, inline_set);
                be32s(w, &[(2, source.number())]);
                write_lookup_dest(w, *dest);
                be32s(w, &[(5, u32::from(*invert))]);
            }
            Self::Load { dest, value } => {
                w.be32(1, dest.number());
                write_value(w, 2, value);
            }
            Self::Verdict(verdict) => {
                w.be32(1, NFT_REG_VERDICT);
                w.nested(2, |w| write_verdict(w, verdict));
            }
            Self::Nat { dest_nat, family, addr, port } => {
                be32s(w, &[(1, u32::from(*dest_nat)), (2, u32::from(*family)), (3, addr.number())]);
                if let Some(port) = port {
                    w.be32(5, port.number());
                }
            }
            Self::Masquerade { flags } => w.be32(1, *flags),
            Self::Reject { kind, code } => {
                w.be32(1, *kind);
                w.bytes(2, &[*code]);
            }
            Self::Numgen { dest, modulus, random } => {
                be32s(w, &[(1, dest.number()), (2, *modulus), (3, u32::from(*random)), (4, 0)]);
            }
            Self::Hash { source, dest, len, modulus, seed } => be32s(
                w,
                &[(1, source.number()), (2, dest.number()), (3, *len), (4, *modulus), (5, *seed), (7, 0)],
            ),
            Self::Fib { dest, source_addr } => {
                const ADDRTYPE: u32 = 3;
                let flags = if *source_addr { 1 } else { 2 };
                be32s(w, &[(1, dest.number()), (2, ADDRTYPE), (3, flags)]);
            }
            Self::Remember { set, key, timeout } => {
                const UPDATE: u32 = 1;
                w.str(1, set);
                be32s(w, &[(3, UPDATE), (4, key.number())]);
                if let Some(timeout) = timeout {
                    w.be64(6, millis(*timeout));
                }
            }
            Self::Counter => {
                w.be64(1, 0);
                w.be64(2, 0);
            }
            Self::Limit { per_second, burst } => {
                const SECOND: u64 = 1;
                w.be64(1, *per_second);
                w.be64(2, SECOND);
                be32s(w, &[(3, *burst), (4, 0), (5, 0)]);
            }
            Self::Log { prefix } => w.str(2, prefix),
        }
    }
}

/// A duration as the kernel counts it.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The contents of an attribute of verdict data.
pub(crate) fn write_verdict(w: &mut Writer, verdict: &Verdict) {
    let code = match verdict {
        Verdict::Accept => NF_ACCEPT,
        Verdict::Drop => NF_DROP,
        Verdict::Continue => NFT_CONTINUE,
        Verdict::Return => NFT_RETURN,
        Verdict::Jump(_) => NFT_JUMP,
        Verdict::Goto(_) => NFT_GOTO,
    };
    w.nested(NFTA_DATA_VERDICT, |w| {
        w.bytes(NFTA_VERDICT_CODE, &code.to_be_bytes());
        if let Some(chain) = verdict.chain() {
            w.str(NFTA_VERDICT_CHAIN, chain);
        }
    });
}

/// An attribute that holds a plain value.
pub(crate) fn write_value(w: &mut Writer, kind: u16, value: &[u8]) {
    w.nested(kind, |w| w.bytes(NFTA_DATA_VALUE, value));
}

fn be32s(w: &mut Writer, attributes: &[(u16, u32)]) {
    for (kind, value) in attributes {
        w.be32(*kind, *value);
    }
}

fn write_ct(w: &mut Writer, dest: Reg, key: CtKey) {
    const ORIGINAL: u8 = 0;
    be32s(w, &[(1, dest.number()), (2, key as u32)]);
    let per_direction =
        matches!(key, CtKey::OriginalDestPort | CtKey::OriginalDestIp | CtKey::OriginalDestIp6);
    if per_direction {
        w.bytes(3, &[ORIGINAL]);
    }
}

fn write_set_ref(w: &mut Writer, set: &SetRef, inline_set: &mut dyn FnMut() -> u32) {
    match set {
        SetRef::Named(name) => w.str(1, name),
        SetRef::Inline(set) => {
            w.str(1, inline_set_name(set.spec.data.is_some()));
            w.be32(4, inline_set());
        }
    }
}

/// The kernel replaces `%d` by a number that is free.
pub(crate) fn inline_set_name(is_map: bool) -> &'static str {
    if is_map { "__map%d" } else { "__set%d" }
}

fn write_lookup_dest(w: &mut Writer, dest: LookupDest) {
    match dest {
        LookupDest::Nothing => {}
        LookupDest::Verdict => w.be32(3, NFT_REG_VERDICT),
        LookupDest::Reg(reg) => w.be32(3, reg.number()),
    }
}
