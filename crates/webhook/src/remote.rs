//! A server that a kubeconfig describes: which one it is, and as whom it is called. So upstream's webhooks for
//! authentication, authorization and auditing are configured.
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/webhook/#configuration-file-format>

use std::path::Path;
use std::sync::Arc;

use ironclad_env::Env;
use ironclad_pki::kubeconfig::{self, Connection, ResolveError, ServerTrust};
use ironclad_pki::pem;
use ironclad_pki::tls::{CertificateSlot, TlsError};
use thiserror::Error;

use crate::caller::{Caller, Identity};
use crate::endpoint::{Endpoint, Place};
use crate::resolver::NoServices;

/// A server and the way to call it. The URL of the kubeconfig is called as it stands, path included.
#[derive(Clone)]
pub struct Remote {
    pub caller: Arc<Caller>,
    pub endpoint: Endpoint,
}

/// Why a kubeconfig does not describe a webhook.
#[derive(Debug, Error)]
pub enum RemoteError {
    #[error(transparent)]
    Kubeconfig(#[from] ResolveError),
    #[error("server {0:?} must be an https URL")]
    NotHttps(String),
    #[error("insecure-skip-tls-verify is not supported: give the server's CA as certificate-authority")]
    Insecure,
    #[error("tls-server-name is not supported: the server's certificate must be for the URL's host")]
    ServerName,
    #[error(transparent)]
    Identity(#[from] TlsError),
}

impl Remote {
    /// Reads the file and those that it names. Certificates, keys and tokens are as they are now: later changes of
    /// their files do not count.
    pub fn load(env: Env, path: &Path) -> Result<Self, RemoteError> {
        Self::new(env, kubeconfig::load(path, None)?)
    }

    fn new(env: Env, connection: Connection) -> Result<Self, RemoteError> {
        if !connection.server.starts_with("https://") {
            return Err(RemoteError::NotHttps(connection.server));
        }
        if connection.server_name.is_some() {
            return Err(RemoteError::ServerName);
        }
        let ca_bundle = match connection.trust {
            ServerTrust::Ca(chain) => pem::encode_certificates(&chain).into_bytes(),
            ServerTrust::System => Vec::new(),
            ServerTrust::Insecure => return Err(RemoteError::Insecure),
        };
        let certificate =
            connection.identity.map(|(chain, key)| CertificateSlot::new(chain, key)).transpose()?;
        let identity = Identity { certificate, bearer_token: connection.token };
        let caller = Caller::identified(env, Arc::new(NoServices), identity);
        Ok(Self { caller, endpoint: Endpoint { place: Place::Url(connection.server), ca_bundle } })
    }
}
