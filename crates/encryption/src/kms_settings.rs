//! The `kms` provider of an EncryptionConfiguration.

use std::time::Duration;

use ironclad_api::goprint::quote;
use ironclad_api::{FieldError, Path, duration, go_url};
use serde::Deserialize;

use crate::kms::Kms;

const TIMEOUT: &str = "3s";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KmsSettings {
    #[serde(default, rename = "apiVersion")]
    api_version: String,
    #[serde(default)]
    pub name: String,
    cachesize: Option<i32>,
    #[serde(default)]
    endpoint: String,
    timeout: Option<String>,
}

impl KmsSettings {
    /// The service, or what is wrong with its settings.
    pub fn service(&self, path: &Path, name_is_taken: bool, errors: &mut Vec<FieldError>) -> Option<Kms> {
        let before = errors.len();
        self.check_name(&path.child("name"), name_is_taken, errors);
        let timeout = self.timeout(&path.child("timeout"), errors);
        let socket = self.socket(&path.child("endpoint"), errors);
        if let Some(size) = self.cachesize.filter(|_| self.version() != "v1") {
            let why = "cachesize is not supported in v2";
            errors.push(FieldError::invalid(&path.child("cachesize"), size, why));
        }
        self.check_version(&path.child("apiVersion"), errors);
        match (timeout, socket) {
            (Some(timeout), Some(socket)) if errors.len() == before => {
                Some(Kms::new(&self.name, socket, timeout))
            }
            _ => None,
        }
    }

    fn version(&self) -> &str {
        if self.api_version.is_empty() { "v1" } else { &self.api_version }
    }

    fn check_name(&self, path: &Path, is_taken: bool, errors: &mut Vec<FieldError>) {
        let name = self.name.as_str();
        if name.is_empty() {
            errors.push(FieldError::required(path, "name is a mandatory field for a provider"));
        }
        if self.version() != "v1" && name.contains(':') {
            let why = format!("invalid KMS provider name {name}, must not contain ':'");
            errors.push(FieldError::invalid(path, name, why));
        }
        if is_taken {
            let why = format!("duplicate KMS provider name {name}, names must be unique");
            errors.push(FieldError::invalid(path, name, why));
        }
    }

    fn timeout(&self, path: &Path, errors: &mut Vec<FieldError>) -> Option<Duration> {
        let text = self.timeout.as_deref().unwrap_or(TIMEOUT);
        let parsed = duration::parse(text).map_err(|error| error.to_string());
        let positive = parsed.and_then(|timeout| {
            let timeout = Duration::try_from(timeout).ok().filter(|timeout| !timeout.is_zero());
            timeout.ok_or_else(|| "timeout should be a positive value".to_owned())
        });
        positive.map_err(|why| errors.push(FieldError::invalid(path, text, why))).ok()
    }

    /// The socket's path; `@NAME` for one without a file.
    fn socket(&self, path: &Path, errors: &mut Vec<FieldError>) -> Option<String> {
        let mut refuse = |why: String| {
            errors.push(FieldError::invalid(path, self.endpoint.as_str(), why));
            None
        };
        if self.endpoint.is_empty() {
            return refuse("endpoint is a mandatory field for a kms".to_owned());
        }
        match go_url::parse(&self.endpoint) {
            Err(error) => {
                let endpoint = quote(&self.endpoint);
                refuse(format!("invalid endpoint for kms provider, error: parse {endpoint}: {error}"))
            }
            Ok(url) if url.scheme != "unix" => refuse(format!(
                "unsupported scheme {} for KMS provider, only unix is supported",
                quote(&url.scheme)
            )),
            Ok(url) => {
                let path = url.path;
                Some(path.strip_prefix('/').filter(|name| name.starts_with('@')).unwrap_or(path).to_owned())
            }
        }
    }

    fn check_version(&self, path: &Path, errors: &mut Vec<FieldError>) {
        let why = match self.version() {
            "v2" => return,
            "v1" => {
                "KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead."
            }
            // Upstream prints the field's name in the value's place.
            _ => "unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported",
        };
        errors.push(FieldError::invalid(path, self.version(), why));
    }
}
