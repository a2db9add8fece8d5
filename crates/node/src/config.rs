//! What the agent is told at its start.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;
use ironclad_pki::tls::{CertificateSlot, Trust};
use ironclad_pki::verify::CaPool;

/// Everything that is decided outside of the agent.
pub struct AgentConfig {
    /// `metadata.name` of the Node.
    pub node_name: String,
    /// Label `kubernetes.io/hostname` and the address of type Hostname.
    pub hostname: String,
    /// The node's addresses, the primary one first: at most one of each family.
    pub addresses: Vec<IpAddr>,
    /// Further labels of the Node, at registration.
    pub labels: BTreeMap<String, String>,
    /// Pods that this node takes at most.
    pub max_pods: u32,
    pub api: ApiAccess,
    /// What the HTTPS server of the agent shows.
    pub serving: Arc<CertificateSlot>,
    /// Who vouches for the clients of that server.
    pub client_ca: CaPool,
    /// Where that server listens.
    pub listen: SocketAddr,
    pub runtime: RuntimeChoice,
    /// The image of pod sandboxes, which is built in: `ironclad.local/pause:1`.
    pub sandbox_image: String,
    pub cluster: ClusterNetwork,
    pub paths: Paths,
    pub names: Names,
    /// The program that is run with `internal dns ...` to answer DNS; `None` leaves DNS alone.
    pub dns_program: Option<PathBuf>,
    /// Whether to set the pod network up (CNI configuration, kernel settings, routes).
    pub pod_network: bool,
    /// The network of further nodes on this machine, which leave it under this node's address.
    pub segment: Option<IpNet>,
    /// Whether to make services reachable (nf_tables).
    pub service_proxy: bool,
}

/// How the API server is reached.
#[derive(Clone)]
pub struct ApiAccess {
    /// `https://HOST:PORT`
    pub url: String,
    pub trust: Trust,
    /// The node's client certificate.
    pub identity: Arc<CertificateSlot>,
}

/// Which container runtime to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeChoice {
    /// One that answers at a usual socket, or else a containerd of our own.
    Auto,
    /// The one at this socket.
    Socket(PathBuf),
    /// A containerd of our own.
    Own,
}

/// The cluster's addresses.
#[derive(Clone, Debug, Default)]
pub struct ClusterNetwork {
    /// `cluster.local`
    pub domain: String,
    /// The addresses of the DNS service.
    pub dns: Vec<IpAddr>,
    /// Where pods have their addresses, on all nodes.
    pub pod_cidrs: Vec<IpNet>,
    pub service_cidrs: Vec<IpNet>,
}

/// Where things are on this machine.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The agent's root, where CSI plugins look: `/var/lib/kubelet`.
    pub root: PathBuf,
    /// `/var/log/pods`
    pub pod_logs: PathBuf,
    /// `/var/log/containers`
    pub container_logs: PathBuf,
    /// `/var/lib/ironclad`
    pub data: PathBuf,
    /// `/run/ironclad`
    pub run: PathBuf,
    /// The machine's resolv.conf.
    pub resolv_conf: PathBuf,
    /// Where the CNI plugins are; `None` looks in the usual places.
    pub cni_bin: Option<PathBuf>,
}

/// What the agent's things are called on this machine.
#[derive(Clone, Debug)]
pub struct Names {
    /// The bridge that pods are on.
    pub bridge: String,
    /// The link that carries the DNS service's addresses.
    pub dns_link: String,
    /// The CNI network, and so the name of the folder with its leases.
    pub cni_network: String,
    /// The cgroup that holds all pods.
    pub cgroup: String,
}

// === impl Paths ===

impl Default for Paths {
    fn default() -> Self {
        let path = PathBuf::from;
        Self {
            root: path("/var/lib/kubelet"),
            pod_logs: path("/var/log/pods"),
            container_logs: path("/var/log/containers"),
            data: path("/var/lib/ironclad"),
            run: path("/run/ironclad"),
            resolv_conf: path("/etc/resolv.conf"),
            cni_bin: None,
        }
    }
}

impl Paths {
    /// Everything below `folder`, for tests and for several nodes on one machine.
    pub fn below(folder: &Path) -> Self {
        Self {
            root: folder.join("kubelet"),
            pod_logs: folder.join("log/pods"),
            container_logs: folder.join("log/containers"),
            data: folder.join("data"),
            run: folder.join("run"),
            ..Self::default()
        }
    }

    /// Where our containerd looks for its network.
    pub fn cni_conf(&self) -> PathBuf {
        self.data.join("cni")
    }

    pub fn pods(&self) -> PathBuf {
        self.root.join("pods")
    }

    /// The DNS process' folder: its zone, its pid.
    pub fn dns(&self) -> PathBuf {
        self.run.join("dns")
    }
}

// === impl Names ===

impl Default for Names {
    fn default() -> Self {
        Self {
            bridge: "ironclad0".to_owned(),
            dns_link: "ironclad-dns".to_owned(),
            cni_network: "ironclad".to_owned(),
            cgroup: "/kubepods".to_owned(),
        }
    }
}

// === impl ClusterNetwork ===

impl ClusterNetwork {
    /// Whether pods and services have IPv6 addresses too.
    pub(crate) fn has_ipv6(&self) -> bool {
        self.pod_cidrs.iter().chain(&self.service_cidrs).any(|net| matches!(net, IpNet::V6(_)))
    }
}
