//! Against the running kernel, each test in a network namespace of its own,
//! read back with the machine's `nft`.

mod namespace;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use ironclad_nft::conntrack::{Conntrack, UDP};
use ironclad_nft::*;
use namespace::{Namespace, nft, run};

/// Runs a test in a namespace of its own, if there can be one.
fn in_namespace<T: Send>(test: impl FnOnce() -> T + Send) -> Option<T> {
    Namespace::new().map(|namespace| namespace.run(test))
}

/// A ruleset with every kind of statement, field, set and element there is.
fn everything(family: Family) -> Ruleset {
    let v6 = family == Family::Ip6;
    let addr = |last: u8| -> IpAddr {
        if v6 {
            Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last.into()).into()
        } else {
            Ipv4Addr::new(10, 0, 0, last).into()
        }
    };
    let net = |text4: &str, text6: &str| if v6 { text6.parse() } else { text4.parse() }.expect("net");
    let service_key = [family.addr_kind(), Kind::Protocol, Kind::Port];
    let mut table = Table::default();

    let mut services = Set::new(SetSpec::verdict_map(service_key));
    for (proto, port) in [(6, 80), (17, 53), (132, 9)] {
        let name = key([Datum::Addr(addr(1)), Datum::Protocol(proto), Datum::Port(port)]);
        services.map(name, Data::Verdict(Verdict::Goto("service-a/b".into())));
    }
    table.sets.insert("services".into(), services);

    let mut plain = Set::new(SetSpec::of([family.addr_kind()]));
    (1..200).for_each(|last| plain.add(key([Datum::Addr(addr(last))])));
    table.sets.insert("plain".into(), plain);

    let mut ranges = Set::new(SetSpec { interval: true, ..SetSpec::of([family.addr_kind()]) });
    ranges.add_range(key([Datum::Addr(addr(1))]), key([Datum::Addr(addr(9))]));
    ranges.add_range(key([Datum::Addr(addr(10))]), key([Datum::Addr(addr(20))]));
    table.sets.insert("ranges".into(), ranges);

    let mut ports = Set::new(SetSpec { interval: true, ..SetSpec::of([Kind::Port]) });
    ports.add_range(key([Datum::Port(60000)]), key([Datum::Port(65535)]));
    table.sets.insert("ports".into(), ports);

    let mut pairs = Set::new(SetSpec { interval: true, ..SetSpec::of([family.addr_kind(), Kind::Port]) });
    pairs.add_range(
        key([Datum::Addr(addr(1)), Datum::Port(80)]),
        key([Datum::Addr(addr(4)), Datum::Port(90)]),
    );
    table.sets.insert("pairs".into(), pairs);

    table.sets.insert(
        "affinity".into(),
        Set::new(SetSpec {
            dynamic: true,
            timeout: Some(Duration::from_secs(10800)),
            size: Some(65535),
            ..SetSpec::of([family.addr_kind()])
        }),
    );

    let endpoints = |count: u8| {
        let mut map = Set::new(SetSpec::map([Kind::Index], [family.addr_kind(), Kind::Port]));
        for index in 0..count {
            let to = key([Datum::Addr(addr(100 + index)), Datum::Port(8080)]);
            map.map(key([Datum::Index(index.into())]), Data::Values(to));
        }
        SetRef::inline(map)
    };
    let mut sources = Set::new(SetSpec { interval: true, ..SetSpec::of([family.addr_kind()]) });
    sources.add_range(key([Datum::Addr(addr(1))]), key([Datum::Addr(addr(3))]));
    sources.add_range(key([Datum::Addr(addr(64))]), key([Datum::Addr(addr(127))]));

    let service: Name = "service-a/b".into();
    let when = Statement::when;
    let service_rules = vec![
        Rule::commented(
            "one",
            [
                when(Field::Protocol, Test::Is(Datum::Protocol(6))),
                Statement::Dnat(NatTarget::To(addr(100), 8080)),
            ],
        ),
        Rule::commented(
            "many",
            [
                when(Field::Protocol, Test::Is(Datum::Protocol(6))),
                Statement::Dnat(NatTarget::Lookup { key: vec![Field::Random(3)], map: endpoints(3) }),
            ],
        ),
    ];
    table.chain(&service).rules = service_rules;

    let mut dispatch = Set::new(SetSpec::verdict_map([Kind::Index]));
    dispatch.map(key([Datum::Index(0)]), Data::Verdict(Verdict::Goto("plain-rules".into())));
    dispatch.map(key([Datum::Index(1)]), Data::Verdict(Verdict::Drop));
    table.chain(&"plain-rules".into()).rules = vec![
        Rule::new([
            when(Field::SourceAddr, Test::Within(net("10.1.0.0/16", "fd01::/48"))),
            Statement::MarkOr(0x4000),
        ]),
        Rule::new([
            when(Field::SourceAddr, Test::Outside(net("10.1.128.0/17", "fd01::/49"))),
            Statement::Count,
        ]),
        Rule::new([
            when(Field::SourceAddr, Test::NotIn(SetRef::inline(sources))),
            Statement::Verdict(Verdict::Drop),
        ]),
        Rule::new([
            when(Field::DestAddr, Test::In(SetRef::named("plain"))),
            Statement::Verdict(Verdict::Return),
        ]),
        Rule::new([
            when(Field::DestAddr, Test::In(SetRef::named("ranges"))),
            Statement::Verdict(Verdict::Accept),
        ]),
        Rule::new([
            Statement::Match {
                key: vec![Field::DestAddr, Field::DestPort],
                test: Test::In(SetRef::named("pairs")),
            },
            Statement::Verdict(Verdict::Accept),
        ]),
        Rule::new([when(Field::CtState, Test::Any(Bits::NEW | Bits::ESTABLISHED)), Statement::Count]),
        Rule::new([when(Field::CtStatus, Test::Any(Bits::DNAT)), Statement::Count]),
        Rule::new([when(Field::SourceType, Test::Is(Datum::Index(Bits::LOCAL))), Statement::Count]),
        Rule::new([when(Field::DestType, Test::Is(Datum::Index(Bits::LOCAL))), Statement::Count]),
        Rule::new([
            when(Field::OutputInterface, Test::IsNot(Datum::Interface("lo".into()))),
            Statement::Count,
        ]),
        Rule::new([when(Field::InputInterface, Test::Is(Datum::Interface("cni0".into()))), Statement::Count]),
        Rule::new([
            Statement::LimitPerSecond { rate: 10, burst: 5 },
            Statement::Log { prefix: "dropped: ".into() },
        ]),
        Rule::new([Statement::Remember {
            set: "affinity".into(),
            key: vec![Field::SourceAddr],
            timeout: None,
        }]),
    ];
    table.chain(&"dispatch".into()).rules = vec![
        Rule::new([Statement::Dispatch {
            key: vec![Field::Random(2)],
            map: SetRef::inline(dispatch.clone()),
        }]),
        Rule::new([Statement::Dispatch {
            key: vec![Field::SourceHash { modulus: 2, seed: 0xabc }],
            map: SetRef::inline(dispatch),
        }]),
        Rule::commented("the last word", [Statement::Reject(RejectWith::PortUnreachable)]),
    ];
    table.chain(&"refuse".into()).rules = vec![
        Rule::new([
            when(Field::Protocol, Test::Is(Datum::Protocol(6))),
            Statement::Reject(RejectWith::TcpReset),
        ]),
        Rule::new([Statement::Reject(RejectWith::Prohibited)]),
    ];
    table.chain(&"leave".into()).rules = vec![
        Rule::new([
            when(Field::Mark, Test::Any(0x4000)),
            Statement::MarkXor(0x4000),
            Statement::Masquerade { random_port: true },
        ]),
        Rule::new([when(Field::Mark, Test::NoneOf(0x4000)), Statement::Snat(addr(7))]),
    ];
    let vmap = Rule::new([Statement::Dispatch {
        key: vec![Field::DestAddr, Field::Protocol, Field::DestPort],
        map: SetRef::named("services"),
    }]);
    let jump = |chain: &str| Rule::new([Statement::jump(&chain.into())]);
    let mut base = |name: &str, kind, hook, priority, rules: Vec<Rule>| {
        let chain = Chain { rules, ..Chain::base(kind, hook, priority) };
        table.chains.insert(name.into(), chain);
    };
    base("nat-prerouting", ChainKind::Nat, Hook::Prerouting, -100, vec![vmap]);
    base("nat-postrouting", ChainKind::Nat, Hook::Postrouting, 100, vec![jump("leave")]);
    base(
        "filter-input",
        ChainKind::Filter,
        Hook::Input,
        0,
        vec![Rule::new([when(Field::CtState, Test::Any(Bits::NEW)), Statement::jump(&"refuse".into())])],
    );
    base("filter-forward", ChainKind::Filter, Hook::Forward, -10, vec![jump("dispatch")]);
    Ruleset::from([(TableId::new(family, "t"), table)])
}

/// What `nft` lists, without the digests in our comments.
fn listing(family: Family) -> String {
    let text = nft(&["list", "table", &family.to_string(), "t"], "");
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = match line.split_once(" comment \"") {
            Some((rule, comment)) => match comment.rsplit_once('#').map(|(words, _)| words.trim()) {
                Some("") => rule.to_owned(),
                Some(words) => format!("{rule} comment \"{words}\""),
                None => line.to_owned(),
            },
            None => line.to_owned(),
        };
        lines.push(line);
    }
    lines.join("\n")
}

fn check_same_as_nft(family: Family) {
    let ruleset = everything(family);
    let Some(ours) = in_namespace(|| {
        let transaction = diff(&Inventory::default(), &ruleset);
        Netfilter::open().expect("socket").commit(&transaction.ops).expect("committed");
        listing(family)
    }) else {
        return;
    };
    let text = render(&ruleset);
    let theirs = in_namespace(|| {
        nft(&["-f", "-"], &text);
        listing(family)
    });
    assert_eq!(Some(ours), theirs, "nft makes something else of:\n{text}");
}

#[test]
fn what_we_encode_is_what_nft_makes_of_the_rendered_text_for_ipv4() {
    check_same_as_nft(Family::Ip);
}

#[test]
fn what_we_encode_is_what_nft_makes_of_the_rendered_text_for_ipv6() {
    check_same_as_nft(Family::Ip6);
}

#[test]
fn what_is_written_is_listed_the_same() {
    for family in [Family::Ip, Family::Ip6] {
        in_namespace(|| {
            let ruleset = everything(family);
            let mut netfilter = Netfilter::open().expect("socket");
            netfilter.commit(&diff(&Inventory::default(), &ruleset).ops).expect("committed");
            let listed = netfilter.list("t").expect("listed");
            let said: Vec<String> = diff(&listed, &ruleset).ops.iter().map(ToString::to_string).collect();
            assert_eq!(said, [""; 0]);
            assert_eq!(listed, ruleset.inventory());
        });
    }
}

fn applier() -> Applier {
    Applier::new(Box::new(Netfilter::open().expect("socket")), "t")
}

#[test]
fn a_restart_changes_nothing_and_keeps_learned_elements() {
    in_namespace(|| {
        let ruleset = Arc::new(everything(Family::Ip));
        assert!(applier().apply(&ruleset).expect("applied").changes > 0);
        nft(&["add", "element", "ip", "t", "affinity", "{ 10.9.9.9 timeout 1h }"], "");
        assert_eq!(applier().apply(&ruleset).expect("adopted").changes, 0);
        assert!(listing(Family::Ip).contains("10.9.9.9 timeout 1h"));
    });
}

#[test]
fn changes_by_others_are_repaired() {
    in_namespace(|| {
        let ruleset = Arc::new(everything(Family::Ip));
        let mut applier = applier();
        applier.apply(&ruleset).expect("applied");
        let whole = listing(Family::Ip);
        let damages: [&[&str]; 6] = [
            &["flush", "ruleset"],
            &["flush", "chain", "ip", "t", "leave"],
            &["insert", "rule", "ip", "t", "refuse", "accept"],
            &["add", "element", "ip", "t", "plain", "{ 1.2.3.4 }"],
            &["flush", "map", "ip", "t", "services"],
            &["add", "chain", "ip", "t", "foreign"],
        ];
        for damage in damages {
            nft(damage, "");
            let repaired = applier.repair(&ruleset).expect("repaired");
            assert!(repaired.recovered_from.is_none(), "{damage:?}: {:?}", repaired.recovered_from);
            assert_eq!(listing(Family::Ip), whole, "after {damage:?}");
        }
        assert_eq!(applier.repair(&ruleset).expect("quiet").changes, 0);
    });
}

#[test]
fn everything_can_be_taken_back_step_by_step_and_torn_down() {
    in_namespace(|| {
        let mut applier = applier();
        let full = Arc::new(everything(Family::Ip));
        let mut less = everything(Family::Ip);
        for table in less.0.values_mut() {
            table.chains.remove("service-a/b");
            table.sets.get_mut("services").expect("set").elements.clear();
            table.sets.get_mut("affinity").expect("set").spec.timeout = Some(Duration::from_secs(5));
        }
        let less = Arc::new(less);
        for _ in 0..3 {
            for ruleset in [&full, &less] {
                let applied = applier.apply(ruleset).expect("applied");
                assert!(applied.recovered_from.is_none(), "{:?}", applied.recovered_from);
            }
        }
        assert!(!listing(Family::Ip).contains("service-a/b"));
        applier.teardown().expect("torn down");
        applier.teardown().expect("twice is as good as once");
        assert_eq!(nft(&["list", "ruleset"], ""), "");
    });
}

#[test]
fn a_refusal_names_the_change_and_leaves_everything_as_it_was() {
    in_namespace(|| {
        let table = TableId::new(Family::Ip, "t");
        let to_nowhere = Rule::new([Statement::goto(&"nowhere".into())]);
        let chain: Name = "c".into();
        let ops = [
            Op::AddTable(table.clone()),
            Op::AddChain { table: table.clone(), chain: chain.clone(), base: None },
            Op::AddRule { table: table.clone(), chain, rule: to_nowhere },
        ];
        let error = Netfilter::open().expect("socket").commit(&ops).expect_err("refused");
        assert!(error.to_string().starts_with("cannot add rule to ip t c: No such file"), "{error}");
        let CommitError::Refused { index: 2, .. } = error else { panic!("{error:?}") };
        assert_eq!(nft(&["list", "ruleset"], ""), "");
    });
}

#[test]
fn a_big_transaction_is_one_transaction() {
    in_namespace(|| {
        let mut table = Table::default();
        let spec = || SetSpec::verdict_map([Kind::Ipv4Addr, Kind::Protocol, Kind::Port]);
        for index in 0..3000_u32 {
            let name: Name = format!("service-{index}").into();
            table.chain(&name).rules.push(Rule::new([Statement::Count]));
            let addr = Datum::Addr(Ipv4Addr::from(0x0a00_0000 + index).into());
            let goto = Data::Verdict(Verdict::Goto(name));
            let services = table.set(&"services".into(), spec);
            services.map(key([addr, Datum::Protocol(6), Datum::Port(80)]), goto);
        }
        let ruleset = Arc::new(Ruleset::from([(TableId::new(Family::Ip, "t"), table)]));
        let mut first = applier();
        let applied = first.apply(&ruleset).expect("applied");
        assert!(applied.recovered_from.is_none());
        assert_eq!(applier().apply(&ruleset).expect("adopted").changes, 0);
    });
}

#[test]
fn udp_entries_are_listed_and_deleted() {
    in_namespace(|| {
        // Tracking is only on where a rule asks for it.
        nft(
            &["-f", "-"],
            "table ip t {\n chain c {\n type filter hook input priority 0\n ct state new counter\n }\n }\n",
        );
        let server = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let client = UdpSocket::bind("127.0.0.1:0").expect("bound");
        client.send_to(b"hello", server.local_addr().expect("addr")).expect("sent");
        let mut conntrack = Conntrack::open().expect("socket");
        let dest = server.local_addr().expect("addr");
        let flows = conntrack.list(Family::Ip, UDP, |flow| flow.original.dest == dest).expect("listed");
        assert_eq!(flows.len(), 1);
        assert_eq!(flows[0].original.source, client.local_addr().expect("addr"));
        assert_eq!(flows[0].reply.source, dest);
        assert!(conntrack.delete(&flows[0]).expect("deleted"));
        assert!(!conntrack.delete(&flows[0]).expect("gone already"));
        assert_eq!(conntrack.list(Family::Ip, UDP, |_| true).expect("listed"), []);
    });
}

#[test]
fn a_namespace_has_its_own_tables() {
    in_namespace(|| {
        assert_eq!(run("ip", &["-o", "link"], "").lines().count(), 1);
        assert_eq!(Netfilter::open().expect("socket").list("t").expect("listed"), Inventory::default());
    });
}
