//! Rulesets in nft's own language: for people, dry runs and tests.

use std::fmt::{self, Display, Write};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::rule::{Bits, Field, NatTarget, RejectWith, Rule, SetRef, Statement, Test};
use crate::set::{Data, DataKind, Datum, Entry, Key, Set, SetSpec};
use crate::table::{BaseChain, Chain, Family, Ruleset, Table};

/// The ruleset as `nft -f` reads it. Rules' comments are without their digests.
pub fn render(ruleset: &Ruleset) -> String {
    let mut text = String::new();
    for (id, table) in &ruleset.0 {
        line(&mut text, 0, format_args!("table {id} {{"));
        render_table(&mut text, id.family, table);
        line(&mut text, 0, format_args!("}}"));
    }
    text
}

/// One rule as `nft add rule` reads it.
pub fn render_rule(family: Family, rule: &Rule) -> String {
    let mut words: Vec<String> =
        rule.statements.iter().map(|statement| statement_text(family, statement)).collect();
    if let Some(comment) = &rule.comment {
        words.push(format!("comment \"{comment}\""));
    }
    words.join(" ")
}

fn render_table(text: &mut String, family: Family, table: &Table) {
    for (name, set) in &table.sets {
        let word = if set.spec.data.is_some() { "map" } else { "set" };
        line(text, 1, format_args!("{word} {name} {{"));
        render_spec(text, &set.spec);
        render_elements(text, set);
        line(text, 1, format_args!("}}"));
    }
    for (name, chain) in &table.chains {
        line(text, 1, format_args!("chain {name} {{"));
        render_chain(text, family, chain);
        line(text, 1, format_args!("}}"));
    }
}

fn render_chain(text: &mut String, family: Family, chain: &Chain) {
    if let Some(BaseChain { kind, hook, priority, policy }) = &chain.base {
        let (kind, policy) = (kind.name(), policy.name());
        let words = format_args!("type {kind} hook {hook} priority {priority}; policy {policy};");
        line(text, 2, words);
    }
    for rule in &chain.rules {
        line(text, 2, format_args!("{}", render_rule(family, rule)));
    }
}

fn render_spec(text: &mut String, spec: &SetSpec) {
    let key = joined(spec.key.iter().map(|kind| kind.nft_name()));
    match &spec.data {
        None => line(text, 2, format_args!("type {key};")),
        Some(DataKind::Verdict) => line(text, 2, format_args!("type {key} : verdict;")),
        Some(DataKind::Values(kinds)) => {
            let values = joined(kinds.iter().map(|kind| kind.nft_name()));
            line(text, 2, format_args!("type {key} : {values};"));
        }
    }
    if let Some(size) = spec.size {
        line(text, 2, format_args!("size {size};"));
    }
    let flag = |on: bool, name| on.then_some(name);
    let timeout = spec.timeout.is_some() && !spec.dynamic;
    let flags = [
        flag(spec.interval, "interval"),
        flag(spec.dynamic && spec.timeout.is_some(), "dynamic,timeout"),
        flag(spec.dynamic && spec.timeout.is_none(), "dynamic"),
        flag(timeout, "timeout"),
    ];
    let flags: Vec<&str> = flags.into_iter().flatten().collect();
    if !flags.is_empty() {
        line(text, 2, format_args!("flags {};", flags.join(",")));
    }
    if let Some(timeout) = spec.timeout {
        line(text, 2, format_args!("timeout {}s;", timeout.as_secs()));
    }
}

fn render_elements(text: &mut String, set: &Set) {
    if set.elements.is_empty() {
        return;
    }
    line(text, 2, format_args!("elements = {{"));
    for (key, entry) in &set.elements {
        line(text, 3, format_args!("{},", element_text(key, entry)));
    }
    line(text, 2, format_args!("}}"));
}

fn element_text(key: &Key, entry: &Entry) -> String {
    let mut text = match &entry.until {
        None => joined(key.iter()),
        Some(until) => joined(key.iter().zip(until.iter()).map(|(from, to)| range_text(from, to))),
    };
    if let Some(timeout) = entry.timeout {
        let _ = write!(text, " timeout {}s", timeout.as_secs());
    }
    match &entry.data {
        None => text,
        Some(Data::Verdict(verdict)) => format!("{text} : {verdict}"),
        Some(Data::Values(values)) => format!("{text} : {}", joined(values.iter())),
    }
}

fn range_text(from: &Datum, to: &Datum) -> String {
    if from == to { from.to_string() } else { format!("{from}-{to}") }
}

fn statement_text(family: Family, statement: &Statement) -> String {
    match statement {
        Statement::Match { key, test } => match_text(family, key, test),
        Statement::Dispatch { key, map } => {
            format!("{} vmap {}", fields_text(family, key), set_text(map))
        }
        Statement::Verdict(verdict) => verdict.to_string(),
        Statement::MarkOr(bits) => format!("meta mark set meta mark | {bits:#010x}"),
        Statement::MarkXor(bits) => format!("meta mark set meta mark ^ {bits:#010x}"),
        Statement::Dnat(NatTarget::To(IpAddr::V4(addr), port)) => format!("dnat to {addr}:{port}"),
        Statement::Dnat(NatTarget::To(IpAddr::V6(addr), port)) => format!("dnat to [{addr}]:{port}"),
        Statement::Dnat(NatTarget::Lookup { key, map }) => {
            let key = fields_text(family, key);
            format!("dnat {family} addr . port to {key} map {}", set_text(map))
        }
        Statement::Snat(addr) => format!("snat to {addr}"),
        Statement::Masquerade { random_port: true } => "masquerade fully-random".into(),
        Statement::Masquerade { random_port: false } => "masquerade".into(),
        Statement::Reject(with) => reject_text(family, *with).into(),
        Statement::Remember { set, key, timeout } => {
            let timeout = timeout.map(|time| format!(" timeout {}s", time.as_secs()));
            let key = fields_text(family, key);
            format!("update @{set} {{ {key}{} }}", timeout.unwrap_or_default())
        }
        Statement::Count => "counter".into(),
        Statement::LimitPerSecond { rate, burst } => {
            format!("limit rate {rate}/second burst {burst} packets")
        }
        Statement::Log { prefix } => format!("log prefix \"{prefix}\""),
    }
}

fn reject_text(family: Family, with: RejectWith) -> &'static str {
    match (with, family) {
        (RejectWith::TcpReset, _) => "reject with tcp reset",
        (RejectWith::PortUnreachable, Family::Ip) => "reject with icmp port-unreachable",
        (RejectWith::PortUnreachable, Family::Ip6) => "reject with icmpv6 port-unreachable",
        (RejectWith::Prohibited, Family::Ip) => "reject with icmp admin-prohibited",
        (RejectWith::Prohibited, Family::Ip6) => "reject with icmpv6 admin-prohibited",
    }
}

fn match_text(family: Family, key: &[Field], test: &Test) -> String {
    let fields = fields_text(family, key);
    match test {
        Test::Is(datum) => format!("{fields} {}", datum_text(key, datum)),
        Test::IsNot(datum) => format!("{fields} != {}", datum_text(key, datum)),
        Test::Within(net) => format!("{fields} {}", net_text(net)),
        Test::Outside(net) => format!("{fields} != {}", net_text(net)),
        Test::In(set) => format!("{fields} {}", set_text(set)),
        Test::NotIn(set) => format!("{fields} != {}", set_text(set)),
        Test::Any(bits) => bits_text(&fields, key, *bits, ("", "!=")),
        Test::NoneOf(bits) => bits_text(&fields, key, *bits, ("! ", "==")),
    }
}

fn datum_text(key: &[Field], datum: &Datum) -> String {
    match (key, datum) {
        ([Field::SourceType | Field::DestType], Datum::Index(Bits::LOCAL)) => "local".into(),
        _ => datum.to_string(),
    }
}

fn net_text(net: &IpNet) -> String {
    net.trunc().to_string()
}

fn bits_text(fields: &str, key: &[Field], bits: u32, (negation, op): (&str, &str)) -> String {
    const STATES: &[(u32, &str)] = &[
        (Bits::INVALID, "invalid"),
        (Bits::ESTABLISHED, "established"),
        (Bits::RELATED, "related"),
        (Bits::NEW, "new"),
    ];
    let named = |names: &[(u32, &str)]| {
        let set = names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name);
        format!("{fields} {negation}{}", set.collect::<Vec<_>>().join(","))
    };
    match key {
        [Field::CtState] => named(STATES),
        [Field::CtStatus] => named(&[(Bits::DNAT, "dnat")]),
        _ => format!("{fields} & {bits:#010x} {op} 0x00000000"),
    }
}

fn set_text(set: &SetRef) -> String {
    match set {
        SetRef::Named(name) => format!("@{name}"),
        SetRef::Inline(set) => {
            let elements = set.elements.iter().map(|(key, entry)| element_text(key, entry));
            format!("{{ {} }}", elements.collect::<Vec<_>>().join(", "))
        }
    }
}

fn fields_text(family: Family, key: &[Field]) -> String {
    joined(key.iter().map(|field| field_text(family, *field)))
}

fn field_text(family: Family, field: Field) -> String {
    match field {
        Field::SourceAddr => format!("{family} saddr"),
        Field::DestAddr => format!("{family} daddr"),
        Field::Protocol => "meta l4proto".into(),
        Field::SourcePort => "th sport".into(),
        Field::DestPort => "th dport".into(),
        Field::Mark => "meta mark".into(),
        Field::InputInterface => "iifname".into(),
        Field::OutputInterface => "oifname".into(),
        Field::CtState => "ct state".into(),
        Field::CtStatus => "ct status".into(),
        Field::CtOriginalDestAddr => format!("ct original {family} daddr"),
        Field::CtOriginalDestPort => "ct original proto-dst".into(),
        Field::SourceType => "fib saddr type".into(),
        Field::DestType => "fib daddr type".into(),
        Field::Random(modulus) => format!("numgen random mod {modulus}"),
        Field::RoundRobin(modulus) => format!("numgen inc mod {modulus}"),
        Field::SourceHash { modulus, seed } => {
            format!("jhash {family} saddr mod {modulus} seed {seed:#x}")
        }
    }
}

/// Parts of a concatenation.
fn joined(parts: impl Iterator<Item = impl Display>) -> String {
    parts.map(|part| part.to_string()).collect::<Vec<_>>().join(" . ")
}

fn line(text: &mut String, depth: usize, words: fmt::Arguments<'_>) {
    (0..depth).for_each(|_| text.push('\t'));
    let _ = text.write_fmt(words);
    text.push('\n');
}
