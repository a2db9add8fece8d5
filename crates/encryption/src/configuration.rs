//! `apiserver.config.k8s.io/v1 EncryptionConfiguration`, upstream's file.
//!
//! Source: <https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::{FieldError, Path};
use serde::Deserialize;
use serde_json::Value;

use crate::aes_cbc::AesCbc;
use crate::aes_gcm::AesGcm;
use crate::identity::Identity;
use crate::resources::{ResourceNames, faults};
use crate::secretbox::{KEY, Secretbox};
use crate::transformer::{Transformer, Transformers};

const API_VERSION: &str = "apiserver.config.k8s.io/v1";
const KIND: &str = "EncryptionConfiguration";
const AES_KEYS: &[usize] = &[16, 24, 32];
/// Errors must not show secrets.
const REDACTED: &str = "REDACTED";

/// What a file says, checked and with its keys ready.
pub struct Configuration {
    pub(crate) entries: Vec<(ResourceNames, Transformers)>,
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
    kms: Option<Value>,
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
        let mut errors = Vec::new();
        let entries = entries(file.resources, &mut errors);
        if errors.is_empty() { Ok(Self { entries }) } else { Err(ConfigurationError::Invalid(errors)) }
    }
}

fn entries(entries: Vec<Entry>, errors: &mut Vec<FieldError>) -> Vec<(ResourceNames, Transformers)> {
    let root = Path::new("resources");
    if entries.is_empty() {
        errors.push(at_least_one(&root));
    }
    let read = entries.into_iter().enumerate().map(|(index, entry)| {
        let path = root.index(index);
        check_names(&entry.resources, &path.child("resources"), errors);
        let path = path.child("providers");
        if entry.providers.is_empty() {
            errors.push(at_least_one(&path));
        }
        let mut transformers = Vec::new();
        for (index, provider) in entry.providers.into_iter().enumerate() {
            transformers.extend(provider.transformers(&path.index(index), errors));
        }
        (ResourceNames::new(&entry.resources), Transformers(transformers))
    });
    read.collect()
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

impl Provider {
    fn transformers(self, path: &Path, errors: &mut Vec<FieldError>) -> Vec<Box<dyn Transformer>> {
        let given = [
            self.secretbox.is_some(),
            self.aesgcm.is_some(),
            self.aescbc.is_some(),
            self.kms.is_some(),
            self.identity.is_some(),
        ];
        let mut refuse = |why: &str| {
            errors.push(FieldError::invalid(path, REDACTED, why));
            Vec::new()
        };
        match given.iter().filter(|given| **given).count() {
            0 => refuse(
                "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity",
            ),
            1 => self.only(path, errors),
            _ => refuse(
                "more than one provider specified in a single element, should split into different list elements",
            ),
        }
    }

    fn only(self, path: &Path, errors: &mut Vec<FieldError>) -> Vec<Box<dyn Transformer>> {
        let gcm = |name: &str, key: &[u8]| AesGcm::new(name, key).map(boxed);
        let cbc = |name: &str, key: &[u8]| AesCbc::new(name, key).map(boxed);
        let secretbox = |name: &str, key: &[u8]| Some(boxed(Secretbox::new(name, key.try_into().ok()?)));
        match self {
            Self { secretbox: Some(keys), .. } => {
                keys.read(&path.child("secretbox"), &[KEY], secretbox, errors)
            }
            Self { aesgcm: Some(keys), .. } => keys.read(&path.child("aesgcm"), AES_KEYS, gcm, errors),
            Self { aescbc: Some(keys), .. } => keys.read(&path.child("aescbc"), AES_KEYS, cbc, errors),
            Self { kms: Some(_), .. } => {
                let why = "key management services are not supported yet: use secretbox, aesgcm or aescbc";
                errors.push(FieldError::invalid(&path.child("kms"), REDACTED, why));
                Vec::new()
            }
            _ => vec![boxed(Identity)],
        }
    }
}

fn boxed(transformer: impl Transformer + 'static) -> Box<dyn Transformer> {
    Box::new(transformer)
}

impl Keys {
    fn read(
        self,
        path: &Path,
        lengths: &[usize],
        make: impl Fn(&str, &[u8]) -> Option<Box<dyn Transformer>>,
        errors: &mut Vec<FieldError>,
    ) -> Vec<Box<dyn Transformer>> {
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
