//! Real packets between a machine and its further node, which are joined as `up --nodes` joins them. Nothing is left
//! behind.

#[path = "../../nft/tests/namespace/mod.rs"]
mod namespace;
#[path = "../../proxy/tests/objects/mod.rs"]
mod objects;

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::thread;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use ironclad_node::segment::{self, Segment};
use ironclad_proxy::{NodeFacts, PodMasquerade, Proxy, plan};
use namespace::{Namespace, nft, run};
use objects::{node, service, slice};
use serde_json::{Value, json};

const MACHINE: [u8; 4] = [192, 0, 2, 10];
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 245, 0, 1);
const FURTHER: Ipv4Addr = Ipv4Addr::new(10, 245, 0, 2);
const PATIENCE: Duration = Duration::from_millis(1500);
/// A pod of the machine's own node, and two of the further one.
const PODS: [&str; 3] = ["10.244.0.2", "10.244.1.2", "10.244.1.3"];

/// The machine, and a further node on it.
struct Network {
    machine: Namespace,
    further: Namespace,
    segment: Segment,
    place: segment::Namespace,
    pods: Vec<Namespace>,
    _folder: tempfile::TempDir,
}

impl Network {
    fn new() -> Option<Self> {
        let machine = Namespace::new()?;
        let pods = PODS.iter().map(|_| Namespace::new()).collect::<Option<Vec<_>>>()?;
        let folder = tempfile::tempdir().expect("a folder");
        let gateway = Ipv4Net::new_assert(GATEWAY, 24);
        let segment = Segment { bridge: "nodes".into(), gateway };
        let file = folder.path().join("2.netns");
        let place = segment::Namespace { file, link: "n2".into(), address: FURTHER };
        machine.run(|| {
            // Twice, as a later start does.
            for _ in 0..2 {
                block_on(segment::make_segment(&segment)).expect("a bridge");
                block_on(segment::make_namespace(&segment, &place)).expect("a namespace");
            }
        });
        let further = Namespace { file: place.open().expect("a namespace") };
        let network = Self { machine, further, segment, place, pods, _folder: folder };
        network.connect();
        Some(network)
    }

    /// What the agents see to: forwarding, the pods' bridges, routes to each other's pods.
    fn connect(&self) {
        let Self { machine, further, pods, .. } = self;
        machine.run(|| {
            ip("link add uplink type bridge");
            ip("link set uplink up");
            ip("addr add 192.0.2.10/24 dev uplink");
        });
        for (number, each) in [machine, further].into_iter().enumerate() {
            each.run(|| {
                run("sysctl", &["-qw", "net.ipv4.ip_forward=1"], "");
                // A kernel without it filters no bridges.
                if Path::new("/proc/sys/net/bridge").exists() {
                    run("sysctl", &["-qw", "net.bridge.bridge-nf-call-iptables=1"], "");
                }
                ip("link add cni0 type bridge");
                ip("link set cni0 up");
                ip(&format!("addr add 10.244.{number}.1/24 dev cni0"));
            });
        }
        machine.run(|| ip("route add 10.244.1.0/24 via 10.245.0.2"));
        further.run(|| ip("route add 10.244.0.0/24 via 10.245.0.1"));
        for (pod, (node, address)) in pods.iter().zip([machine, further, further].into_iter().zip(PODS)) {
            let (net, last) = address.rsplit_once('.').expect("an address");
            let theirs = format!("/proc/{}/fd/{}", std::process::id(), pod.file.as_raw_fd());
            node.run(|| {
                ip(&format!("link add pod{last} type veth peer name eth0 netns {theirs}"));
                ip(&format!("link set pod{last} master cni0 up"));
                ip(&format!("link set pod{last} type bridge_slave hairpin on"));
            });
            pod.run(|| {
                ip("link set eth0 up");
                ip(&format!("addr add {address}/24 dev eth0"));
                ip(&format!("route add default via {net}.1"));
            });
        }
    }

    /// Has the service proxies of both nodes lead to these pods.
    fn serve(&self, changes: &Value, endpoints: &[&str]) {
        let mut spec =
            json!({"type": "NodePort", "ports": [{"name": "http", "port": 80, "nodePort": 30080}]});
        for (name, value) in changes.as_object().into_iter().flatten() {
            spec[name] = value.clone();
        }
        let net: IpNet = self.segment.gateway.trunc().into();
        for (node, facts) in [
            (&self.machine, facts("here", MACHINE.into(), &[net])),
            (&self.further, facts("there", FURTHER, &[])),
        ] {
            let plan = plan(&[service(json!({"spec": spec}))], &[slice(endpoints)], &facts);
            node.run(|| Proxy::open().expect("sockets").sync(&plan).expect("synced"));
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.machine.run(|| block_on(segment::remove_namespace(&self.place)).expect("removed"));
    }
}

fn facts(name: &str, address: Ipv4Addr, behind: &[IpNet]) -> NodeFacts {
    NodeFacts {
        name: name.into(),
        addresses: vec![address.into()],
        pod_masquerade: PodMasquerade::Except(behind.to_vec()),
        behind: behind.to_vec(),
        ..node()
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

fn ip(args: &str) {
    run("ip", &args.split(' ').collect::<Vec<_>>(), "");
}

/// Answers every connection with the pod's address and the caller's.
fn answer(listener: &TcpListener, address: &str) {
    for mut stream in listener.incoming().map_while(Result::ok) {
        let caller = stream.peer_addr().map(|caller| caller.ip().to_string()).unwrap_or_default();
        let _ = writeln!(stream, "{address} {caller}");
    }
}

fn ask(to: SocketAddr) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[test]
fn every_pod_reaches_every_other_one_by_the_node_port_of_every_node() {
    let Some(network) = Network::new() else { return };
    for (pod, address) in network.pods.iter().zip(PODS) {
        let listener = pod.run(|| TcpListener::bind("0.0.0.0:8080").expect("bound"));
        thread::spawn(move || answer(&listener, address));
    }
    // The node that translates hides the caller behind its address on the way to the endpoint.
    let check = |changes: &Value, endpoint: &str, node: Ipv4Addr, hidden_behind: &str| {
        network.serve(changes, &[&format!("{endpoint} @{}", node_of(endpoint))]);
        for (pod, from) in network.pods.iter().zip(PODS) {
            let answer = pod.run(|| ask((node, 30080).into())).unwrap_or_else(|error| {
                let ruleset = network.machine.run(|| nft(&["list", "ruleset"], ""));
                panic!("{from} to {endpoint} by {node}: {error}\n{ruleset}")
            });
            assert_eq!(answer, format!("{endpoint} {hidden_behind}"), "{from} by {node}");
        }
    };
    for changes in [json!({}), json!({"sessionAffinity": "ClientIP"})] {
        check(&changes, PODS[0], MACHINE.into(), "10.244.0.1");
        check(&changes, PODS[0], FURTHER, "10.245.0.2");
        for there in &PODS[1..] {
            check(&changes, there, MACHINE.into(), "10.245.0.1");
            check(&changes, there, FURTHER, "10.244.1.1");
        }
    }
}

fn node_of(endpoint: &str) -> &'static str {
    if endpoint == PODS[0] { "here" } else { "there" }
}
