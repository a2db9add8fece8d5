use std::net::Ipv4Addr;

use super::*;
use crate::rule::{Field, SetRef, Statement, Test};
use crate::set::{Data, Datum, Kind, SetSpec, Verdict, key};
use crate::table::{ChainKind, Family, Hook};

/// A small ruleset from words: `chain:rule,rule` is a chain whose rules go to
/// the chains named, `set=element,element` a verdict map from ports to chains,
/// `set~N=` the same with a size of N, `@chain:` a base chain.
fn ruleset(words: &[&str]) -> Ruleset {
    let mut table = Table::default();
    for word in words {
        match word.split_once('=') {
            Some((name, elements)) => add_map(&mut table, name, elements),
            None => add_chain(&mut table, word),
        }
    }
    Tables([(TableId::new(Family::Ip, "t"), table)].into())
}

fn add_map(table: &mut Table<Rule>, name: &str, elements: &str) {
    let (name, size) = name.split_once('~').unwrap_or((name, ""));
    let spec = SetSpec { size: size.parse().ok(), ..SetSpec::verdict_map([Kind::Port]) };
    let set = table.set(&name.into(), || spec);
    for element in elements.split(',').filter(|element| !element.is_empty()) {
        let (port, chain) = element.split_once('>').expect("port>chain");
        let port = Datum::Port(port.parse().expect("port"));
        set.map(key([port]), Data::Verdict(Verdict::Goto(chain.into())));
    }
}

fn add_chain(table: &mut Table<Rule>, word: &str) {
    let (name, rules) = word.split_once(':').expect("chain:rules");
    let chain = table.chain(&name.trim_start_matches('@').into());
    if name.starts_with('@') {
        *chain = Chain::base(ChainKind::Filter, Hook::Input, rules.len() as i32);
    }
    for rule in rules.split(',').filter(|rule| !rule.is_empty()) {
        chain.rules.push(match rule.strip_prefix('$') {
            Some(map) => {
                Rule::new([Statement::Dispatch { key: vec![Field::DestPort], map: SetRef::named(map) }])
            }
            None => Rule::new([
                Statement::when(Field::SourceAddr, Test::Is(Datum::Addr(Ipv4Addr::LOCALHOST.into()))),
                Statement::goto(&rule.into()),
            ]),
        });
    }
}

fn check(have: &[&str], want: &[&str], ops: &[&str], retired: &[&str]) {
    let (have, want) = (ruleset(have), ruleset(want));
    let transaction = diff(&have, &want);
    let said: Vec<String> = transaction.ops.iter().map(Op::to_string).collect();
    assert_eq!(said, ops, "from a ruleset");
    let names: Vec<&str> = transaction.retired.iter().map(|(_, name)| &**name).collect();
    assert_eq!(names, retired);
    // A listing of the same state gives the same changes.
    assert_eq!(diff(&have.inventory(), &want), transaction, "from an inventory");
}

#[test]
fn what_is_equal_is_left_alone() {
    check(&["c:x", "x:", "m=1>x"], &["c:x", "x:", "m=1>x"], &[], &[]);
}

#[test]
fn a_new_service_is_its_chain_and_its_element() {
    check(
        &["c:$m", "m=1>a", "a:"],
        &["c:$m", "m=1>a,2>b", "a:", "b:a"],
        &["add chain ip t b", "add 1 elements to ip t m", "add rule to ip t b"],
        &[],
    );
}

#[test]
fn a_chain_with_one_other_rule_is_rewritten_whole() {
    check(
        &["c:x,y", "x:", "y:"],
        &["c:x,z", "x:", "y:", "z:"],
        &["flush chain ip t c", "add chain ip t z", "add rule to ip t c", "add rule to ip t c"],
        &[],
    );
}

#[test]
fn a_removed_service_leaves_its_chain_empty_and_retired() {
    check(
        &["c:$m", "m=1>a,2>b", "a:", "b:a"],
        &["c:$m", "m=1>a", "a:"],
        &["flush chain ip t b", "delete 1 elements of ip t m"],
        &["b"],
    );
}

#[test]
fn a_changed_value_is_deleted_and_added_in_one_transaction() {
    check(
        &["m=1>a", "a:", "b:"],
        &["m=1>b", "a:", "b:"],
        &["delete 1 elements of ip t m", "add 1 elements to ip t m"],
        &[],
    );
}

#[test]
fn a_replaced_set_takes_along_the_chains_that_look_into_it() {
    check(
        &["c:$m", "d:x", "x:", "m=1>x"],
        &["c:$m", "d:x", "x:", "m~9=1>x"],
        &[
            "flush chain ip t c",
            "delete set ip t m",
            "add set ip t m",
            "add 1 elements to ip t m",
            "add rule to ip t c",
        ],
        &[],
    );
}

#[test]
fn a_base_chain_with_another_priority_is_replaced() {
    check(
        &["@c:x", "x:", "y:"],
        &["@c:x,y", "x:", "y:"],
        &[
            "flush chain ip t c",
            "delete chain ip t c",
            "add chain ip t c",
            "add rule to ip t c",
            "add rule to ip t c",
        ],
        &[],
    );
}

#[test]
fn tables_come_and_go() {
    let some = ruleset(&["c:"]);
    let none = Ruleset::default();
    let said = |have, want| diff::<Rule>(have, want).ops.iter().map(Op::to_string).collect::<Vec<_>>();
    assert_eq!(said(&none, &some), ["add table ip t", "add chain ip t c"]);
    assert_eq!(said(&some, &none), ["delete table ip t"]);
}
