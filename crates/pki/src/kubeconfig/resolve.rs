//! From anybody's kubeconfig to what a connection needs, naming what is missing.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use super::{Cluster, Context, Kubeconfig, KubeconfigError, User};
use crate::pem::{self, PemError};

/// Why a kubeconfig does not lead to a server.
#[derive(Debug, Error)]
pub enum ResolveError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Parse { path: PathBuf, source: KubeconfigError },
    #[error("the kubeconfig has no current-context; name a context (there are: {})", names.join(", "))]
    NoContext { names: Vec<String> },
    #[error("context {name:?} is not in the kubeconfig (there are: {})", names.join(", "))]
    ContextNotFound { name: String, names: Vec<String> },
    #[error("context {context:?} names no {what}")]
    Unnamed { context: String, what: &'static str },
    #[error("{what} {name:?} was not found for context {context:?}")]
    NotFound { context: String, what: &'static str, name: String },
    #[error("no server found for cluster {cluster:?}")]
    NoServer { cluster: String },
    #[error("{owner}: {field} is not valid base64")]
    Base64 { owner: String, field: &'static str },
    #[error("{owner}: {field}: {source}")]
    Pem { owner: String, field: &'static str, source: PemError },
    #[error("{owner}: {field} holds no private key")]
    NoKey { owner: String, field: &'static str },
    #[error("user {user:?} has a client certificate but no client-key or client-key-data")]
    CertificateWithoutKey { user: String },
    #[error("user {user:?} has a client key but no client-certificate or client-certificate-data")]
    KeyWithoutCertificate { user: String },
    #[error(
        "{owner} uses {what}, which this program does not; \
         give it a token (kubectl create token) or a client certificate instead"
    )]
    Unsupported { owner: String, what: String },
}

/// Everything needed to reach an API server.
pub struct Connection {
    /// The base URL, with its scheme and without a trailing slash.
    pub server: String,
    /// The name to verify the server by and to send as SNI, if not the URL's.
    pub server_name: Option<String>,
    pub trust: ServerTrust,
    /// The client's certificate chain and key, if it has them.
    pub identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    /// A bearer token, as it was when the file was read.
    pub token: Option<String>,
    /// Where the token came from, if from a file that may be renewed.
    pub token_file: Option<PathBuf>,
    /// The context's namespace, or `default`.
    pub namespace: String,
}

/// How the server's certificate is to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerTrust {
    /// By the kubeconfig's own CA.
    Ca(Vec<CertificateDer<'static>>),
    /// By the machine's roots: see [`crate::tls::system_roots`].
    System,
    /// Not at all.
    Insecure,
}

/// Reads files: `std::fs::read`, or a table in tests.
type Read<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// Reads the kubeconfig at `path` and resolves `context`, or the current one.
pub fn load(path: &Path, context: Option<&str>) -> Result<Connection, ResolveError> {
    let read = |path: &Path| std::fs::read(path);
    let text = read(path).map_err(|source| ResolveError::Read { path: path.to_owned(), source })?;
    let config = Kubeconfig::from_yaml(&String::from_utf8_lossy(&text))
        .map_err(|source| ResolveError::Parse { path: path.to_owned(), source })?;
    let base = path.parent().unwrap_or(Path::new(""));
    config.resolve(context, base, &read)
}

// === impl Kubeconfig ===

impl Kubeconfig {
    /// What `context` (or the current one) leads to. Relative paths count from
    /// `base`, the kubeconfig's directory.
    pub fn resolve(
        &self,
        context: Option<&str>,
        base: &Path,
        read: Read<'_>,
    ) -> Result<Connection, ResolveError> {
        let (context_name, context) = self.context(context)?;
        let (cluster_name, cluster) = self.cluster(context_name, context)?;
        let (user_name, user) = self.user(context_name, context)?;
        let source = Source { owner: format!("cluster {cluster_name:?}"), base, read };
        let trust = source.trust(cluster)?;
        let source = Source { owner: format!("user {user_name:?}"), base, read };
        source.refuse_unsupported(user)?;
        Ok(Connection {
            server: server_url(cluster_name, cluster)?,
            server_name: given(&cluster.tls_server_name).map(str::to_owned),
            trust,
            identity: source.identity(user_name, user)?,
            token: source.token(user)?,
            token_file: given(&user.token_file).map(|file| base.join(file)),
            namespace: given(&context.namespace).unwrap_or("default").to_owned(),
        })
    }

    fn context<'a>(&'a self, wanted: Option<&'a str>) -> Result<(&'a str, &'a Context), ResolveError> {
        let names = || self.contexts.iter().map(|context| context.name.clone()).collect();
        let name = wanted.unwrap_or(&self.current_context);
        if name.is_empty() {
            return Err(ResolveError::NoContext { names: names() });
        }
        self.contexts
            .iter()
            .find(|context| context.name == name)
            .map(|context| (name, &context.context))
            .ok_or_else(|| ResolveError::ContextNotFound { name: name.to_owned(), names: names() })
    }

    fn cluster<'a>(&'a self, context: &str, of: &'a Context) -> Result<(&'a str, &'a Cluster), ResolveError> {
        let found = self.clusters.iter().find(|cluster| cluster.name == of.cluster);
        let cluster = found.map(|cluster| &cluster.cluster);
        pick(context, "cluster", &of.cluster, cluster)
    }

    fn user<'a>(&'a self, context: &str, of: &'a Context) -> Result<(&'a str, &'a User), ResolveError> {
        let found = self.users.iter().find(|user| user.name == of.user);
        pick(context, "user", &of.user, found.map(|user| &user.user))
    }
}

fn pick<'a, T>(
    context: &str,
    what: &'static str,
    name: &'a str,
    found: Option<&'a T>,
) -> Result<(&'a str, &'a T), ResolveError> {
    let context = context.to_owned();
    if name.is_empty() {
        return Err(ResolveError::Unnamed { context, what });
    }
    found.map(|found| (name, found)).ok_or_else(|| ResolveError::NotFound {
        context,
        what,
        name: name.to_owned(),
    })
}

/// The value of a field that is there and not empty.
fn given(field: &Option<String>) -> Option<&str> {
    field.as_deref().filter(|text| !text.is_empty())
}

/// The server with a scheme and without a trailing slash.
fn server_url(name: &str, cluster: &Cluster) -> Result<String, ResolveError> {
    let server = cluster.server.trim().trim_end_matches('/');
    if server.is_empty() {
        return Err(ResolveError::NoServer { cluster: name.to_owned() });
    }
    if server.contains("://") { Ok(server.to_owned()) } else { Ok(format!("https://{server}")) }
}

/// Where the values of one entry come from.
struct Source<'a> {
    /// The entry, as errors name it.
    owner: String,
    base: &'a Path,
    read: Read<'a>,
}

// === impl Source ===

impl Source<'_> {
    /// The bytes of a `*-data` field, or else of the file beside it.
    fn bytes(
        &self,
        data: &Option<String>,
        field: &'static str,
        file: &Option<String>,
    ) -> Result<Option<Vec<u8>>, ResolveError> {
        if let Some(data) = given(data) {
            // YAML may have folded the text; Go's decoder skips line ends too.
            let compact: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            let bytes = STANDARD.decode(compact);
            return bytes.map(Some).map_err(|_| ResolveError::Base64 { owner: self.owner.clone(), field });
        }
        given(file).map(|file| self.file(file)).transpose()
    }

    fn file(&self, file: &str) -> Result<Vec<u8>, ResolveError> {
        let path = self.base.join(file);
        (self.read)(&path).map_err(|source| ResolveError::Read { path, source })
    }

    fn trust(&self, cluster: &Cluster) -> Result<ServerTrust, ResolveError> {
        if given(&cluster.proxy_url).is_some() {
            return Err(ResolveError::Unsupported {
                owner: self.owner.clone(),
                what: "proxy-url".to_owned(),
            });
        }
        if cluster.insecure_skip_tls_verify == Some(true) {
            return Ok(ServerTrust::Insecure);
        }
        let field = "certificate-authority-data";
        let Some(ca) =
            self.bytes(&cluster.certificate_authority_data, field, &cluster.certificate_authority)?
        else {
            return Ok(ServerTrust::System);
        };
        pem::certificates(&ca).map(ServerTrust::Ca).map_err(|source| ResolveError::Pem {
            owner: self.owner.clone(),
            field,
            source,
        })
    }

    fn refuse_unsupported(&self, user: &User) -> Result<(), ResolveError> {
        let what = if let Some(plugin) = &user.exec {
            format!("the credential program {:?}", plugin.command)
        } else if let Some(plugin) = &user.auth_provider {
            format!("the auth-provider {:?}", plugin.name)
        } else if given(&user.username).is_some() {
            "a username and password".to_owned()
        } else if given(&user.impersonate).is_some() {
            "impersonation (as)".to_owned()
        } else {
            return Ok(());
        };
        Err(ResolveError::Unsupported { owner: self.owner.clone(), what })
    }

    fn identity(
        &self,
        name: &str,
        user: &User,
    ) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, ResolveError> {
        let (certificate_field, key_field) = ("client-certificate-data", "client-key-data");
        let certificate =
            self.bytes(&user.client_certificate_data, certificate_field, &user.client_certificate)?;
        let key = self.bytes(&user.client_key_data, key_field, &user.client_key)?;
        let user = name.to_owned();
        let (certificate, key) = match (certificate, key) {
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(ResolveError::CertificateWithoutKey { user }),
            (None, Some(_)) => return Err(ResolveError::KeyWithoutCertificate { user }),
            (Some(certificate), Some(key)) => (certificate, key),
        };
        let chain = pem::certificates(&certificate).map_err(|source| ResolveError::Pem {
            owner: self.owner.clone(),
            field: certificate_field,
            source,
        })?;
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|_| ResolveError::NoKey { owner: self.owner.clone(), field: key_field })?;
        Ok(Some((chain, key)))
    }

    fn token(&self, user: &User) -> Result<Option<String>, ResolveError> {
        if let Some(token) = given(&user.token) {
            return Ok(Some(token.to_owned()));
        }
        let Some(file) = given(&user.token_file) else { return Ok(None) };
        let text = self.file(file)?;
        Ok(Some(String::from_utf8_lossy(&text).trim().to_owned()))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("server", &self.server)
            .field("server_name", &self.server_name)
            .field("has_identity", &self.identity.is_some())
            .field("has_token", &self.token.is_some())
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}
