//! From the kernel's listings to an inventory.

use std::net::IpAddr;
use std::time::Duration;

use crate::abi::*;
use crate::digest::Digest;
use crate::encode::nft_type;
use crate::set::{Data, DataKind, Datum, Entry, Key, Kind, Name, SetSpec, Verdict};
use crate::table::{BaseChain, Chain, ChainKind, Hook, Policy};
use crate::wire::Attributes;

/// A chain's name and what it is, without its rules.
pub(crate) fn chain(attributes: Attributes<'_>) -> Option<(Name, Chain<Digest>)> {
    let name = attributes.str(NFTA_CHAIN_NAME)?;
    let base = attributes.nested(NFTA_CHAIN_HOOK).and_then(|hook| base_chain(attributes, hook));
    Some((name.into(), Chain { base, rules: Vec::new() }))
}

fn base_chain(chain: Attributes<'_>, hook: Attributes<'_>) -> Option<BaseChain> {
    let number = hook.be32(NFTA_HOOK_HOOKNUM)?;
    Some(BaseChain {
        kind: match chain.str(NFTA_CHAIN_TYPE)? {
            "nat" => ChainKind::Nat,
            _ => ChainKind::Filter,
        },
        hook: Hook::ALL.into_iter().find(|each| *each as u32 == number)?,
        priority: hook.be32(NFTA_HOOK_PRIORITY)?.cast_signed(),
        policy: match chain.be32(NFTA_CHAIN_POLICY) {
            Some(0) => Policy::Drop,
            _ => Policy::Accept,
        },
    })
}

/// A rule's chain and digest. A rule without one is not ours: its digest is zero.
pub(crate) fn rule(attributes: Attributes<'_>) -> Option<(Name, Digest)> {
    let chain = attributes.str(NFTA_RULE_CHAIN)?;
    let comment = attributes.get(NFTA_RULE_USERDATA).and_then(comment);
    let digest = comment.and_then(Digest::from_comment).unwrap_or(Digest(0));
    Some((chain.into(), digest))
}

/// The comment in a rule's userdata, a list of type, length, value.
fn comment(mut userdata: &[u8]) -> Option<&str> {
    loop {
        let (kind, len) = (*userdata.first()?, usize::from(*userdata.get(1)?));
        let value = userdata.get(2..2 + len)?;
        if kind == NFTNL_UDATA_RULE_COMMENT {
            return std::str::from_utf8(value.strip_suffix(&[0]).unwrap_or(value)).ok();
        }
        userdata = userdata.get(2 + len..)?;
    }
}

/// A named set and its spec; `None` for the inline sets of rules. A type that
/// is not one of ours reads as no type at all, so that the set is replaced.
pub(crate) fn set(attributes: Attributes<'_>) -> Option<(Name, SetSpec)> {
    let flags = attributes.be32(NFTA_SET_FLAGS).unwrap_or_default();
    if flags & NFT_SET_ANONYMOUS != 0 {
        return None;
    }
    let data = match attributes.be32(NFTA_SET_DATA_TYPE) {
        _ if flags & NFT_SET_MAP == 0 => None,
        Some(NFT_DATA_VERDICT) => Some(DataKind::Verdict),
        other => Some(DataKind::Values(kinds(other.unwrap_or_default()))),
    };
    let spec = SetSpec {
        key: kinds(attributes.be32(NFTA_SET_KEY_TYPE)?),
        data,
        interval: flags & NFT_SET_INTERVAL != 0,
        timeout: attributes.be64(NFTA_SET_TIMEOUT).map(Duration::from_millis),
        dynamic: flags & NFT_SET_EVAL != 0,
        size: attributes.nested(NFTA_SET_DESC).and_then(|desc| desc.be32(NFTA_SET_DESC_SIZE)),
    };
    Some((attributes.str(NFTA_SET_NAME)?.into(), spec))
}

/// The parts of a (concatenated) type number; empty if one is unknown.
fn kinds(mut number: u32) -> Vec<Kind> {
    const ALL: [Kind; 7] = [
        Kind::Ipv4Addr,
        Kind::Ipv6Addr,
        Kind::Protocol,
        Kind::Port,
        Kind::Mark,
        Kind::Interface,
        Kind::Index,
    ];
    let mut kinds = Vec::new();
    while number != 0 {
        match ALL.into_iter().find(|kind| nft_type(*kind) == number & 0x3f) {
            Some(kind) => kinds.insert(0, kind),
            None => return Vec::new(),
        }
        number >>= 6;
    }
    kinds
}

/// One element as the kernel lists it.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) key: Key,
    pub(crate) entry: Entry,
    /// Not an element but the end (excluded) of the range before it.
    pub(crate) ends_interval: bool,
}

pub(crate) fn element(spec: &SetSpec, attributes: Attributes<'_>) -> Option<Element> {
    let value = |kind| attributes.nested(kind)?.get(NFTA_DATA_VALUE);
    let flags = attributes.be32(NFTA_SET_ELEM_FLAGS).unwrap_or_default();
    let data = attributes.nested(NFTA_SET_ELEM_DATA).and_then(|data| match &spec.data {
        Some(DataKind::Verdict) => verdict(data.nested(NFTA_DATA_VERDICT)?).map(Data::Verdict),
        Some(DataKind::Values(kinds)) => key(kinds, data.get(NFTA_DATA_VALUE)?).map(Data::Values),
        None => None,
    });
    let entry = Entry {
        until: value(NFTA_SET_ELEM_KEY_END).and_then(|bytes| key(&spec.key, bytes)),
        data,
        timeout: attributes.be64(NFTA_SET_ELEM_TIMEOUT).map(Duration::from_millis),
    };
    let ends_interval = flags & NFT_SET_ELEM_INTERVAL_END != 0;
    Some(Element { key: key(&spec.key, value(NFTA_SET_ELEM_KEY)?)?, entry, ends_interval })
}

fn verdict(attributes: Attributes<'_>) -> Option<Verdict> {
    let chain = || attributes.str(NFTA_VERDICT_CHAIN).map(Name::from);
    Some(match attributes.be32(NFTA_VERDICT_CODE)?.cast_signed() {
        NF_ACCEPT => Verdict::Accept,
        NF_DROP => Verdict::Drop,
        NFT_CONTINUE => Verdict::Continue,
        NFT_RETURN => Verdict::Return,
        NFT_JUMP => Verdict::Jump(chain()?),
        NFT_GOTO => Verdict::Goto(chain()?),
        _ => return None,
    })
}

fn key(kinds: &[Kind], mut bytes: &[u8]) -> Option<Key> {
    let mut values = Vec::with_capacity(kinds.len());
    for kind in kinds {
        values.push(datum(*kind, bytes.get(..kind.len())?)?);
        bytes = bytes.get(kind.padded_len()..).unwrap_or_default();
    }
    (!values.is_empty()).then(|| values.into())
}

fn datum(kind: Kind, bytes: &[u8]) -> Option<Datum> {
    Some(match kind {
        Kind::Ipv4Addr => Datum::Addr(IpAddr::from(*bytes.first_chunk::<4>()?)),
        Kind::Ipv6Addr => Datum::Addr(IpAddr::from(*bytes.first_chunk::<16>()?)),
        Kind::Protocol => Datum::Protocol(*bytes.first()?),
        Kind::Port => Datum::Port(u16::from_be_bytes(*bytes.first_chunk()?)),
        Kind::Mark => Datum::Mark(u32::from_ne_bytes(*bytes.first_chunk()?)),
        Kind::Index => Datum::Index(u32::from_ne_bytes(*bytes.first_chunk()?)),
        Kind::Interface => {
            let name = bytes.split(|byte| *byte == 0).next()?;
            Datum::Interface(std::str::from_utf8(name).ok()?.into())
        }
    })
}
