//! Real packets: a node, two pods and a client outside, each a network
//! namespace of its own, joined by veth pairs. Nothing is left behind.

#[path = "../../nft/tests/namespace/mod.rs"]
mod namespace;
mod objects;

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ironclad_proxy::{Family, NodeFacts, Plan, Proxy, plan};
use k8s_openapi::api::core::v1::Service;
use namespace::{Namespace, nft, run};
use objects::{node, service, slice, slice_of};
use serde_json::{Value, json};

const CLUSTER_IP: &str = "10.96.0.10:80";
const NODE_PORT: &str = "192.168.77.1:30080";
const PATIENCE: Duration = Duration::from_millis(1500);

/// A node with pods 10.244.0.2 and 10.244.0.3, and a client at 192.168.77.2.
struct Network {
    node: Namespace,
    client: Namespace,
    pods: Vec<Namespace>,
}

impl Network {
    fn new() -> Option<Self> {
        let new = Namespace::new;
        let network = Self { node: new()?, client: new()?, pods: vec![new()?, new()?] };
        for each in network.pods.iter().chain([&network.node, &network.client]) {
            // Addresses are usable at once.
            each.run(|| run("sysctl", &["-qw", "net.ipv6.conf.default.accept_dad=0"], ""));
        }
        network.node.run(|| {
            ip("link add cni0 type bridge");
            ip("link set cni0 up");
            ip("addr add 10.244.0.1/24 dev cni0");
            ip("addr add fd00:10:244::1/64 dev cni0 nodad");
            run("sysctl", &["-qw", "net.ipv4.ip_forward=1"], "");
            run("sysctl", &["-qw", "net.ipv6.conf.all.forwarding=1"], "");
        });
        network.join(&network.client, "client");
        network.node.run(|| ip("addr add 192.168.77.1/24 dev client"));
        network.client.run(|| {
            ip("addr add 192.168.77.2/24 dev eth0");
            ip("route add default via 192.168.77.1");
        });
        // The machine's own processes need some route for service addresses.
        network.node.run(|| {
            ip("route add default via 192.168.77.2");
            ip("-6 route add default dev client");
        });
        for (index, pod) in (2..).zip(&network.pods) {
            network.join(pod, &format!("pod{index}"));
            network.node.run(|| {
                ip(&format!("link set pod{index} master cni0"));
                // As the bridge plugin's `hairpinMode` does: with br_netfilter a
                // pod's packet to itself is translated before it leaves the bridge.
                ip(&format!("link set pod{index} type bridge_slave hairpin on"));
            });
            pod.run(|| {
                ip(&format!("addr add 10.244.0.{index}/24 dev eth0"));
                ip(&format!("addr add fd00:10:244::{index}/64 dev eth0 nodad"));
                ip("route add default via 10.244.0.1");
                ip("route add default via fd00:10:244::1");
            });
        }
        Some(network)
    }

    /// A veth pair: `name` in the node, eth0 in the other.
    fn join(&self, other: &Namespace, name: &str) {
        let theirs = format!("/proc/{}/fd/{}", std::process::id(), other.file.as_raw_fd());
        self.node.run(|| {
            ip(&format!("link add {name} type veth peer name eth0 netns {theirs}"));
            ip(&format!("link set {name} up"));
        });
        other.run(|| ip("link set eth0 up"));
    }

    fn proxy(&self) -> Proxy {
        self.node.run(|| Proxy::open().expect("sockets"))
    }

    /// Starts an echo server in each pod, which names the pod and its caller.
    fn serve(&self) {
        for (pod, name) in self.pods.iter().zip(["pod-2", "pod-3"]) {
            let listener = pod.run(|| TcpListener::bind("[::]:8080").expect("bound"));
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    thread::spawn(move || answer(stream, name));
                }
            });
        }
    }
}

fn ip(args: &str) {
    run("ip", &args.split(' ').collect::<Vec<_>>(), "");
}

/// Answers every line with the pod's name and the caller's address.
fn answer(stream: TcpStream, name: &str) -> io::Result<()> {
    let caller = stream.peer_addr()?.ip().to_canonical();
    let mut writer = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        line?;
        writeln!(writer, "{name} {caller}")?;
    }
    Ok(())
}

/// One connection, one question: the pod's name and the address it saw.
fn ask(to: &str) -> io::Result<(String, String)> {
    let to: SocketAddr = to.parse().expect("address");
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    ask_again(&mut stream)
}

fn ask_again(stream: &mut TcpStream) -> io::Result<(String, String)> {
    stream.write_all(b"who\n")?;
    let mut line = String::new();
    BufReader::new(stream.try_clone()?).read_line(&mut line)?;
    let (name, caller) = line.trim().split_once(' ').ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((name.into(), caller.into()))
}

fn refused(result: io::Result<(String, String)>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::ConnectionRefused)
}

fn dropped(result: io::Result<(String, String)>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::TimedOut)
}

const BOTH: [&str; 2] = ["10.244.0.2 @here", "10.244.0.3 @here"];

fn planned(service: Arc<Service>, endpoints: &[&str]) -> Plan {
    plan(&[service], &[slice(endpoints)], &node())
}

fn node_port(changes: Value) -> Arc<Service> {
    let mut spec = json!({
        "type": "NodePort",
        "ports": [{"name": "http", "port": 80, "nodePort": 30080}],
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        spec[name] = value.clone();
    }
    service(json!({"spec": spec}))
}

fn who(namespace: &Namespace, to: &str) -> (String, String) {
    namespace.run(|| ask(to)).unwrap_or_else(|error| panic!("{to}: {error}"))
}

#[test]
fn a_cluster_ip_spreads_and_hides_only_callers_from_outside() {
    let Some(network) = Network::new() else { return };
    network.serve();
    network.proxy().sync(&planned(service(json!({})), &BOTH)).expect("synced");

    let answers = |from: &Namespace| -> (BTreeSet<String>, BTreeSet<String>) {
        (0..40).map(|_| who(from, CLUSTER_IP)).unzip()
    };
    let both = BTreeSet::from(["pod-2".to_owned(), "pod-3".to_owned()]);
    let one = |ip: &str| BTreeSet::from([ip.to_owned()]);
    assert_eq!(answers(&network.client), (both.clone(), one("10.244.0.1")));
    assert_eq!(answers(&network.node), (both, one("10.244.0.1")));
    // A pod keeps its address, except when it meets itself.
    let from_pod: BTreeSet<_> = (0..40).map(|_| who(&network.pods[0], CLUSTER_IP)).collect();
    let expected = [("pod-2", "10.244.0.1"), ("pod-3", "10.244.0.2")];
    assert_eq!(from_pod, expected.map(|(name, ip)| (name.to_owned(), ip.to_owned())).into());

    // Ports that the service does not have, and addresses that no service has.
    assert!(refused(network.pods[0].run(|| ask("10.96.0.10:81"))));
    assert!(refused(network.node.run(|| ask("10.96.0.10:81"))));
    assert!(dropped(network.client.run(|| ask("10.96.0.99:80"))));
    // A service address that the node has itself, as its DNS server does.
    let own = network.node.run(|| {
        ip("addr add 10.96.0.53/32 dev lo");
        TcpListener::bind("10.96.0.53:53").expect("bound")
    });
    thread::spawn(move || own.incoming().map_while(Result::ok).for_each(|s| drop(answer(s, "own"))));
    assert_eq!(who(&network.node, "10.96.0.53:53").0, "own");
    assert_eq!(who(&network.pods[0], "10.96.0.53:53"), ("own".into(), "10.244.0.2".into()));

    let listing = network.node.run(|| nft(&["list", "table", "ip", "ironclad"], ""));
    assert!(listing.contains("10.96.0.10 . tcp . 80 : goto service-default/web/tcp/http"), "{listing}");
}

#[test]
fn a_node_port_answers_from_outside_from_pods_and_from_the_node() {
    let Some(network) = Network::new() else { return };
    network.serve();
    let mut proxy = network.proxy();
    proxy.sync(&planned(node_port(json!({})), &["10.244.0.2 @here"])).expect("synced");
    for from in [&network.client, &network.node, &network.pods[0], &network.pods[1]] {
        assert_eq!(who(from, NODE_PORT), ("pod-2".into(), "10.244.0.1".into()));
    }
    // Not one of the node's primary addresses.
    assert!(refused(network.pods[1].run(|| ask("10.244.0.1:30080"))));

    let local = node_port(json!({"externalTrafficPolicy": "Local"}));
    proxy.sync(&planned(local.clone(), &["10.244.0.2 @here", "10.244.0.3 @there"])).expect("synced");
    for _ in 0..20 {
        assert_eq!(who(&network.client, NODE_PORT), ("pod-2".into(), "192.168.77.2".into()));
    }
    proxy.sync(&planned(local, &["10.244.0.3 @there"])).expect("synced");
    assert!(dropped(network.client.run(|| ask(NODE_PORT))));
    assert_eq!(who(&network.pods[0], NODE_PORT), ("pod-3".into(), "10.244.0.2".into()));
    assert_eq!(who(&network.node, NODE_PORT).0, "pod-3");
}

#[test]
fn a_service_without_endpoints_refuses_at_once() {
    let Some(network) = Network::new() else { return };
    network.serve();
    let mut proxy = network.proxy();
    proxy.sync(&planned(node_port(json!({})), &[])).expect("synced");
    for (from, to) in [
        (&network.client, NODE_PORT),
        (&network.client, CLUSTER_IP),
        (&network.pods[0], CLUSTER_IP),
        (&network.node, CLUSTER_IP),
    ] {
        let started = Instant::now();
        assert!(refused(from.run(|| ask(to))), "{to}");
        assert!(started.elapsed() < Duration::from_millis(500));
    }
    proxy.sync(&planned(node_port(json!({})), &BOTH)).expect("synced");
    who(&network.client, NODE_PORT);
    proxy.teardown().expect("removed");
    assert_eq!(network.node.run(|| nft(&["list", "ruleset"], "")), "");
}

#[test]
fn a_client_with_affinity_stays_until_its_endpoint_leaves() {
    let Some(network) = Network::new() else { return };
    network.serve();
    let sticky = || node_port(json!({"sessionAffinity": "ClientIP"}));
    network.proxy().sync(&planned(sticky(), &BOTH)).expect("synced");
    let first = who(&network.client, NODE_PORT).0;
    for round in 0..20 {
        if round == 10 {
            // A restart adopts the tables and what they have learned.
            let synced = network.proxy().sync(&planned(sticky(), &BOTH)).expect("adopted");
            assert_eq!(synced.rules.changes, 0);
        }
        assert_eq!(who(&network.client, NODE_PORT).0, first);
        assert_eq!(who(&network.client, CLUSTER_IP).0, first, "one endpoint for all its addresses");
    }
    let (left, other) = match first.as_str() {
        "pod-2" => (&BOTH[1..], "pod-3"),
        _ => (&BOTH[..1], "pod-2"),
    };
    let mut proxy = network.proxy();
    proxy.sync(&planned(sticky(), left)).expect("synced");
    assert_eq!(who(&network.client, NODE_PORT).0, other);
    proxy.sync(&planned(sticky(), &BOTH)).expect("synced");
    for _ in 0..20 {
        assert_eq!(who(&network.client, NODE_PORT).0, other);
    }
}

#[test]
fn source_ranges_shut_the_load_balancer_to_others() {
    let Some(network) = Network::new() else { return };
    network.serve();
    let balanced = |range: &str| {
        service(json!({
            "spec": {"type": "LoadBalancer", "loadBalancerSourceRanges": [range]},
            "status": {"loadBalancer": {"ingress": [{"ip": "5.6.7.8"}]}},
        }))
    };
    let mut proxy = network.proxy();
    proxy.sync(&planned(balanced("192.168.77.0/24"), &BOTH)).expect("synced");
    who(&network.client, "5.6.7.8:80");
    proxy.sync(&planned(balanced("203.0.113.0/24"), &BOTH)).expect("synced");
    assert!(dropped(network.client.run(|| ask("5.6.7.8:80"))));
    who(&network.client, CLUSTER_IP);
}

#[test]
fn a_udp_client_moves_on_when_its_endpoint_leaves() {
    let Some(network) = Network::new() else { return };
    for (pod, name) in network.pods.iter().zip(["pod-2", "pod-3"]) {
        let socket = pod.run(|| UdpSocket::bind("0.0.0.0:5353").expect("bound"));
        thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((_, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(name.as_bytes(), from);
            }
        });
    }
    let object = || {
        let ports = json!([{"name": "dns", "protocol": "UDP", "port": 53, "nodePort": 30053}]);
        service(json!({"spec": {"type": "NodePort", "ports": ports}}))
    };
    let planned = |endpoints: &[&str]| {
        let ports = json!([{"name": "dns", "protocol": "UDP", "port": 5353}]);
        plan(&[object()], &[slice_of("web", ports, endpoints)], &node())
    };
    let mut proxy = network.proxy();
    proxy.sync(&planned(&BOTH[..1])).expect("synced");
    let talk = |socket: &UdpSocket| {
        let mut buffer = [0; 64];
        socket.send(b"who").expect("sent");
        let length = socket.recv(&mut buffer).expect("an answer");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let connected = |to: &str| {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("bound");
        socket.set_read_timeout(Some(PATIENCE)).expect("set");
        socket.connect(to).expect("connected");
        socket
    };
    let sockets = ["10.96.0.10:53", "192.168.77.1:30053"].map(|to| network.client.run(|| connected(to)));
    for socket in &sockets {
        assert_eq!(talk(socket), "pod-2");
    }
    let synced = proxy.sync(&planned(&BOTH[1..])).expect("synced");
    assert_eq!(synced.forgotten_flows, 2);
    for socket in &sockets {
        assert_eq!(talk(socket), "pod-3");
    }
}

#[test]
fn ipv6_services_work_the_same() {
    let Some(network) = Network::new() else { return };
    network.serve();
    let ips = ["10.96.0.10", "fd00:10:96::a"];
    let object = service(json!({"spec": {"clusterIPs": ips}}));
    let ports = || json!([{"name": "http", "port": 8080}]);
    let slices = [slice_of("web", ports(), &BOTH), slice_of("web", ports(), &["fd00:10:244::2 @here"])];
    let mut node: NodeFacts = node();
    node.families.push(Family::Ip6);
    node.cluster_cidrs.push("fd00:10:244::/64".parse().expect("net"));
    network.proxy().sync(&plan(std::slice::from_ref(&object), &slices, &node)).expect("synced");
    let to = "[fd00:10:96::a]:80";
    assert_eq!(who(&network.pods[1], to), ("pod-2".into(), "fd00:10:244::3".into()));
    assert_eq!(who(&network.pods[0], to), ("pod-2".into(), "fd00:10:244::1".into()));
    network.proxy().sync(&plan(&[object], &slices[..1], &node)).expect("synced");
    assert!(refused(network.pods[1].run(|| ask(to))));
}

#[test]
fn updates_and_restarts_lose_no_connection() {
    let Some(network) = Network::new() else { return };
    network.serve();
    let web = || node_port(json!({}));
    network.proxy().sync(&planned(web(), &BOTH)).expect("synced");
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));

    thread::scope(|scope| {
        let talkers: Vec<_> = [(&network.client, NODE_PORT), (&network.pods[0], CLUSTER_IP)]
            .into_iter()
            .flat_map(|(from, to)| [(from, to, true), (from, to, false)])
            .map(|(from, to, keep)| {
                let (stop, asked) = (&stop, &asked);
                scope.spawn(move || from.run(|| talk_until(stop, asked, to, keep)))
            })
            .collect();
        for round in 0..60 {
            let other = service(json!({
                "metadata": {"name": format!("other-{round}")},
                "spec": {"clusterIP": "10.96.0.77", "clusterIPs": ["10.96.0.77"], "sessionAffinity": "ClientIP"},
            }));
            let ports = json!([{"name": "http", "port": 8080}]);
            let others = slice_of(&format!("other-{round}"), ports, &BOTH[round % 2..]);
            let endpoints = if round % 3 == 0 {
                &BOTH[..]
            } else {
                &["10.244.0.3 @here", "10.244.0.2 @here terminating"]
            };
            let plan = plan(&[web(), other], &[slice(endpoints), others], &node());
            // Every round is a restart: a new proxy that knows nothing.
            let mut proxy = network.proxy();
            let synced = proxy.sync(&plan).expect("synced");
            assert!(synced.rules.recovered_from.is_none(), "{:?}", synced.rules.recovered_from);
            thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
        for talker in talkers {
            talker.join().expect("no connection failed");
        }
    });
    let asked = asked.load(Ordering::Relaxed);
    println!("{asked} questions");
    assert!(asked > 100);
}

/// Asks over one connection kept open, or over a new one each time.
fn talk_until(stop: &AtomicBool, asked: &AtomicUsize, to: &str, keep: bool) {
    let mut kept = TcpStream::connect_timeout(&to.parse().expect("address"), PATIENCE).expect("connected");
    kept.set_read_timeout(Some(PATIENCE)).expect("set");
    while !stop.load(Ordering::Relaxed) {
        let answer = if keep { ask_again(&mut kept) } else { ask(to) };
        answer.unwrap_or_else(|error| panic!("{to}, kept {keep}: {error}"));
        asked.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(1));
    }
}
