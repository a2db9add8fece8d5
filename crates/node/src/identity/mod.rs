//! Who this node is: how a machine becomes a member of a cluster, and stays one.
//!
//! ```text
//!  URL + CA's hash ──discover──► CA ─┐
//!                                    ├─ join: bootstrap token ─► client certificate ─► kubeconfig
//!  bootstrap kubeconfig ─────────────┘
//!  kubeconfig ──open──► member ──keep_client──► renewed client certificate
//!                              └─keep_serving─► serving certificate for the Node's addresses
//! ```
//!
//! As upstream's kubelet does it, by CertificateSigningRequests
//! (<https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/>). A node whose
//! certificates the server's own program makes, as in `ironclad up`, needs nothing of this.
//!
//! Files, in a folder of their own (0700, files 0600; a certificate and its key are one file, so that they are
//! replaced together): `kubeconfig`, `client.pem`, `serving.pem`.

mod discover;
mod file;
mod keep;
mod member;
mod request;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ironclad_api::Status;
use ironclad_pki::ca::CaError;
use ironclad_pki::csr::CsrError;
use ironclad_pki::issue::IssueError;
use ironclad_pki::key::KeyError;
use ironclad_pki::kubeconfig::{KubeconfigError, ResolveError};
use ironclad_pki::tls::{self, CertificateSlot, TlsError, Trust};
use ironclad_remote::{RemoteClient, RemoteError};

pub use discover::{cluster_info, discover};
pub use keep::{Served, keep_client, keep_serving, provisional};
pub use member::{Credential, Invitation, Member, join, open};

/// Why a machine has no identity in the cluster.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("{doing}: {status}")]
    Api { doing: &'static str, status: Status },
    #[error("the ConfigMap kube-public/cluster-info of {url} says nothing of its CA: {reason}")]
    ClusterInfo { url: String, reason: String },
    #[error("{url} is not the cluster that was meant: its CA is {found}, not {wanted}")]
    Pin { url: String, wanted: String, found: String },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("this machine is the node {found}, not {wanted}")]
    OtherNode { found: String, wanted: String },
    #[error("the certificate request {name} was refused: {why}")]
    Refused { name: String, why: String },
    #[error("the certificate request {name} is not approved; look at it with: kubectl describe csr {name}")]
    NotApproved { name: String },
    #[error("the certificate of the request {name} is not for this machine's key")]
    OtherKey { name: String },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Request(#[from] CsrError),
    #[error(transparent)]
    Authority(#[from] CaError),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Client(#[from] RemoteError),
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    #[error(transparent)]
    Resolve(#[from] ResolveError),
}

/// A client of the API server at `url`.
pub fn client(
    url: &str,
    trust: &Trust,
    identity: Option<Arc<CertificateSlot>>,
    token: Option<&str>,
) -> Result<Arc<RemoteClient>, IdentityError> {
    let config = tls::client_config(trust, identity, tls::UNSET)?;
    Ok(RemoteClient::new(url, config, token, "kubelet")?)
}
