//! The server on real sockets, with upstreams made for the purpose.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use ironclad_dns::{Records, Server, Upstreams, ZoneConfig};
use ironclad_env::{Env, RealEnv};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_util::sync::{CancellationToken, DropGuard};

const PATIENCE: Duration = Duration::from_secs(15);

/// A server that runs until this is dropped.
struct Running {
    addr: SocketAddr,
    publisher: ironclad_dns::Publisher,
    _stop: DropGuard,
}

fn start(upstreams: Upstreams) -> Running {
    let env: Env = RealEnv::shared();
    let addr = "127.0.0.1:0".parse().expect("address");
    let server = Server::bind(&[addr], upstreams, &ZoneConfig::default(), env).expect("bound");
    let (addr, publisher) = (server.addrs()[0], server.publisher());
    let cancel = CancellationToken::new();
    tokio::spawn(server.run(cancel.clone()));
    Running { addr, publisher, _stop: cancel.drop_guard() }
}

/// Services `default/web` at 10.96.0.10, `default/far`, an alias of
/// `big.example`, `default/a` and `default/b`, aliases of each other, and
/// `default/many` with 40 endpoints.
fn records() -> Arc<Records> {
    let alias = |name: &str, target: &str| {
        json!({
            "metadata": {"namespace": "default", "name": name},
            "spec": {"type": "ExternalName", "externalName": target},
        })
    };
    let services = [
        json!({"metadata": {"namespace": "default", "name": "web"}, "spec": {"clusterIP": "10.96.0.10"}}),
        json!({"metadata": {"namespace": "default", "name": "many"}, "spec": {"clusterIP": "None"}}),
        alias("far", "small.example"),
        alias("near", "web.default.svc.cluster.local"),
        alias("a", "b.default.svc.cluster.local"),
        alias("b", "a.default.svc.cluster.local"),
    ];
    let endpoints: Vec<_> = (1..=40).map(|last| json!({"addresses": [format!("10.244.0.{last}")]})).collect();
    let slice = json!({
        "metadata": {"namespace": "default", "labels": {"kubernetes.io/service-name": "many"}},
        "addressType": "IPv4", "ports": [], "endpoints": endpoints,
    });
    let services = services.map(|value| Arc::new(serde_json::from_value(value).expect("a Service")));
    let slice = Arc::new(serde_json::from_value(slice).expect("an EndpointSlice"));
    Arc::new(Records::build(&services, &[slice], &ZoneConfig::default()))
}

fn query(name: &str, edns: Option<u16>) -> Message {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.queries.push(Query::query(Name::from_ascii(name).expect("name"), RecordType::A));
    message.edns = edns.map(|payload| {
        let mut edns = Edns::new();
        edns.set_max_payload(payload);
        edns
    });
    message
}

async fn ask_udp(server: SocketAddr, message: &Message) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bound");
    socket.send_to(&message.to_vec().expect("encoded"), server).await.expect("sent");
    let mut buffer = [0; 4096];
    let received = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await;
    let length = received.expect("an answer in time").expect("received");
    let response = Message::from_vec(&buffer[..length]).expect("decoded");
    assert_eq!(response.metadata.id, message.metadata.id);
    assert_eq!(response.queries[0].name().to_ascii(), message.queries[0].name().to_ascii());
    response
}

async fn ask_tcp(stream: &mut TcpStream, message: &Message) -> Message {
    let bytes = message.to_vec().expect("encoded");
    stream.write_u16(bytes.len() as u16).await.expect("sent");
    stream.write_all(&bytes).await.expect("sent");
    let length = stream.read_u16().await.expect("received");
    let mut packet = vec![0; length.into()];
    stream.read_exact(&mut packet).await.expect("received");
    Message::from_vec(&packet).expect("decoded")
}

async fn ask(server: &Running, name: &str) -> Message {
    ask_udp(server.addr, &query(name, Some(1232))).await
}

fn ips(message: &Message) -> Vec<String> {
    let a = |record: &Record| match &record.data {
        RData::A(ip) => Some(ip.to_string()),
        _ => None,
    };
    message.answers.iter().filter_map(a).collect()
}

/// An upstream that knows `small.example` and, over TCP only, `big.example`.
struct Upstream {
    addr: SocketAddr,
    asked: Arc<AtomicUsize>,
}

async fn upstream(code: ResponseCode) -> Upstream {
    let tcp = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let addr = tcp.local_addr().expect("addr");
    let udp = UdpSocket::bind(addr).await.expect("bound");
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, client)) = udp.recv_from(&mut buffer).await {
            counter.fetch_add(1, Ordering::Relaxed);
            let mut response = upstream_answer(&buffer[..length], code);
            // A forged answer comes first, with a wrong id.
            let mut forged = response.clone();
            forged.metadata.id ^= 1;
            forged.answers.clear();
            let _ = udp.send_to(&forged.to_vec().expect("encoded"), client).await;
            if response.answers.len() > 1 {
                response.answers.clear();
                response.metadata.truncation = true;
            }
            let _ = udp.send_to(&response.to_vec().expect("encoded"), client).await;
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let mut packet = vec![0; stream.read_u16().await.expect("length").into()];
            stream.read_exact(&mut packet).await.expect("query");
            let bytes = upstream_answer(&packet, code).to_vec().expect("encoded");
            stream.write_u16(bytes.len() as u16).await.expect("sent");
            stream.write_all(&bytes).await.expect("sent");
        }
    });
    Upstream { addr, asked }
}

fn upstream_answer(packet: &[u8], code: ResponseCode) -> Message {
    let query = Message::from_vec(packet).expect("decoded");
    let mut response = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
    response.metadata.response_code = code;
    response.queries.clone_from(&query.queries);
    let name = query.queries[0].name().clone();
    let text = name.to_ascii().to_ascii_lowercase();
    if text == "small.example." {
        response.answers.push(Record::from_rdata(name, 100, RData::A(A::new(192, 0, 2, 1))));
    } else if text == "big.example." {
        let long = || RData::TXT(TXT::new(vec!["x".repeat(200)]));
        let records = (0..20).map(|_| Record::from_rdata(name.clone(), 100, long()));
        response.answers.extend(records);
    } else {
        response.metadata.response_code = ResponseCode::NXDomain;
    }
    response
}

fn fixed(upstreams: &[&Upstream]) -> Upstreams {
    Upstreams::Fixed(upstreams.iter().map(|each| each.addr).collect())
}

#[tokio::test]
async fn names_of_the_cluster_are_answered_with_authority() {
    let server = start(Upstreams::Fixed(Vec::new()));
    let name = "wEb.default.svc.cluster.local.";
    assert_eq!(ask(&server, name).await.metadata.response_code, ResponseCode::ServFail);
    server.publisher.publish(records());
    let response = ask(&server, name).await;
    assert_eq!(ips(&response), ["10.96.0.10"]);
    assert!(response.metadata.authoritative && response.metadata.recursion_available);
    let missing = ask(&server, "gone.default.svc.cluster.local.").await;
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(missing.authorities.len(), 1);
}

#[tokio::test]
async fn what_does_not_fit_into_udp_comes_over_tcp() {
    let server = start(Upstreams::Fixed(Vec::new()));
    server.publisher.publish(records());
    let many = "many.default.svc.cluster.local.";
    let short = ask_udp(server.addr, &query(many, None)).await;
    assert!(short.metadata.truncation && !short.answers.is_empty() && short.answers.len() < 40);
    let long = ask_udp(server.addr, &query(many, Some(4096))).await;
    assert!(!long.metadata.truncation);
    assert_eq!(long.answers.len(), 40);
    let mut stream = TcpStream::connect(server.addr).await.expect("connected");
    for _ in 0..3 {
        assert_eq!(ask_tcp(&mut stream, &query(many, None)).await.answers.len(), 40);
    }
}

#[tokio::test]
async fn the_first_address_changes_from_answer_to_answer() {
    let server = start(Upstreams::Fixed(Vec::new()));
    server.publisher.publish(records());
    let mut firsts = std::collections::BTreeSet::new();
    for _ in 0..40 {
        firsts.insert(ips(&ask(&server, "many.default.svc.cluster.local.").await)[0].clone());
    }
    assert_eq!(firsts.len(), 40);
}

#[tokio::test]
async fn other_names_are_upstreams_and_kept_for_a_while() {
    let up = upstream(ResponseCode::NoError).await;
    let server = start(fixed(&[&up]));
    for name in ["small.example.", "SMALL.example."] {
        let response = ask(&server, name).await;
        assert_eq!(ips(&response), ["192.0.2.1"]);
        assert!(!response.metadata.authoritative);
    }
    assert_eq!(up.asked.load(Ordering::Relaxed), 1);
    let missing = ask(&server, "missing.example.").await;
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn a_long_answer_of_upstream_is_fetched_over_tcp_for_a_client_over_tcp() {
    let up = upstream(ResponseCode::NoError).await;
    let server = start(fixed(&[&up]));
    assert!(ask(&server, "big.example.").await.metadata.truncation);
    let mut stream = TcpStream::connect(server.addr).await.expect("connected");
    let response = ask_tcp(&mut stream, &query("big.example.", None)).await;
    assert_eq!((response.answers.len(), response.metadata.truncation), (20, false));
    // Now it is kept, and still too long for UDP.
    assert!(ask(&server, "big.example.").await.metadata.truncation);
}

#[tokio::test]
async fn a_name_server_that_is_silent_or_fails_is_passed_over() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.expect("bound");
    let failing = upstream(ResponseCode::ServFail).await;
    let good = upstream(ResponseCode::NoError).await;
    let addrs = vec![silent.local_addr().expect("addr"), failing.addr, good.addr];
    let server = start(Upstreams::Fixed(addrs));
    assert_eq!(ips(&ask(&server, "small.example.").await), ["192.0.2.1"]);
    // The one that answered is asked first from now on.
    let started = std::time::Instant::now();
    ask(&server, "missing.example.").await;
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(failing.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn without_any_name_server_the_answer_is_a_failure_at_once() {
    let server = start(Upstreams::Fixed(Vec::new()));
    let response = ask(&server, "small.example.").await;
    assert_eq!(response.metadata.response_code, ResponseCode::ServFail);
}

#[tokio::test]
async fn aliases_are_followed_here_and_upstream_but_not_for_ever() {
    let up = upstream(ResponseCode::NoError).await;
    let server = start(fixed(&[&up]));
    server.publisher.publish(records());
    let far = ask(&server, "far.default.svc.cluster.local.").await;
    assert_eq!(far.answers[0].record_type(), RecordType::CNAME);
    assert_eq!(ips(&far), ["192.0.2.1"]);
    let near = ask(&server, "near.default.svc.cluster.local.").await;
    assert_eq!((near.answers.len(), ips(&near)), (2, vec!["10.96.0.10".to_owned()]));
    let circle = ask(&server, "a.default.svc.cluster.local.").await;
    assert_eq!(circle.metadata.response_code, ResponseCode::ServFail);
}

#[tokio::test]
async fn upstreams_come_from_a_resolv_conf() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("resolv.conf");
    std::fs::write(&path, "nameserver 127.0.0.53\nsearch example\n").expect("written");
    // The only name server is ourselves: nothing is left to be asked.
    let own = vec!["127.0.0.53".parse().expect("address")];
    let server = start(Upstreams::ResolvConf { path, own });
    let response = ask(&server, "small.example.").await;
    assert_eq!(response.metadata.response_code, ResponseCode::ServFail);
}

#[tokio::test]
async fn garbage_is_survived() {
    let server = start(Upstreams::Fixed(Vec::new()));
    server.publisher.publish(records());
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bound");
    let whole = query("web.default.svc.cluster.local.", Some(1232)).to_vec().expect("encoded");
    for round in 0..2000_usize {
        let mut packet = whole.clone();
        let at = round * 7919 % packet.len();
        packet[at] = (round * 31) as u8;
        packet.truncate(whole.len() - round % whole.len());
        socket.send_to(&packet, server.addr).await.expect("sent");
    }
    let mut stream = TcpStream::connect(server.addr).await.expect("connected");
    stream.write_all(&[0xff; 100]).await.expect("sent");
    drop(stream);
    assert_eq!(ips(&ask(&server, "web.default.svc.cluster.local.").await), ["10.96.0.10"]);
}

#[tokio::test]
async fn a_new_server_takes_over_the_address() {
    let env: Env = RealEnv::shared();
    let first = start(Upstreams::Fixed(Vec::new()));
    let second = Server::bind(&[first.addr], Upstreams::Fixed(Vec::new()), &ZoneConfig::default(), env);
    let second = second.expect("shares the address");
    second.publish(records());
    let addr = first.addr;
    drop(first);
    let _stop = CancellationToken::new();
    tokio::spawn(second.run(_stop.clone()));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let response = ask_udp(addr, &query("web.default.svc.cluster.local.", None)).await;
    assert_eq!(ips(&response), ["10.96.0.10"]);
}
