//! From statements to the kernel's expressions.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::abi::{NFPROTO_IPV4, NFPROTO_IPV6};
use crate::expr::{Compare, CtKey, Expr, Header, LookupDest, MetaKey, Reg};
use crate::rule::{Field, NatTarget, RejectWith, SetRef, Statement, Test};
use crate::set::{Datum, Kind};
use crate::table::Family;

/// The first register. Every statement starts from it: none outlives its statement.
const FIRST: Reg = Reg(0);

/// Appends the expressions of one statement.
pub(crate) fn lower<'a>(family: Family, statement: &'a Statement, out: &mut Vec<Expr<'a>>) {
    match statement {
        Statement::Match { key, test } => lower_match(family, key, test, out),
        Statement::Dispatch { key, map } => {
            load_all(family, key, out);
            out.push(lookup(map, LookupDest::Verdict, false));
        }
        Statement::Verdict(verdict) => out.push(Expr::Verdict(verdict)),
        Statement::MarkOr(bits) => change_mark(!bits, *bits, out),
        Statement::MarkXor(bits) => change_mark(u32::MAX, *bits, out),
        Statement::Dnat(target) => lower_dnat(family, target, out),
        Statement::Snat(addr) => {
            out.push(Expr::Load { dest: FIRST, value: datum_bytes(&Datum::Addr(*addr)) });
            out.push(Expr::Nat { dest_nat: false, family: number(family), addr: FIRST, port: None });
        }
        Statement::Masquerade { random_port } => {
            const FULLY_RANDOM: u32 = 0x10;
            out.push(Expr::Masquerade { flags: if *random_port { FULLY_RANDOM } else { 0 } });
        }
        Statement::Reject(with) => out.push(lower_reject(family, *with)),
        Statement::Remember { set, key, timeout } => {
            load_all(family, key, out);
            out.push(Expr::Remember { set, key: FIRST, timeout: *timeout });
        }
        Statement::Count => out.push(Expr::Counter),
        Statement::LimitPerSecond { rate, burst } => {
            out.push(Expr::Limit { per_second: *rate, burst: *burst });
        }
        Statement::Log { prefix } => out.push(Expr::Log { prefix }),
    }
}

/// The netfilter number of a family.
pub(crate) fn number(family: Family) -> u8 {
    match family {
        Family::Ip => NFPROTO_IPV4,
        Family::Ip6 => NFPROTO_IPV6,
    }
}

/// A value's bytes as they stand in a register, without padding.
pub(crate) fn datum_bytes(datum: &Datum) -> Vec<u8> {
    match datum {
        Datum::Addr(IpAddr::V4(addr)) => addr.octets().to_vec(),
        Datum::Addr(IpAddr::V6(addr)) => addr.octets().to_vec(),
        Datum::Protocol(number) => vec![*number],
        Datum::Port(port) => port.to_be_bytes().to_vec(),
        Datum::Mark(number) | Datum::Index(number) => number.to_ne_bytes().to_vec(),
        Datum::Interface(name) => {
            let mut bytes = name.as_bytes().to_vec();
            bytes.resize(Kind::Interface.len(), 0);
            bytes
        }
    }
}

/// A key's bytes: one value as it is, several each padded to whole registers.
pub(crate) fn key_bytes(key: &[Datum]) -> Vec<u8> {
    if let [only] = key {
        return datum_bytes(only);
    }
    let mut bytes = Vec::new();
    for datum in key {
        bytes.extend(datum_bytes(datum));
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

fn lower_match<'a>(family: Family, key: &[Field], test: &'a Test, out: &mut Vec<Expr<'a>>) {
    load_all(family, key, out);
    match test {
        Test::Is(datum) => out.push(compare(Compare::Equal, datum_bytes(datum))),
        Test::IsNot(datum) => out.push(compare(Compare::NotEqual, datum_bytes(datum))),
        Test::Within(net) => lower_prefix(net, Compare::Equal, out),
        Test::Outside(net) => lower_prefix(net, Compare::NotEqual, out),
        Test::In(set) => out.push(lookup(set, LookupDest::Nothing, false)),
        Test::NotIn(set) => out.push(lookup(set, LookupDest::Nothing, true)),
        Test::Any(bits) => lower_bits(*bits, Compare::NotEqual, out),
        Test::NoneOf(bits) => lower_bits(*bits, Compare::Equal, out),
    }
}

fn lower_prefix(net: &IpNet, op: Compare, out: &mut Vec<Expr<'_>>) {
    let mask = datum_bytes(&Datum::Addr(net.netmask()));
    let xor = vec![0; mask.len()];
    out.push(Expr::Bitwise { reg: FIRST, mask, xor });
    out.push(compare(op, datum_bytes(&Datum::Addr(net.network()))));
}

fn lower_bits(bits: u32, op: Compare, out: &mut Vec<Expr<'_>>) {
    out.push(Expr::Bitwise { reg: FIRST, mask: bits.to_ne_bytes().to_vec(), xor: vec![0; 4] });
    out.push(compare(op, vec![0; 4]));
}

fn lower_dnat<'a>(family: Family, target: &'a NatTarget, out: &mut Vec<Expr<'a>>) {
    let addr = FIRST;
    let port = after(addr, family.addr_kind());
    match target {
        NatTarget::To(ip, number) => {
            out.push(Expr::Load { dest: addr, value: datum_bytes(&Datum::Addr(*ip)) });
            out.push(Expr::Load { dest: port, value: datum_bytes(&Datum::Port(*number)) });
        }
        NatTarget::Lookup { key, map } => {
            load_all(family, key, out);
            out.push(lookup(map, LookupDest::Reg(addr), false));
        }
    }
    out.push(Expr::Nat { dest_nat: true, family: number(family), addr, port: Some(port) });
}

fn lower_reject<'a>(family: Family, with: RejectWith) -> Expr<'a> {
    const ICMP: u32 = 0;
    const TCP_RESET: u32 = 1;
    let (kind, code) = match (with, family) {
        (RejectWith::TcpReset, _) => (TCP_RESET, 0),
        (RejectWith::PortUnreachable, Family::Ip) => (ICMP, 3),
        (RejectWith::PortUnreachable, Family::Ip6) => (ICMP, 4),
        (RejectWith::Prohibited, Family::Ip) => (ICMP, 13),
        (RejectWith::Prohibited, Family::Ip6) => (ICMP, 1),
    };
    Expr::Reject { kind, code }
}

fn change_mark(mask: u32, xor: u32, out: &mut Vec<Expr<'_>>) {
    let (mask, xor) = (mask.to_ne_bytes().to_vec(), xor.to_ne_bytes().to_vec());
    out.push(Expr::Meta { dest: FIRST, key: MetaKey::Mark });
    out.push(Expr::Bitwise { reg: FIRST, mask, xor });
    out.push(Expr::SetMeta { source: FIRST, key: MetaKey::Mark });
}

fn compare<'a>(op: Compare, value: Vec<u8>) -> Expr<'a> {
    Expr::Compare { source: FIRST, op, value }
}

fn lookup(set: &SetRef, dest: LookupDest, invert: bool) -> Expr<'_> {
    Expr::Lookup { source: FIRST, set, dest, invert }
}

/// Loads fields into registers, one behind the other.
fn load_all(family: Family, key: &[Field], out: &mut Vec<Expr<'_>>) {
    let mut dest = FIRST;
    for field in key {
        load(family, *field, dest, out);
        dest = after(dest, field.kind(family));
    }
}

fn after(reg: Reg, kind: Kind) -> Reg {
    let registers = u8::try_from(kind.padded_len() / 4).unwrap_or(u8::MAX);
    Reg(reg.0.saturating_add(registers))
}

fn load(family: Family, field: Field, dest: Reg, out: &mut Vec<Expr<'_>>) {
    let addr = |v4, v6| match family {
        Family::Ip => Expr::Payload { dest, header: Header::Network, offset: v4, len: 4 },
        Family::Ip6 => Expr::Payload { dest, header: Header::Network, offset: v6, len: 16 },
    };
    let port = |offset| Expr::Payload { dest, header: Header::Transport, offset, len: 2 };
    let meta = |key| Expr::Meta { dest, key };
    let ct = |key| Expr::Ct { dest, key };
    let expr = match field {
        Field::SourceAddr => addr(12, 8),
        Field::DestAddr => addr(16, 24),
        Field::SourcePort => port(0),
        Field::DestPort => port(2),
        Field::Protocol => meta(MetaKey::Protocol),
        Field::Mark => meta(MetaKey::Mark),
        Field::InputInterface => meta(MetaKey::InputInterface),
        Field::OutputInterface => meta(MetaKey::OutputInterface),
        Field::CtState => ct(CtKey::State),
        Field::CtStatus => ct(CtKey::Status),
        Field::CtOriginalDestPort => ct(CtKey::OriginalDestPort),
        Field::CtOriginalDestAddr => ct(match family {
            Family::Ip => CtKey::OriginalDestIp,
            Family::Ip6 => CtKey::OriginalDestIp6,
        }),
        Field::SourceType => Expr::Fib { dest, source_addr: true },
        Field::DestType => Expr::Fib { dest, source_addr: false },
        Field::Random(modulus) => Expr::Numgen { dest, modulus, random: true },
        Field::RoundRobin(modulus) => Expr::Numgen { dest, modulus, random: false },
        Field::SourceHash { modulus, seed } => {
            out.push(addr(12, 8));
            let len = u32::try_from(family.addr_kind().len()).unwrap_or_default();
            Expr::Hash { source: dest, dest, len, modulus, seed }
        }
    };
    out.push(expr);
}
