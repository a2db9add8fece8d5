//! `apiserver.config.k8s.io/v1 EncryptionConfiguration`, upstream's file.
//!
//! Source: <https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/>.

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::{FieldError, Path};
use serde::Deserialize;

use crate::aes_cbc::AesCbc;
use crate::aes_gcm::AesGcm;
use crate::identity::Identity;
use crate::kms::Kms;
use crate::kms_settings::KmsSettings;
use crate::resources::{Name, faults, masked};
use crate::secretbox::{KEY, Secretbox};
use crate::transformer::{Transformer, Transformers};

const API_VERSION: &str = "apiserver.config.k8s.io/v1";
const KIND: &str = "EncryptionConfiguration";
const AES_KEYS: &[usize] = &[16, 24, 32];
/// Errors must not show secrets.
const REDACTED: &str = "REDACTED";

/// What a file says, checked and with its keys ready.
pub struct Configuration {
    /// By name, each of which stands here once: with the transformers of all entries that have it, in their order. The
    /// first name that covers a resource is the narrowest, because none may stand behind a wider one.
    pub(crate) entries: Vec<(Name, Transformers)>,
    /// The services among the transformers, in the file's order.
    pub(crate) services: Vec<Arc<Kms>>,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConfigurationError {
    #[error("it cannot be read: {0}")]
    Malformed(String),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldError>),
}

/// The file that encrypts Secrets with one key and still reads what was stored before.
pub fn standard(name: &str, key: &[u8; KEY]) -> String {
    let secret = STANDARD.encode(key);
    format!(
        "# Made at the first start. Without this file the cluster's Secrets cannot be read: back it up.\n\
         # A new key goes in front of the old one; the old one goes when all Secrets have been written anew.\n\
         apiVersion: {API_VERSION}\nkind: {KIND}\nresources:\n- resources:\n  - secrets\n  providers:\n  \
         - secretbox:\n      keys:\n      - name: {name}\n        secret: {secret}\n  - identity: {{}}\n"
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    kind: String,
    api_version: String,
    #[serde(default)]
    resources: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    providers: Vec<Provider>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    secretbox: Option<Keys>,
    aesgcm: Option<Keys>,
    aescbc: Option<Keys>,
    kms: Option<KmsSettings>,
    identity: Option<Empty>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    keys: Vec<Key>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    #[serde(default)]
    name: String,
    #[serde(default)]
    secret: String,
}

impl Configuration {
    /// Reads a file in YAML or JSON.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigurationError> {
        let malformed = |error: String| ConfigurationError::Malformed(error);
        let decoded = ironclad_api::yaml::decode(text).map_err(|error| malformed(error.converting()))?;
        if let Some(twice) = decoded.strict_error() {
            return Err(malformed(twice));
        }
        let file: File =
            serde_json::from_value(decoded.value).map_err(|error| malformed(error.to_string()))?;
        if (file.api_version.as_str(), file.kind.as_str()) != (API_VERSION, KIND) {
            let found = format!("{}, kind {}", file.api_version, file.kind);
            return Err(malformed(format!("it is of {found}, and must be of {API_VERSION}, kind {KIND}")));
        }
        let mut reading = Reading::default();
        let entries = reading.entries(file.resources);
        match reading.errors.is_empty() {
            true => Ok(Self { entries, services: reading.services }),
            false => Err(ConfigurationError::Invalid(reading.errors)),
        }
    }
}

/// What is gathered while a file is read.
#[derive(Default)]
struct Reading {
    errors: Vec<FieldError>,
    services: Vec<Arc<Kms>>,
    service_names: HashSet<String>,
}

impl Reading {
    fn entries(&mut self, entries: Vec<Entry>) -> Vec<(Name, Transformers)> {
        let root = Path::new("resources");
        if entries.is_empty() {
            self.errors.push(at_least_one(&root));
        }
        let names: Vec<String> = entries.iter().flat_map(|entry| entry.resources.iter().cloned()).collect();
        let mut read: Vec<(Name, Transformers)> = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let path = root.index(index);
            check_names(&entry.resources, &path.child("resources"), &mut self.errors);
            let transformers = self.providers(entry.providers, &path.child("providers"));
            for name in entry.resources.iter().map(|name| Name::parse(name)) {
                match read.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, joined)) => joined.0.extend(transformers.iter().cloned()),
                    None => read.push((name, Transformers(transformers.clone()))),
                }
            }
        }
        if self.errors.is_empty() {
            self.errors.extend(masked(&names).map(|why| FieldError::forbidden(&root, why)));
        }
        read
    }

    fn providers(&mut self, providers: Vec<Provider>, path: &Path) -> Vec<Arc<dyn Transformer>> {
        if providers.is_empty() {
            self.errors.push(at_least_one(path));
        }
        let mut transformers = Vec::new();
        for (index, provider) in providers.into_iter().enumerate() {
            transformers.extend(self.provider(provider, &path.index(index)));
        }
        transformers
    }

    fn provider(&mut self, provider: Provider, path: &Path) -> Vec<Arc<dyn Transformer>> {
        let given = [
            provider.secretbox.is_some(),
            provider.aesgcm.is_some(),
            provider.aescbc.is_some(),
            provider.kms.is_some(),
            provider.identity.is_some(),
        ];
        let mut refuse = |why: &str| {
            self.errors.push(FieldError::invalid(path, REDACTED, why));
            Vec::new()
        };
        match given.iter().filter(|given| **given).count() {
            0 => refuse(
                "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity",
            ),
            1 => self.only(provider, path),
            _ => refuse(
                "more than one provider specified in a single element, should split into different list elements",
            ),
        }
    }

    /// The transformers of a provider that is one thing only.
    fn only(&mut self, provider: Provider, path: &Path) -> Vec<Arc<dyn Transformer>> {
        let gcm = |name: &str, key: &[u8]| AesGcm::new(name, key).map(shared);
        let cbc = |name: &str, key: &[u8]| AesCbc::new(name, key).map(shared);
        let secretbox = |name: &str, key: &[u8]| Some(shared(Secretbox::new(name, key.try_into().ok()?)));
        let errors = &mut self.errors;
        match provider {
            Provider { secretbox: Some(keys), .. } => {
                keys.read(&path.child("secretbox"), &[KEY], secretbox, errors)
            }
            Provider { aesgcm: Some(keys), .. } => keys.read(&path.child("aesgcm"), AES_KEYS, gcm, errors),
            Provider { aescbc: Some(keys), .. } => keys.read(&path.child("aescbc"), AES_KEYS, cbc, errors),
            Provider { kms: Some(settings), .. } => self.service(&settings, &path.child("kms")),
            _ => vec![shared(Identity)],
        }
    }

    fn service(&mut self, settings: &KmsSettings, path: &Path) -> Vec<Arc<dyn Transformer>> {
        let first = self.service_names.insert(settings.name.clone());
        let made = settings.service(path, !first, &mut self.errors).map(Arc::new);
        self.services.extend(made.clone());
        made.into_iter().map(|service| service as Arc<dyn Transformer>).collect()
    }
}

fn at_least_one(path: &Path) -> FieldError {
    FieldError::required(path, format!("at least one {path} is required"))
}

fn check_names(names: &[String], path: &Path, errors: &mut Vec<FieldError>) {
    if names.is_empty() {
        errors.push(at_least_one(path));
    }
    for (index, why) in faults(names) {
        errors.push(match index.and_then(|index| Some((index, names.get(index)?))) {
            Some((index, name)) => FieldError::invalid(&path.index(index), name.as_str(), why),
            None => FieldError::invalid(path, serde_json::json!(names), why),
        });
    }
}

fn shared(transformer: impl Transformer + 'static) -> Arc<dyn Transformer> {
    Arc::new(transformer)
}

impl Keys {
    fn read(
        self,
        path: &Path,
        lengths: &[usize],
        make: impl Fn(&str, &[u8]) -> Option<Arc<dyn Transformer>>,
        errors: &mut Vec<FieldError>,
    ) -> Vec<Arc<dyn Transformer>> {
        let path = path.child("keys");
        if self.keys.is_empty() {
            errors.push(FieldError::required(&path, "at least one keys is required"));
        }
        let mut made = Vec::new();
        for (index, key) in self.keys.iter().enumerate() {
            let path = path.index(index);
            if key.name.is_empty() {
                errors.push(FieldError::required(&path.child("name"), "name is a mandatory field for a key"));
            }
            match key.decode(&path.child("secret"), lengths) {
                Ok(secret) => made.extend(make(&key.name, &secret)),
                Err(error) => errors.push(error),
            }
        }
        made
    }
}

impl Key {
    fn decode(&self, path: &Path, lengths: &[usize]) -> Result<Vec<u8>, FieldError> {
        if self.secret.is_empty() {
            return Err(FieldError::required(path, "secret is a mandatory field for a key"));
        }
        let invalid = |why: String| FieldError::invalid(path, REDACTED, why);
        let secret = STANDARD
            .decode(&self.secret)
            .map_err(|_| invalid("secrets must be base64 encoded".to_owned()))?;
        if lengths.contains(&secret.len()) {
            return Ok(secret);
        }
        let wanted = lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        Err(invalid(format!(
            "secret is not of the expected length, got {}, expected one of [{wanted}]",
            secret.len()
        )))
    }
}
