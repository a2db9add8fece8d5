//! All of a cluster's identities on disk: made on first start, checked and
//! renewed on every later one.
//!
//! Layout under the cluster's directory (directories 0700, files 0600):
//!
//! | file | what |
//! |---|---|
//! | `pki/ca.crt`, `.key` | cluster CA; further certificates in `ca.crt` are trusted too |
//! | `pki/front-proxy-ca.crt`, `.key` | CA of aggregators' clients |
//! | `pki/sa.key`, `sa.pub` | signs service-account tokens; further keys in `sa.pub` verify too |
//! | `pki/apiserver.crt`, `.key` | the API server's serving certificate |
//! | `pki/apiserver-kubelet-client.crt`, `.key` | the API server as a client of nodes |
//! | `pki/front-proxy-client.crt`, `.key` | the API server as a client of aggregated servers |
//! | `pki/nodes/NAME/client.crt`, `.key` | a node's agent as a client of the API server |
//! | `pki/nodes/NAME/serving.crt`, `.key` | a node's agent's serving certificate |
//! | `admin.kubeconfig` | the administrator |
//!
//! Guarantees: a pair is never replaced by halves (a renewed certificate keeps
//! its key, a new key is on disk before its certificate), so a kill at any
//! moment leaves files that the next start accepts. What is corrupt, or does
//! not belong together, is refused by name and never overwritten. The
//! certificates that are not a CA's are this program's own to replace: one that
//! another CA signed does not belong in these files.

mod admin;
mod authority;
mod error;
mod files;
mod leaf;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

pub use admin::ADMIN_USER;
pub use authority::{Authority, ServiceAccountKeys};
pub use error::BundleError;

use crate::ca::{CLUSTER_CA, FRONT_PROXY_CA};
use crate::certificate::Certificate;
use crate::issue::{Serial, Template};
use crate::key::PrivateKey;
use crate::kubeconfig::Kubeconfig;
use crate::subject::Subject;
use files::Files;

/// User name of the API server towards nodes. It is in no group: bind the
/// ClusterRole `system:kubelet-api-admin` to it.
pub const KUBELET_CLIENT_USER: &str = "kube-apiserver-kubelet-client";
/// User name of the API server towards aggregated API servers.
pub const FRONT_PROXY_USER: &str = "front-proxy-client";

/// What the bundle is to cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The cluster's directory.
    pub dir: PathBuf,
    /// What kubeconfigs call the cluster.
    pub cluster_name: String,
    /// The API's URL in the administrator's kubeconfig.
    pub api_url: String,
    /// Every name and address that clients may reach the API server by; see
    /// [`api_server_names`].
    pub server_dns: Vec<String>,
    pub server_ips: Vec<IpAddr>,
    /// The nodes on this machine.
    pub nodes: Vec<NodeDescription>,
}

/// A node whose agent runs on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDescription {
    pub name: String,
    pub dns: Vec<String>,
    pub ips: Vec<IpAddr>,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    pub certificate: Certificate,
    pub key: PrivateKey,
}

/// What a node's agent needs.
#[derive(Debug)]
pub struct NodeIdentity {
    pub client: Identity,
    pub serving: Identity,
}

/// Everything, loaded and checked.
#[derive(Debug)]
pub struct Bundle {
    pub cluster_ca: Authority,
    pub front_proxy_ca: Authority,
    pub service_account: ServiceAccountKeys,
    pub api_server: Identity,
    pub kubelet_client: Identity,
    pub front_proxy_client: Identity,
    /// By node name.
    pub nodes: BTreeMap<String, NodeIdentity>,
    pub admin: Kubeconfig,
    pub admin_path: PathBuf,
}

/// Something that was done to the files. `Display` is a line for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Created {
        path: PathBuf,
    },
    Renewed {
        path: PathBuf,
        why: Why,
    },
    /// A secret others could read no longer is.
    Tightened {
        path: PathBuf,
    },
}

/// Why a certificate was made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    Expiring {
        not_after: Timestamp,
    },
    NotYetValid {
        not_before: Timestamp,
    },
    /// Names that it did not cover.
    Names {
        missing: Vec<String>,
    },
    Subject,
    /// The CA is another one than the one that signed it.
    Authority,
    /// The API is at another URL, for a kubeconfig.
    Server,
}

/// Loads the bundle of `wanted`, making and renewing what needs it at `now`.
/// `serial` gives sixteen fresh random bytes at each call. Returns what changed,
/// in the order it was done; nothing, on an ordinary start.
pub fn open(
    wanted: &Description,
    now: Timestamp,
    serial: &mut dyn FnMut() -> Serial,
) -> Result<(Bundle, Vec<Change>), BundleError> {
    let mut opener = Opener { files: Files::new(&wanted.dir), now, serial, changes: Vec::new() };
    opener.files.make_dir(Path::new(""))?;
    opener.files.make_dir(Path::new("pki"))?;
    let cluster_ca = opener.authority("pki/ca", CLUSTER_CA)?;
    let front_proxy_ca = opener.authority("pki/front-proxy-ca", FRONT_PROXY_CA)?;
    let service_account = opener.service_account()?;
    let (dns, ips) = (wanted.server_dns.clone(), wanted.server_ips.clone());
    let server = Template::server(Subject::new("kube-apiserver", &[]), dns, ips);
    let api_server = opener.leaf("pki/apiserver", &server, &cluster_ca)?;
    let kubelet = Template::client(Subject::new(KUBELET_CLIENT_USER, &[]));
    let kubelet_client = opener.leaf("pki/apiserver-kubelet-client", &kubelet, &cluster_ca)?;
    let proxy = Template::client(Subject::new(FRONT_PROXY_USER, &[]));
    let front_proxy_client = opener.leaf("pki/front-proxy-client", &proxy, &front_proxy_ca)?;
    let nodes = opener.nodes(&wanted.nodes, &cluster_ca)?;
    let admin = opener.admin(wanted, &cluster_ca)?;
    let bundle = Bundle {
        cluster_ca,
        front_proxy_ca,
        service_account,
        api_server,
        kubelet_client,
        front_proxy_client,
        nodes,
        admin,
        admin_path: opener.files.path(admin::FILE),
    };
    Ok((bundle, opener.changes))
}

/// The DNS names by which pods reach the API server through its Service; add
/// the host names of the machine and a load balancer's.
pub fn api_server_names(cluster_domain: &str) -> Vec<String> {
    let service = "kubernetes.default.svc";
    let short = ["localhost", "kubernetes", "kubernetes.default", service];
    short.iter().map(|&name| name.to_owned()).chain([format!("{service}.{cluster_domain}")]).collect()
}

/// The work in progress of [`open`].
struct Opener<'a> {
    files: Files,
    now: Timestamp,
    serial: &'a mut dyn FnMut() -> Serial,
    changes: Vec<Change>,
}

// === impl Opener ===

impl Opener<'_> {
    fn nodes(
        &mut self,
        wanted: &[NodeDescription],
        ca: &Authority,
    ) -> Result<BTreeMap<String, NodeIdentity>, BundleError> {
        let mut nodes = BTreeMap::new();
        for node in wanted {
            let dir = node_dir(&node.name)?;
            self.files.make_dir(Path::new("pki/nodes"))?;
            self.files.make_dir(Path::new(&dir))?;
            let client = self.leaf(&format!("{dir}/client"), &Template::node_client(&node.name), ca)?;
            let serving = Template::node_serving(&node.name, node.dns.clone(), node.ips.clone());
            let serving = self.leaf(&format!("{dir}/serving"), &serving, ca)?;
            nodes.insert(node.name.clone(), NodeIdentity { client, serving });
        }
        Ok(nodes)
    }
}

/// A node's directory. Its name becomes a path, so it must not lead elsewhere.
fn node_dir(name: &str) -> Result<String, BundleError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if name.is_empty() || name.len() > 253 || name.starts_with('.') || !name.chars().all(plain) {
        return Err(BundleError::NodeName { name: name.to_owned() });
    }
    Ok(format!("pki/nodes/{name}"))
}

// === impl Identity ===

impl Identity {
    /// The chain and key as TLS wants them (see [`crate::tls::CertificateSlot`]).
    pub fn to_tls(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (vec![self.certificate.der().clone()], PrivateKeyDer::Pkcs8(self.key.to_pkcs8()))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Created { path } => write!(f, "created {}", path.display()),
            Change::Renewed { path, why } => write!(f, "renewed {}: {why}", path.display()),
            Change::Tightened { path } => write!(f, "made {} readable by its owner only", path.display()),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Expiring { not_after } => write!(f, "it was valid until {not_after} only"),
            Why::NotYetValid { not_before } => write!(f, "it was not valid before {not_before}"),
            Why::Names { missing } => write!(f, "it did not cover {}", missing.join(", ")),
            Why::Subject => f.write_str("it named another subject"),
            Why::Authority => f.write_str("it was signed by another CA"),
            Why::Server => f.write_str("the API moved or its CA changed"),
        }
    }
}
