//! The configuration: one YAML file, flags override it.
//!
//! [`Config`] is the list of everything that can be set; its defaults are the fixed names and numbers of
//! `docs/plan.md`. A file is read in [`file`], flags are in [`overrides`].

mod file;
mod nearest;
mod overrides;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use ironclad_apiserver::audit::webhook::Mode;
use ironclad_auth::ReviewVersion;
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};
pub use overrides::Overrides;

/// Read when no other file is named, if it is there.
pub const DEFAULT_FILE: &str = "/etc/ironclad/config.yaml";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Config {
    /// What kubeconfigs call the cluster.
    pub cluster_name: String,
    /// Everything that has to outlive a reboot.
    pub data: PathBuf,
    /// Sockets, locks and the like.
    pub run: PathBuf,
    pub api: Api,
    pub network: Network,
    pub node: Node,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Api {
    pub listen: SocketAddr,
    /// The address that others reach the API by; empty: this machine's primary one.
    #[serde(with = "file::text_or_empty")]
    pub advertise_address: Option<IpAddr>,
    /// Further DNS names and addresses for the serving certificate.
    pub names: Vec<String>,
    /// Who else issues tokens, and who gets in without credentials: an AuthenticationConfiguration of
    /// `apiserver.config.k8s.io/v1`; empty: nobody else, and anybody where RBAC allows it. Issuers are read again when
    /// the file changes.
    pub authentication: PathBuf,
    /// Tokens that a server elsewhere knows.
    pub token_webhook: TokenWebhook,
    /// Who is asked whether a request is allowed: an AuthorizationConfiguration of `apiserver.config.k8s.io/v1`;
    /// empty: Node and RBAC. Read again when the file changes.
    pub authorization: PathBuf,
    /// Whether requests are written to `log/audit.log` in the data folder.
    pub audit: bool,
    /// Which requests, and how much of them: a Policy of `audit.k8s.io/v1`; empty: metadata of all that matter.
    pub audit_policy: PathBuf,
    /// A server elsewhere that is sent the same events.
    pub audit_webhook: AuditWebhook,
    /// Where traces of requests go: a TracingConfiguration of `apiserver.config.k8s.io/v1`; empty: nowhere.
    pub tracing: PathBuf,
    /// An EncryptionConfiguration; empty: `encryption.yaml` in the data folder, made at the first start.
    pub encryption: PathBuf,
}

/// Upstream's `--authentication-token-webhook-*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TokenWebhook {
    /// A kubeconfig that says where the server is and how it knows us; empty: there is none.
    pub kubeconfig: PathBuf,
    /// The version of the TokenReview that it is sent: `v1` or `v1beta1`.
    pub version: ReviewVersion,
    /// How long its answers count.
    #[serde(with = "file::go_duration")]
    pub cache_ttl: Duration,
}

/// Upstream's `--audit-webhook-*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AuditWebhook {
    /// A kubeconfig that says where the server is and how it knows us; empty: there is none.
    pub kubeconfig: PathBuf,
    /// Who waits for it: `batch` (nobody), `blocking` (every request) or `blocking-strict` (every request, and one
    /// whose first event is not taken is refused).
    pub mode: Mode,
    /// Events that may wait; further ones are lost.
    pub buffer_size: usize,
    /// Events sent together.
    pub batch_size: usize,
    /// How long an event waits for others.
    #[serde(with = "file::go_duration")]
    pub batch_wait: Duration,
    /// Batches in a second, on average; 0: as many as there are.
    pub throttle_qps: u32,
    /// Batches that may be sent at once after a pause.
    pub throttle_burst: u32,
    /// How long to wait before a batch is sent again, at first.
    #[serde(with = "file::go_duration")]
    pub initial_backoff: Duration,
    /// Whether events that are too large lose what was asked and answered.
    pub truncate: bool,
    /// What is too large then, in bytes.
    pub truncate_max_event_size: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Network {
    /// Where pods have their addresses; each node gets a /24 of it.
    pub pods: Ipv4Net,
    /// Where services have theirs. The first one is the API's, the tenth the DNS server's.
    pub services: Ipv4Net,
    pub domain: String,
    /// What the nodes of this machine have among themselves, with `up --nodes`. The first address is the machine's.
    pub nodes: Ipv4Net,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Node {
    /// Empty: the machine's host name.
    pub name: String,
    /// `auto`, `own` (a containerd of Ironclad's own) or the path of a CRI socket.
    pub runtime: String,
    pub labels: BTreeMap<String, String>,
    pub max_pods: u32,
    /// Where the agent's HTTPS server (logs, exec, metrics) listens.
    pub listen: SocketAddr,
    /// The agent's folder, where CSI plugins look for it.
    pub root: PathBuf,
    /// The folder of `pods` and `containers`, where log collectors look for containers' logs.
    pub logs: PathBuf,
    /// The cgroup that holds all pods.
    pub cgroup: String,
}

// === impl Default ===

impl Default for Config {
    fn default() -> Self {
        Self {
            cluster_name: "ironclad".into(),
            data: "/var/lib/ironclad".into(),
            run: "/run/ironclad".into(),
            api: Api::default(),
            network: Network::default(),
            node: Node::default(),
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: any(6443),
            advertise_address: None,
            names: Vec::new(),
            authentication: PathBuf::new(),
            token_webhook: TokenWebhook::default(),
            authorization: PathBuf::new(),
            audit: true,
            audit_policy: PathBuf::new(),
            audit_webhook: AuditWebhook::default(),
            encryption: PathBuf::new(),
            tracing: PathBuf::new(),
        }
    }
}

impl Default for TokenWebhook {
    fn default() -> Self {
        let (kubeconfig, version) = (PathBuf::new(), ReviewVersion::default());
        Self { kubeconfig, version, cache_ttl: Duration::from_secs(120) }
    }
}

impl Default for AuditWebhook {
    fn default() -> Self {
        Self {
            kubeconfig: PathBuf::new(),
            mode: Mode::default(),
            buffer_size: 10_000,
            batch_size: 400,
            batch_wait: Duration::from_secs(30),
            throttle_qps: 10,
            throttle_burst: 15,
            initial_backoff: Duration::from_secs(10),
            truncate: false,
            truncate_max_event_size: 100 * 1024,
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        let net = |a, b| Ipv4Net::new_assert(Ipv4Addr::new(a, b, 0, 0), 16);
        let nodes = Ipv4Net::new_assert(Ipv4Addr::new(10, 245, 0, 0), 24);
        Self { pods: net(10, 244), services: net(10, 96), domain: "cluster.local".into(), nodes }
    }
}

impl Default for Node {
    fn default() -> Self {
        Self {
            name: String::new(),
            runtime: "auto".into(),
            labels: BTreeMap::new(),
            max_pods: 110,
            listen: any(10250),
            root: "/var/lib/kubelet".into(),
            logs: "/var/log".into(),
            cgroup: "/kubepods".into(),
        }
    }
}

const fn any(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
}

// === impl Config ===

impl Config {
    /// The file's settings with the flags on top. `file` is the one that was named; without one the default
    /// file is read if it exists.
    pub fn load(file: Option<&Path>, flags: &Overrides) -> Result<Self, Failure> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let mut config = match std::fs::read(path) {
            Ok(text) => file::parse(&text).map_err(|error| wrong(format!("{}: {error}", path.display())))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.is_none() => Self::default(),
            Err(error) => return Err(wrong(format!("cannot read {}: {error}", path.display()))),
        };
        flags.apply(&mut config);
        config.check().map_err(wrong)?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let Network { pods, services, .. } = &self.network;
        if pods.contains(services) || services.contains(pods) {
            return Err(format!("network.pods ({pods}) and network.services ({services}) overlap"));
        }
        if pods.prefix_len() > 24 {
            return Err(format!("network.pods ({pods}) is too small: each node needs a /24 of it"));
        }
        if services.prefix_len() > 24 {
            return Err(format!("network.services ({services}) is too small: it must be a /24 or larger"));
        }
        if self.network.nodes.prefix_len() > 29 {
            return Err(format!("network.nodes ({}) is too small", self.network.nodes));
        }
        let folders = [
            ("data", &self.data),
            ("run", &self.run),
            ("node.root", &self.node.root),
            ("node.logs", &self.node.logs),
        ];
        for (key, folder) in folders {
            if !folder.is_absolute() || folder.parent().is_none() {
                return Err(format!("{key} ({}) must be the absolute path of a folder", folder.display()));
            }
        }
        let cgroup = self.node.cgroup.strip_prefix('/').unwrap_or_default();
        if cgroup.is_empty() || cgroup.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(format!("node.cgroup ({}) must be the path of a cgroup", self.node.cgroup));
        }
        if !matches!(self.node.runtime.as_str(), "auto" | "own") && !self.node.runtime.starts_with('/') {
            return Err(format!(
                "node.runtime is {:?}, but must be auto, own or the path of a CRI socket",
                self.node.runtime
            ));
        }
        Ok(())
    }

    // === what follows from it ===

    /// The address of the `kubernetes` service.
    pub fn api_service(&self) -> Ipv4Addr {
        nth(self.network.services, 1)
    }

    /// The address of the `kube-dns` service.
    pub fn dns_service(&self) -> Ipv4Addr {
        nth(self.network.services, 10)
    }

    pub fn pod_network(&self) -> IpNet {
        IpNet::V4(self.network.pods.trunc())
    }

    pub fn service_network(&self) -> IpNet {
        IpNet::V4(self.network.services.trunc())
    }

    /// Whom service-account tokens are from, and for by default.
    pub fn token_issuer(&self) -> String {
        format!("https://kubernetes.default.svc.{}", self.network.domain)
    }

    /// How programs of this machine reach the API.
    pub fn local_url(&self) -> String {
        let ip = self.api.listen.ip();
        let host = if ip.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { ip };
        format!("https://{}", SocketAddr::new(host, self.api.listen.port()))
    }

    /// Who this machine is in a cluster that it has joined.
    pub fn identity(&self) -> PathBuf {
        self.data.join("agent")
    }

    pub fn store(&self) -> PathBuf {
        self.data.join("store")
    }

    pub fn log(&self) -> PathBuf {
        self.data.join("log")
    }

    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.data.join("admin.kubeconfig")
    }
}

fn nth(network: Ipv4Net, host: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(network.network()) + host)
}

fn wrong(what: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, what, "")
}
