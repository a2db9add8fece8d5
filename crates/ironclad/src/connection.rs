//! From what a kubeconfig says to a client.

use std::path::Path;
use std::sync::Arc;

use ironclad_pki::kubeconfig::{self, Connection, ServerTrust};
use ironclad_pki::tls::{self, CertificateSlot, Trust};
use ironclad_remote::RemoteClient;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A client of the cluster that `context` of a kubeconfig (or its current one) names.
pub fn open(path: &Path, context: Option<&str>, agent: &'static str) -> Result<Arc<RemoteClient>, Error> {
    let Connection { server, trust, identity, token, .. } = kubeconfig::load(path, context)?;
    let trust = match trust {
        ServerTrust::Ca(roots) => Trust::Roots(roots),
        ServerTrust::System => Trust::Roots(tls::system_roots()),
        ServerTrust::Insecure => Trust::Insecure,
    };
    let slot = identity.map(|(chain, key)| CertificateSlot::new(chain, key)).transpose()?;
    let config = tls::client_config(&trust, slot, tls::UNSET)?;
    Ok(RemoteClient::new(&server, config, token.as_deref(), agent)?)
}
