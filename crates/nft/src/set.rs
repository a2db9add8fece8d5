//! Sets, maps and verdict maps, and the typed values in them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The name of a chain, set or map. Shared, because one name stands in many places.
pub type Name = Arc<str>;

/// The type of one field of a key or of a map's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Ipv4Addr,
    Ipv6Addr,
    /// An IP protocol number.
    Protocol,
    /// A TCP, UDP or SCTP port.
    Port,
    Mark,
    Interface,
    /// A plain 32-bit number in host order, such as `numgen` yields.
    Index,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Datum {
    Addr(IpAddr),
    Protocol(u8),
    Port(u16),
    Mark(u32),
    Interface(Name),
    Index(u32),
}

/// A key: one value, or several concatenated (`addr . proto . port`).
pub type Key = Arc<[Datum]>;

/// A key of the given values.
pub fn key(values: impl IntoIterator<Item = Datum>) -> Key {
    values.into_iter().collect()
}

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    Accept,
    Drop,
    Continue,
    Return,
    Jump(Name),
    Goto(Name),
}

/// The type of a map's values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DataKind {
    Verdict,
    Values(Vec<Kind>),
}

/// A map's value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Data {
    Verdict(Verdict),
    Values(Key),
}

/// What a set holds and how. A set whose spec changes is replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SetSpec {
    pub key: Vec<Kind>,
    /// `None` for a set, the type of its values for a map.
    pub data: Option<DataKind>,
    /// Elements are ranges (`Entry::until`).
    pub interval: bool,
    /// How long an element lives that names no time of its own.
    pub timeout: Option<Duration>,
    /// Filled by rules, from packets; never by us, so its elements are left alone.
    pub dynamic: bool,
    /// The most elements it may hold; a bound for dynamic sets.
    pub size: Option<u32>,
}

/// What stands beside a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The range's last key, itself included. Only in interval sets.
    pub until: Option<Key>,
    /// Only in maps.
    pub data: Option<Data>,
    pub timeout: Option<Duration>,
}

/// A set with its elements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Set {
    pub spec: SetSpec,
    pub elements: BTreeMap<Key, Entry>,
}

// === impl Kind ===

impl Kind {
    /// The kind of addresses of `addr`'s family.
    pub fn of_addr(addr: &IpAddr) -> Self {
        match addr {
            IpAddr::V4(_) => Self::Ipv4Addr,
            IpAddr::V6(_) => Self::Ipv6Addr,
        }
    }

    /// Its length in bytes.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Protocol => 1,
            Self::Port => 2,
            Self::Ipv4Addr | Self::Mark | Self::Index => 4,
            Self::Ipv6Addr | Self::Interface => 16,
        }
    }

    /// Its length in registers and in concatenations, which are four bytes wide.
    pub(crate) fn padded_len(self) -> usize {
        self.len().next_multiple_of(4)
    }

    /// nft's name of the type.
    pub fn nft_name(self) -> &'static str {
        match self {
            Self::Ipv4Addr => "ipv4_addr",
            Self::Ipv6Addr => "ipv6_addr",
            Self::Protocol => "inet_proto",
            Self::Port => "inet_service",
            Self::Mark => "mark",
            Self::Interface => "ifname",
            Self::Index => "integer",
        }
    }
}

// === impl Datum ===

impl Datum {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Addr(addr) => Kind::of_addr(addr),
            Self::Protocol(_) => Kind::Protocol,
            Self::Port(_) => Kind::Port,
            Self::Mark(_) => Kind::Mark,
            Self::Interface(_) => Kind::Interface,
            Self::Index(_) => Kind::Index,
        }
    }
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => write!(f, "{addr}"),
            Self::Protocol(1) => f.write_str("icmp"),
            Self::Protocol(6) => f.write_str("tcp"),
            Self::Protocol(17) => f.write_str("udp"),
            Self::Protocol(58) => f.write_str("ipv6-icmp"),
            Self::Protocol(132) => f.write_str("sctp"),
            Self::Protocol(other) => write!(f, "{other}"),
            Self::Port(port) => write!(f, "{port}"),
            Self::Mark(mark) => write!(f, "{mark:#010x}"),
            Self::Interface(name) => write!(f, "\"{name}\""),
            Self::Index(number) => write!(f, "{number}"),
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// The chain that it leads to.
    pub fn chain(&self) -> Option<&Name> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            _ => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Continue => f.write_str("continue"),
            Self::Return => f.write_str("return"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
        }
    }
}

// === impl SetSpec, Set ===

impl SetSpec {
    /// A set of plain keys.
    pub fn of(key: impl Into<Vec<Kind>>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }

    /// A map from keys to verdicts.
    pub fn verdict_map(key: impl Into<Vec<Kind>>) -> Self {
        Self { data: Some(DataKind::Verdict), ..Self::of(key) }
    }

    /// A map from keys to values.
    pub fn map(key: impl Into<Vec<Kind>>, values: impl Into<Vec<Kind>>) -> Self {
        Self { data: Some(DataKind::Values(values.into())), ..Self::of(key) }
    }

    /// Several fields and ranges: each field of such a key has its own range.
    pub(crate) fn is_concatenated_interval(&self) -> bool {
        self.interval && self.key.len() > 1
    }
}

impl Set {
    pub fn new(spec: SetSpec) -> Self {
        Self { spec, elements: BTreeMap::new() }
    }

    /// Adds a key to a set; keeps what is there if the key is taken.
    pub fn add(&mut self, key: Key) {
        self.elements.entry(key).or_default();
    }

    /// Adds a range, both ends included.
    pub fn add_range(&mut self, from: Key, until: Key) {
        let entry = Entry { until: Some(until), ..Entry::default() };
        self.elements.entry(from).or_insert(entry);
    }

    /// Adds a key with its value to a map. The first to claim a key keeps it:
    /// the answer says whether that was this call.
    pub fn map(&mut self, key: Key, data: Data) -> bool {
        let vacant = !self.elements.contains_key(&key);
        if vacant {
            let entry = Entry { data: Some(data), ..Entry::default() };
            self.elements.insert(key, entry);
        }
        vacant
    }
}
