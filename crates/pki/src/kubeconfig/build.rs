//! Writing kubeconfigs: one cluster, one user, one context.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Cluster, Context, Kubeconfig, NamedCluster, NamedContext, NamedUser, User};

/// How the user of a kubeconfig proves who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// PEM of a client certificate and of its key, carried in the file.
    Certificate {
        certificate: String,
        key: String,
    },
    /// Paths of them, for certificates that are renewed on disk.
    CertificateFiles {
        certificate: String,
        key: String,
    },
    Token(String),
}

/// The kubeconfig of `user` at `cluster`, whose API is at `server` (an https
/// URL) and vouched for by `ca` (PEM). The context is called `user@cluster`.
pub fn build(cluster: &str, server: &str, ca: &str, user: &str, credential: &Credential) -> Kubeconfig {
    let context = format!("{user}@{cluster}");
    Kubeconfig {
        api_version: "v1".to_owned(),
        kind: "Config".to_owned(),
        clusters: vec![NamedCluster {
            name: cluster.to_owned(),
            cluster: Cluster {
                server: server.to_owned(),
                certificate_authority_data: Some(STANDARD.encode(ca)),
                ..Cluster::default()
            },
        }],
        users: vec![NamedUser { name: user.to_owned(), user: credential.to_user() }],
        contexts: vec![NamedContext {
            name: context.clone(),
            context: Context { cluster: cluster.to_owned(), user: user.to_owned(), namespace: None },
        }],
        current_context: context,
    }
}

// === impl Credential ===

impl Credential {
    fn to_user(&self) -> User {
        match self {
            Credential::Certificate { certificate, key } => User {
                client_certificate_data: Some(STANDARD.encode(certificate)),
                client_key_data: Some(STANDARD.encode(key)),
                ..User::default()
            },
            Credential::CertificateFiles { certificate, key } => User {
                client_certificate: Some(certificate.clone()),
                client_key: Some(key.clone()),
                ..User::default()
            },
            Credential::Token(token) => User { token: Some(token.clone()), ..User::default() },
        }
    }
}
