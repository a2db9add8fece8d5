//! kubeconfig files: the types, written for our own users; see [`load`] for
//! reading anybody's.
//!
//! Reading is lenient: unknown fields, nulls and unused entries pass, and only
//! what the chosen context leads to must make sense.

mod build;
mod resolve;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

pub use build::{Credential, build};
pub use resolve::{Connection, ResolveError, ServerTrust, load};

/// A kubeconfig file, `kind: Config` of `v1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kubeconfig {
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    pub kind: String,
    #[serde(deserialize_with = "or_default")]
    pub clusters: Vec<NamedCluster>,
    #[serde(deserialize_with = "or_default")]
    pub users: Vec<NamedUser>,
    #[serde(deserialize_with = "or_default")]
    pub contexts: Vec<NamedContext>,
    #[serde(rename = "current-context", deserialize_with = "or_default")]
    pub current_context: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedCluster {
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub cluster: Cluster,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedUser {
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub user: User,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedContext {
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub context: Context,
}

/// A server and how to know it. `*_data` fields are base64 of PEM and win over
/// the files of the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Cluster {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_authority_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure_skip_tls_verify: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_server_name: Option<String>,
}

/// Who the client is. Prints without its secrets.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct User {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "tokenFile")]
    pub token_file: Option<String>,
    /// Ways in that this program does not take; known so that it can say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "as")]
    pub impersonate: Option<String>,
    #[serde(skip_serializing)]
    pub exec: Option<Plugin>,
    #[serde(skip_serializing)]
    pub auth_provider: Option<Plugin>,
}

/// An outside program or library that would fetch credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Plugin {
    #[serde(deserialize_with = "or_default")]
    pub command: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
}

/// A user at a cluster, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Context {
    #[serde(deserialize_with = "or_default")]
    pub cluster: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub user: String,
}

/// Text that is not a kubeconfig, or one that cannot be written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KubeconfigError {
    #[error("not a kubeconfig: {reason}")]
    Yaml { reason: String },
    #[error("not a kubeconfig: kind is {kind:?}, want \"Config\"")]
    Kind { kind: String },
    #[error("cannot write the kubeconfig: {reason}")]
    Write { reason: String },
}

/// A missing value or a null is the default.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

// === impl Kubeconfig ===

impl Kubeconfig {
    pub fn from_yaml(text: &str) -> Result<Self, KubeconfigError> {
        let config: Option<Kubeconfig> = serde_saphyr::from_str(text)
            .map_err(|error| KubeconfigError::Yaml { reason: error.without_snippet().to_string() })?;
        let config = config.unwrap_or_default();
        if !config.kind.is_empty() && config.kind != "Config" {
            return Err(KubeconfigError::Kind { kind: config.kind });
        }
        Ok(config)
    }

    pub fn to_yaml(&self) -> Result<String, KubeconfigError> {
        // Base64 must stay on one line: folded, kubectl reads spaces into it.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        serde_saphyr::to_string_with_options(self, options)
            .map_err(|error| KubeconfigError::Write { reason: error.to_string() })
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("client_certificate", &self.client_certificate)
            .field("client_key", &self.client_key)
            .field("token_file", &self.token_file)
            .field("has_client_key_data", &self.client_key_data.is_some())
            .field("has_token", &self.token.is_some())
            .finish_non_exhaustive()
    }
}
