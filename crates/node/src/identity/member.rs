//! Becoming a member, and being one from an earlier start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ironclad_env::Env;
use ironclad_pki::certificate::Certificate;
use ironclad_pki::issue::Template;
use ironclad_pki::kubeconfig::{self, Connection, ServerTrust};
use ironclad_pki::signers::Signer;
use ironclad_pki::subject::Subject;
use ironclad_pki::tls::{CertificateSlot, Trust};

use super::file::{Pair, write};
use super::request::obtain;
use super::{IdentityError, client};

const KUBECONFIG: &str = "kubeconfig";
const CLIENT: &str = "client.pem";
const SERVING: &str = "serving.pem";

/// A machine that is a node of a cluster.
pub struct Member {
    /// `https://HOST:PORT`
    pub url: String,
    /// Who vouches for the API server, and for its clients.
    pub ca: Vec<Certificate>,
    /// The node's client certificate.
    pub client: Arc<CertificateSlot>,
    folder: PathBuf,
}

/// How a machine that is no node yet may become one.
pub struct Invitation {
    pub url: String,
    pub ca: Vec<Certificate>,
    pub credential: Credential,
}

/// What a machine shows before it has a certificate of its own.
pub enum Credential {
    Token(String),
    /// A certificate of somebody who may request one.
    Certificate(Arc<CertificateSlot>),
}

impl Member {
    pub fn trust(&self) -> Trust {
        Trust::Roots(self.ca.iter().map(|ca| ca.der().clone()).collect())
    }

    pub fn client_file(&self) -> PathBuf {
        self.folder.join(CLIENT)
    }

    pub fn serving_file(&self) -> PathBuf {
        self.folder.join(SERVING)
    }
}

/// The member that this folder is of. `None`: it is of none, or its certificate has ended.
pub fn open(folder: &Path, node: &str, env: &Env) -> Result<Option<Member>, IdentityError> {
    let path = folder.join(KUBECONFIG);
    let Some(pair) = Pair::load(&folder.join(CLIENT))?.filter(|_| path.exists()) else { return Ok(None) };
    let Some(leaf) = pair.leaf() else { return Ok(None) };
    let wanted = Subject::node(node);
    if leaf.subject != wanted {
        let name = |subject: &Subject| subject.common_name.trim_start_matches("system:node:").to_owned();
        return Err(IdentityError::OtherNode { found: name(&leaf.subject), wanted: node.to_owned() });
    }
    if leaf.window.not_after <= env.now() {
        tracing::warn!(not_after = %leaf.window.not_after, "the node's certificate has ended");
        return Ok(None);
    }
    let Connection { server: url, trust, .. } = kubeconfig::load(&path, None)?;
    let ca = match trust {
        ServerTrust::Ca(ca) => ca.into_iter().map(Certificate::from_der).collect::<Result<_, _>>(),
        ServerTrust::System | ServerTrust::Insecure => Ok(Vec::new()),
    };
    let ca: Vec<Certificate> =
        ca.map_err(|error| IdentityError::Damaged { path: path.clone(), reason: error.to_string() })?;
    if ca.is_empty() {
        return Err(IdentityError::Damaged { path, reason: "it names no CA".to_owned() });
    }
    let (chain, key) = pair.to_tls();
    Ok(Some(Member { url, ca, client: CertificateSlot::new(chain, key)?, folder: folder.to_owned() }))
}

/// Requests the node's first client certificate and writes it down. A kill in between leaves a machine that is no
/// member.
pub async fn join(
    env: &Env,
    invitation: &Invitation,
    node: &str,
    folder: &Path,
) -> Result<Member, IdentityError> {
    let Invitation { url, ca, credential } = invitation;
    let trust = Trust::Roots(ca.iter().map(|ca| ca.der().clone()).collect());
    let bootstrap = match credential {
        Credential::Token(token) => client(url, &trust, None, Some(token))?,
        Credential::Certificate(slot) => client(url, &trust, Some(slot.clone()), None)?,
    };
    let template = Template::node_client(node);
    let pair = obtain(env, &*bootstrap, Signer::ApiServerClientKubelet, &template).await?;
    pair.save(&folder.join(CLIENT))?;
    write(&folder.join(KUBECONFIG), &kubeconfig(url, ca, node)?)?;
    let (chain, key) = pair.to_tls();
    let client = CertificateSlot::new(chain, key)?;
    Ok(Member { url: url.clone(), ca: ca.clone(), client, folder: folder.to_owned() })
}

/// The certificate and the key are in one file beside it, which is renewed.
fn kubeconfig(url: &str, ca: &[Certificate], node: &str) -> Result<String, IdentityError> {
    let files =
        kubeconfig::Credential::CertificateFiles { certificate: CLIENT.to_owned(), key: CLIENT.to_owned() };
    let pem: String = ca.iter().map(Certificate::to_pem).collect();
    Ok(kubeconfig::build("ironclad", url, &pem, &format!("system:node:{node}"), &files).to_yaml()?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ironclad_env::SimEnv;
    use ironclad_pki::ca::CertificateAuthority;
    use ironclad_pki::key::PrivateKey;

    use super::*;

    /// A folder as `join` leaves it, with a certificate that lives for `lifetime`.
    fn folder(node: &str, lifetime: Duration, env: &Env) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let ca = CertificateAuthority::generate("kubernetes", env.now(), [1; 16]).expect("a CA");
        let key = PrivateKey::generate().expect("a key");
        let template = Template::node_client(node);
        let leaf =
            ca.issue(&template, key.public_key(), lifetime, env.now(), [2; 16]).expect("a certificate");
        Pair { chain: vec![leaf], key }.save(&folder.path().join(CLIENT)).expect("written");
        let text = kubeconfig("https://10.0.0.1:6443", &[ca.certificate().clone()], node).expect("YAML");
        write(&folder.path().join(KUBECONFIG), &text).expect("written");
        folder
    }

    #[test]
    fn a_member_is_known_again_until_its_certificate_ends() {
        let env = SimEnv::new(1).shared();
        let empty = tempfile::tempdir().expect("a folder");
        assert!(open(empty.path(), "n1", &env).expect("no error").is_none());
        let good = folder("n1", Duration::from_secs(3600), &env);
        let member = open(good.path(), "n1", &env).expect("no error").expect("a member");
        assert_eq!((member.url.as_str(), member.ca.len()), ("https://10.0.0.1:6443", 1));
        let other = open(good.path(), "n2", &env).err().map(|error| error.to_string());
        assert_eq!(other.as_deref(), Some("this machine is the node n1, not n2"));
        let ended = folder("n1", Duration::ZERO, &env);
        assert!(open(ended.path(), "n1", &env).expect("no error").is_none());
    }
}
