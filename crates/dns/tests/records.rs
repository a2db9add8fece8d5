//! Objects in, answers out, against the Kubernetes DNS specification 1.1.0
//! (kubernetes/dns, docs/specification.md).

use std::sync::Arc;

use hickory_proto::rr::{Name, Record};
use ironclad_dns::{Answer, Question, Records, ZoneConfig};
use serde_json::{Value, json};

fn object<T: serde::de::DeserializeOwned>(value: Value) -> Arc<T> {
    Arc::new(serde_json::from_value(value).expect("an object"))
}

/// A cluster with one service of each sort.
fn records() -> Records {
    let services = [
        json!({
            "metadata": {"namespace": "default", "name": "web"},
            "spec": {"clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10", "fd00:96::a"], "ports": [
                {"name": "http", "port": 80}, {"name": "dns", "protocol": "UDP", "port": 53},
            ]},
        }),
        json!({
            "metadata": {"namespace": "default", "name": "plain"},
            "spec": {"clusterIP": "10.96.0.11", "ports": [{"port": 80}]},
        }),
        json!({
            "metadata": {"namespace": "prod", "name": "db"},
            "spec": {"clusterIP": "None", "ports": [{"name": "sql", "port": 5432}]},
        }),
        json!({
            "metadata": {"namespace": "prod", "name": "lonely"},
            "spec": {"clusterIP": "None", "ports": [{"name": "sql", "port": 5432}]},
        }),
        json!({
            "metadata": {"namespace": "prod", "name": "early"},
            "spec": {"clusterIP": "None", "publishNotReadyAddresses": true},
        }),
        json!({
            "metadata": {"namespace": "prod", "name": "far"},
            "spec": {"type": "ExternalName", "externalName": "Example.org"},
        }),
        json!({
            "metadata": {"namespace": "prod", "name": "numeric"},
            "spec": {"type": "ExternalName", "externalName": "192.0.2.1"},
        }),
        json!({"metadata": {"namespace": "prod", "name": "pending"}, "spec": {"clusterIP": ""}}),
        json!({"metadata": {}}),
    ];
    let slice = |service: &str, kind: &str, ports: Value, endpoints: Value| {
        json!({
            "metadata": {"namespace": if service == "web" { "default" } else { "prod" },
                "name": format!("{service}-{kind}"), "labels": {"kubernetes.io/service-name": service}},
            "addressType": kind, "ports": ports, "endpoints": endpoints,
        })
    };
    let sql = || json!([{"name": "sql", "port": 5432, "protocol": "TCP"}]);
    let slices = [
        slice(
            "web",
            "IPv4",
            json!([{"name": "http", "port": 8080}]),
            json!([
                {"addresses": ["10.244.0.9"], "conditions": {"ready": true}},
            ]),
        ),
        slice(
            "db",
            "IPv4",
            sql(),
            json!([
                {"addresses": ["10.244.0.2"], "hostname": "db-1", "conditions": {"ready": true}},
                {"addresses": ["10.244.0.1"], "hostname": "db-0", "conditions": {}},
                {"addresses": ["10.244.0.3"], "hostname": "db-2", "conditions": {"ready": false}},
                {"addresses": ["10.244.0.4"]},
                {"addresses": ["nonsense"]},
                {"addresses": []},
            ]),
        ),
        slice(
            "db",
            "IPv6",
            sql(),
            json!([
                {"addresses": ["fd00:244::1"], "hostname": "db-0"}, {"addresses": ["fd00:244::"]},
            ]),
        ),
        slice("db", "FQDN", sql(), json!([{"addresses": ["db.example.org"]}])),
        slice(
            "lonely",
            "IPv4",
            sql(),
            json!([
                {"addresses": ["10.244.0.5"], "conditions": {"ready": false}},
            ]),
        ),
        slice(
            "early",
            "IPv4",
            json!([]),
            json!([
                {"addresses": ["10.244.0.6"], "conditions": {"ready": false}},
            ]),
        ),
        json!({"metadata": {"namespace": "prod"}, "addressType": "IPv4", "endpoints": []}),
    ];
    let zone =
        ZoneConfig { nameservers: vec!["10.96.0.53".parse().expect("address")], ..ZoneConfig::default() };
    let records = Records::build(&services.map(object), &slices.map(object), &zone);
    records.with_namespaces(["default", "prod", "empty"].map(String::from))
}

fn ask(records: &Records, question: &str) -> Vec<String> {
    let (name, kind) = question.split_once(' ').expect("name and kind");
    let name = Name::from_ascii(format!("{name}.")).expect("name");
    let answer = records.answer(&Question { name, kind: kind.parse().expect("kind") });
    let line = |section: &str, record: &Record| {
        let (name, ttl, kind) = (&record.name, record.ttl, record.record_type());
        format!("{section}{name} {ttl} {kind} {}", record.data)
    };
    match answer {
        Answer::Elsewhere => vec!["elsewhere".into()],
        Answer::Alias { alias, target } => vec![line("", &alias), format!("then {target}")],
        Answer::Own(reply) => {
            let mut lines: Vec<String> = reply.answers.iter().map(|each| line("", each)).collect();
            lines.extend(reply.additional.iter().map(|each| line("+ ", each)));
            if reply.answers.is_empty() {
                let authority =
                    reply.authority.iter().map(|each| format!(" {} {}", each.name, each.record_type()));
                lines.push(format!("{}{}", reply.code, authority.collect::<String>()));
            }
            lines
        }
    }
}

fn check(question: &str, expected: &[&str]) {
    assert_eq!(ask(&records(), question), expected, "{question}");
}

const NODATA: &[&str] = &["No Error cluster.local. SOA"];
const NXDOMAIN: &[&str] = &["Non-Existent Domain cluster.local. SOA"];

#[test]
fn a_service_has_its_cluster_ips() {
    check("web.default.svc.cluster.local A", &["web.default.svc.cluster.local. 5 A 10.96.0.10"]);
    check("web.default.svc.cluster.local AAAA", &["web.default.svc.cluster.local. 5 AAAA fd00:96::a"]);
    check("plain.default.svc.cluster.local A", &["plain.default.svc.cluster.local. 5 A 10.96.0.11"]);
    check("plain.default.svc.cluster.local AAAA", NODATA);
    check("web.default.svc.cluster.local MX", NODATA);
    check("web.prod.svc.cluster.local A", NXDOMAIN);
    check("pending.prod.svc.cluster.local A", NXDOMAIN);
}

#[test]
fn capitals_come_back_as_they_were_sent() {
    check("wEb.DEFAULT.svc.Cluster.Local A", &["wEb.DEFAULT.svc.Cluster.Local. 5 A 10.96.0.10"]);
}

#[test]
fn a_named_port_is_a_server() {
    check(
        "_http._tcp.web.default.svc.cluster.local SRV",
        &[
            "_http._tcp.web.default.svc.cluster.local. 5 SRV 0 100 80 web.default.svc.cluster.local.",
            "+ web.default.svc.cluster.local. 5 A 10.96.0.10",
            "+ web.default.svc.cluster.local. 5 AAAA fd00:96::a",
        ],
    );
    check(
        "_dns._udp.web.default.svc.cluster.local SRV",
        &[
            "_dns._udp.web.default.svc.cluster.local. 5 SRV 0 100 53 web.default.svc.cluster.local.",
            "+ web.default.svc.cluster.local. 5 A 10.96.0.10",
            "+ web.default.svc.cluster.local. 5 AAAA fd00:96::a",
        ],
    );
    check("_http._udp.web.default.svc.cluster.local SRV", NXDOMAIN);
    check("http.tcp.web.default.svc.cluster.local SRV", NXDOMAIN);
    check("_._tcp.plain.default.svc.cluster.local SRV", NXDOMAIN);
    check("_http._tcp.web.default.svc.cluster.local A", NODATA);
    check("_tcp.web.default.svc.cluster.local SRV", NODATA);
    check("_sctp.web.default.svc.cluster.local SRV", NXDOMAIN);
    check("a._http._tcp.web.default.svc.cluster.local SRV", NXDOMAIN);
}

#[test]
fn a_headless_service_has_its_ready_endpoints() {
    check(
        "db.prod.svc.cluster.local A",
        &[
            "db.prod.svc.cluster.local. 5 A 10.244.0.1",
            "db.prod.svc.cluster.local. 5 A 10.244.0.2",
            "db.prod.svc.cluster.local. 5 A 10.244.0.4",
        ],
    );
    check(
        "db.prod.svc.cluster.local AAAA",
        &["db.prod.svc.cluster.local. 5 AAAA fd00:244::", "db.prod.svc.cluster.local. 5 AAAA fd00:244::1"],
    );
    check("lonely.prod.svc.cluster.local A", NXDOMAIN);
    check("early.prod.svc.cluster.local A", &["early.prod.svc.cluster.local. 5 A 10.244.0.6"]);
}

#[test]
fn endpoints_have_names() {
    check("db-0.db.prod.svc.cluster.local A", &["db-0.db.prod.svc.cluster.local. 5 A 10.244.0.1"]);
    check("db-0.db.prod.svc.cluster.local AAAA", &["db-0.db.prod.svc.cluster.local. 5 AAAA fd00:244::1"]);
    check("db-1.db.prod.svc.cluster.local AAAA", NODATA);
    check("db-2.db.prod.svc.cluster.local A", NXDOMAIN);
    check(
        "10-244-0-4.db.prod.svc.cluster.local A",
        &["10-244-0-4.db.prod.svc.cluster.local. 5 A 10.244.0.4"],
    );
    check(
        "fd00-244--0.db.prod.svc.cluster.local AAAA",
        &["fd00-244--0.db.prod.svc.cluster.local. 5 AAAA fd00:244::"],
    );
    check(
        "10-244-0-9.web.default.svc.cluster.local A",
        &["10-244-0-9.web.default.svc.cluster.local. 5 A 10.244.0.9"],
    );
}

#[test]
fn the_servers_of_a_headless_service_are_its_endpoints() {
    check(
        "_sql._tcp.db.prod.svc.cluster.local SRV",
        &[
            "_sql._tcp.db.prod.svc.cluster.local. 5 SRV 0 25 5432 db-0.db.prod.svc.cluster.local.",
            "_sql._tcp.db.prod.svc.cluster.local. 5 SRV 0 25 5432 db-1.db.prod.svc.cluster.local.",
            "_sql._tcp.db.prod.svc.cluster.local. 5 SRV 0 25 5432 10-244-0-4.db.prod.svc.cluster.local.",
            "_sql._tcp.db.prod.svc.cluster.local. 5 SRV 0 25 5432 fd00-244--0.db.prod.svc.cluster.local.",
            "+ db-0.db.prod.svc.cluster.local. 5 A 10.244.0.1",
            "+ db-1.db.prod.svc.cluster.local. 5 A 10.244.0.2",
            "+ 10-244-0-4.db.prod.svc.cluster.local. 5 A 10.244.0.4",
            "+ fd00-244--0.db.prod.svc.cluster.local. 5 AAAA fd00:244::",
            "+ db-0.db.prod.svc.cluster.local. 5 AAAA fd00:244::1",
        ],
    );
    check("_sql._tcp.lonely.prod.svc.cluster.local SRV", NXDOMAIN);
}

#[test]
fn an_external_name_is_an_alias() {
    check(
        "far.prod.svc.cluster.local A",
        &["far.prod.svc.cluster.local. 5 CNAME Example.org.", "then Example.org."],
    );
    check("far.prod.svc.cluster.local CNAME", &["far.prod.svc.cluster.local. 5 CNAME Example.org."]);
    check("_x._tcp.far.prod.svc.cluster.local SRV", NXDOMAIN);
    check("numeric.prod.svc.cluster.local A", NXDOMAIN);
}

#[test]
fn addresses_have_names() {
    check("10.0.96.10.in-addr.arpa PTR", &["10.0.96.10.in-addr.arpa. 5 PTR web.default.svc.cluster.local."]);
    check("1.0.244.10.in-addr.arpa PTR", &["1.0.244.10.in-addr.arpa. 5 PTR db-0.db.prod.svc.cluster.local."]);
    check("10.0.96.10.in-addr.arpa A", NODATA);
    let nibbles = "a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f";
    check(
        &format!("{nibbles}.ip6.arpa PTR"),
        &[&format!("{nibbles}.ip6.arpa. 5 PTR web.default.svc.cluster.local.")],
    );
    check("3.0.244.10.in-addr.arpa PTR", &["elsewhere"]);
    check("1.1.1.1.in-addr.arpa PTR", &["elsewhere"]);
    check("96.10.in-addr.arpa PTR", &["elsewhere"]);
    check("x.y.in-addr.arpa PTR", &["elsewhere"]);
    check("arpa PTR", &["elsewhere"]);
}

#[test]
fn pods_are_named_by_their_address() {
    check(
        "10-244-0-7.default.pod.cluster.local A",
        &["10-244-0-7.default.pod.cluster.local. 5 A 10.244.0.7"],
    );
    check("10-244-0-7.default.pod.cluster.local AAAA", NODATA);
    check("fd00--7.empty.pod.cluster.local AAAA", &["fd00--7.empty.pod.cluster.local. 5 AAAA fd00::7"]);
    check("10-244-0-7.nowhere.pod.cluster.local A", NXDOMAIN);
    check("10-244-0.default.pod.cluster.local A", NXDOMAIN);
    check("web.default.pod.cluster.local A", NXDOMAIN);
}

#[test]
fn names_between_exist_and_have_nothing() {
    for name in ["svc", "pod", "default.svc", "prod.pod", "empty.svc", "dns", "ns.dns"] {
        check(&format!("{name}.cluster.local TXT"), NODATA);
    }
    for name in ["nowhere.svc", "nowhere.pod", "other", "a.b.c.d.e.svc", "a.b.c.d.e.f.svc", "web.default"] {
        check(&format!("{name}.cluster.local A"), NXDOMAIN);
    }
}

#[test]
fn the_zone_tells_about_itself() {
    check("dns-version.cluster.local TXT", &["dns-version.cluster.local. 5 TXT 1.1.0"]);
    check("dns-version.cluster.local A", NODATA);
    check("cluster.local NS", &["cluster.local. 5 NS ns.dns.cluster.local."]);
    check("cluster.local A", NODATA);
    check(
        "cluster.local SOA",
        &["cluster.local. 5 SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5"],
    );
    check("ns.dns.cluster.local A", &["ns.dns.cluster.local. 5 A 10.96.0.53"]);
}

#[test]
fn everything_else_is_elsewhere() {
    for name in
        ["example.org", "web", "web.default.svc", "cluster.local.example.org", "xcluster.local", "local"]
    {
        check(&format!("{name} A"), &["elsewhere"]);
    }
}

#[test]
fn before_the_first_sync_nobody_is_told_that_a_name_is_missing() {
    let records = Records::unsynced(&ZoneConfig::default());
    assert_eq!(ask(&records, "web.default.svc.cluster.local A"), ["Server Failure"]);
    assert_eq!(ask(&records, "10.0.96.10.in-addr.arpa PTR"), ["Server Failure"]);
    assert_eq!(ask(&records, "example.org A"), ["elsewhere"]);
}
