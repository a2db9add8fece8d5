//! Rules: what a packet is asked and what is done with it.
//!
//! Statements say what nft's language says, one to one; `lower` turns them into
//! the kernel's register machine.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::digest::Digest;
use crate::set::{Datum, Kind, Name, Set, Verdict};
use crate::table::Family;

/// Something to be read from a packet, or from beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    SourceAddr,
    DestAddr,
    /// The transport protocol's number.
    Protocol,
    SourcePort,
    DestPort,
    Mark,
    InputInterface,
    OutputInterface,
    /// Bits of the connection's state: see [`Bits`].
    CtState,
    /// Bits of the connection's status: see [`Bits`].
    CtStatus,
    /// The address a connection was first meant for, before any NAT.
    CtOriginalDestAddr,
    CtOriginalDestPort,
    /// What kind of address the source is to this machine (`fib saddr type`).
    SourceType,
    DestType,
    /// A random number below the modulus.
    Random(u32),
    /// 0, 1, 2, … below the modulus, one after the other.
    RoundRobin(u32),
    /// A number below the modulus, always the same for the same source address.
    SourceHash {
        modulus: u32,
        seed: u32,
    },
}

/// Names of the bits and numbers that [`Test`] is used with.
#[derive(Clone, Copy, Debug)]
pub struct Bits;

impl Bits {
    /// `Field::CtState`.
    pub const INVALID: u32 = 1;
    pub const ESTABLISHED: u32 = 2;
    pub const RELATED: u32 = 4;
    pub const NEW: u32 = 8;
    /// `Field::CtStatus`: the connection's destination was translated.
    pub const DNAT: u32 = 32;
    /// `Field::SourceType` and `Field::DestType`: an address of this machine.
    pub const LOCAL: u32 = 2;
}

/// A set that a rule looks into.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SetRef {
    Named(Name),
    /// Part of the rule, written and removed with it.
    Inline(Arc<Set>),
}

/// What a field must be for the rule to go on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    Is(Datum),
    IsNot(Datum),
    Within(IpNet),
    Outside(IpNet),
    In(SetRef),
    NotIn(SetRef),
    /// At least one of these bits is set.
    Any(u32),
    /// None of these bits is set.
    NoneOf(u32),
}

/// Where a connection is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NatTarget {
    To(IpAddr, u16),
    /// The address and port that a map holds for these fields.
    Lookup {
        key: Vec<Field>,
        map: SetRef,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectWith {
    TcpReset,
    /// ICMP or ICMPv6 port unreachable, after the table's family.
    PortUnreachable,
    /// ICMP or ICMPv6 administratively prohibited, after the table's family.
    Prohibited,
}

/// One step of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Statement {
    /// Ends the rule for packets that fail the test.
    Match {
        key: Vec<Field>,
        test: Test,
    },
    /// Takes the verdict that a map holds for these fields, if it holds one.
    Dispatch {
        key: Vec<Field>,
        map: SetRef,
    },
    Verdict(Verdict),
    /// Sets bits of the mark.
    MarkOr(u32),
    /// Flips bits of the mark.
    MarkXor(u32),
    Dnat(NatTarget),
    Snat(IpAddr),
    /// Source NAT to the address of the interface that the packet leaves by.
    Masquerade {
        random_port: bool,
    },
    Reject(RejectWith),
    /// Writes the fields into a dynamic set, or renews them there.
    Remember {
        set: Name,
        key: Vec<Field>,
        timeout: Option<Duration>,
    },
    Count,
    /// Ends the rule for packets beyond this rate.
    LimitPerSecond {
        rate: u64,
        burst: u32,
    },
    Log {
        prefix: Name,
    },
}

/// A rule. Its digest covers all of it and is kept in the kernel's comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(crate) statements: Vec<Statement>,
    pub(crate) comment: Option<Name>,
    pub(crate) digest: Digest,
}

// === impl Field ===

impl Field {
    /// The type of what is read, in a table of `family`.
    pub(crate) fn kind(self, family: Family) -> Kind {
        match self {
            Self::SourceAddr | Self::DestAddr | Self::CtOriginalDestAddr => family.addr_kind(),
            Self::Protocol => Kind::Protocol,
            Self::SourcePort | Self::DestPort | Self::CtOriginalDestPort => Kind::Port,
            Self::Mark => Kind::Mark,
            Self::InputInterface | Self::OutputInterface => Kind::Interface,
            Self::CtState
            | Self::CtStatus
            | Self::SourceType
            | Self::DestType
            | Self::Random(_)
            | Self::RoundRobin(_)
            | Self::SourceHash { .. } => Kind::Index,
        }
    }
}

// === impl SetRef ===

impl SetRef {
    pub fn named(name: &str) -> Self {
        Self::Named(name.into())
    }

    pub fn inline(set: Set) -> Self {
        Self::Inline(Arc::new(set))
    }

    fn name(&self) -> Option<&Name> {
        match self {
            Self::Named(name) => Some(name),
            Self::Inline(_) => None,
        }
    }
}

// === impl Statement ===

impl Statement {
    /// A match on one field.
    pub fn when(field: Field, test: Test) -> Self {
        Self::Match { key: vec![field], test }
    }

    pub fn jump(chain: &Name) -> Self {
        Self::Verdict(Verdict::Jump(chain.clone()))
    }

    pub fn goto(chain: &Name) -> Self {
        Self::Verdict(Verdict::Goto(chain.clone()))
    }

    /// The set that it looks into or writes to.
    pub(crate) fn set_ref(&self) -> Option<&SetRef> {
        match self {
            Self::Match { test: Test::In(set) | Test::NotIn(set), .. }
            | Self::Dispatch { map: set, .. }
            | Self::Dnat(NatTarget::Lookup { map: set, .. }) => Some(set),
            _ => None,
        }
    }

    fn named_set(&self) -> Option<&Name> {
        match self {
            Self::Remember { set, .. } => Some(set),
            other => other.set_ref()?.name(),
        }
    }
}

// === impl Rule ===

impl Rule {
    pub fn new(statements: impl Into<Vec<Statement>>) -> Self {
        Self::built(statements.into(), None)
    }

    /// A rule with a word for people who read `nft list ruleset`.
    pub fn commented(comment: &str, statements: impl Into<Vec<Statement>>) -> Self {
        Self::built(statements.into(), Some(comment.into()))
    }

    fn built(statements: Vec<Statement>, comment: Option<Name>) -> Self {
        let digest = Digest::of(&(&statements, &comment));
        Self { statements, comment, digest }
    }

    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Whether it looks into or writes to the set of that name.
    pub(crate) fn mentions(&self, name: &Name) -> bool {
        self.statements.iter().filter_map(Statement::named_set).any(|set| set == name)
    }

    /// The kernel's comment: ours for people, then the digest. nft allows 128 bytes.
    pub(crate) fn full_comment(&self) -> String {
        const ROOM: usize = 100;
        let words = self.comment.as_deref().unwrap_or_default();
        let mut end = words.len().min(ROOM);
        while !words.is_char_boundary(end) {
            end -= 1;
        }
        match &words[..end] {
            "" => self.digest.to_string(),
            words => format!("{words} {}", self.digest),
        }
    }
}
