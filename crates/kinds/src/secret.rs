//! `v1 Secret`.

use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, SelectableField, Strategy};
use k8s_openapi::api::core::v1 as core;
use serde_json::{Map, Value};

use crate::columns::{age, column, count, name, text};
use crate::spec::{default_to, spec, typed};

/// Total size of the values.
const MAX_SIZE: usize = 1024 * 1024;
const IMMUTABLE: &str = "field is immutable when `immutable` is set";
const OPAQUE: &str = "Opaque";
const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";
const SERVICE_ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";

pub struct Secret {
    spec: KindSpec,
}

impl Secret {
    pub fn new() -> Self {
        let secret_type = text("Type", |secret| secret.str_at(&["type"]).to_owned());
        Self {
            spec: KindSpec {
                columns: vec![
                    name(),
                    secret_type,
                    column("Data", "string", 0, |secret, _| count(secret.0.get("data")).into()),
                    age(),
                ],
                selectable: vec![SelectableField::at("type")],
                ..spec("", "v1", "Secret", "secrets", Scope::Namespaced)
            },
        }
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for Secret {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    /// `stringData` is for writing only: it is folded into `data` and never stored.
    fn default(&self, secret: &mut Object) {
        default_to(&mut secret.0, "type", OPAQUE);
        let Some(Value::Object(plain)) = secret.0.remove("stringData") else { return };
        if !plain.is_empty() {
            secret.section_mut("data").extend(encode(plain));
        }
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let new: core::Secret = typed(new);
        let mut errors = Vec::new();
        if let Some(old) = old {
            errors.extend(validate_immutable(&new, &typed(old)));
        }
        errors.extend(validate_contents(&new));
        errors.extend(validate_type(&new));
        errors
    }
}

fn encode(plain: Map<String, Value>) -> impl Iterator<Item = (String, Value)> {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    plain.into_iter().map(move |(key, value)| (key, encode(value.as_str().unwrap_or_default()).into()))
}

fn validate_immutable(new: &core::Secret, old: &core::Secret) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let type_of = |secret: &core::Secret| Value::from(secret.type_.clone().unwrap_or_default());
    errors.extend(validation::meta::immutable(&Path::new("type"), &type_of(new), &type_of(old)));
    if old.immutable == Some(true) {
        if new.immutable != Some(true) {
            errors.push(FieldError::forbidden(&Path::new("immutable"), IMMUTABLE));
        }
        if new.data != old.data {
            errors.push(FieldError::forbidden(&Path::new("data"), IMMUTABLE));
        }
    }
    errors
}

fn validate_contents(secret: &core::Secret) -> Vec<FieldError> {
    let data = Path::new("data");
    let mut errors = Vec::new();
    let mut size = 0;
    for (key, value) in secret.data.iter().flatten() {
        errors.extend(validation::invalid_each(&data.key(key), key, validation::word::config_map_key(key)));
        size += value.0.len();
    }
    if size > MAX_SIZE {
        errors.push(FieldError::too_long(&data, MAX_SIZE));
    }
    errors
}

/// What the well-known types require.
fn validate_type(secret: &core::Secret) -> Vec<FieldError> {
    let has = |key: &str| secret.data.as_ref().is_some_and(|data| data.contains_key(key));
    let missing = |key: &str| FieldError::required(&Path::new("data").key(key), "");
    match secret.type_.as_deref().unwrap_or_default() {
        SERVICE_ACCOUNT_TOKEN => {
            let annotations = secret.metadata.annotations.as_ref();
            let named =
                annotations.and_then(|a| a.get(SERVICE_ACCOUNT_NAME)).is_some_and(|name| !name.is_empty());
            let path = Path::new("metadata").child("annotations").key(SERVICE_ACCOUNT_NAME);
            if named { Vec::new() } else { vec![FieldError::required(&path, "")] }
        }
        "kubernetes.io/dockercfg" => validate_json(secret, ".dockercfg"),
        "kubernetes.io/dockerconfigjson" => validate_json(secret, ".dockerconfigjson"),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            vec![missing("username"), missing("password")]
        }
        "kubernetes.io/ssh-auth" => {
            let key = secret.data.as_ref().and_then(|data| data.get("ssh-privatekey"));
            if key.is_some_and(|key| !key.0.is_empty()) {
                Vec::new()
            } else {
                vec![missing("ssh-privatekey")]
            }
        }
        "kubernetes.io/tls" => {
            ["tls.crt", "tls.key"].into_iter().filter(|key| !has(key)).map(missing).collect()
        }
        _ => Vec::new(),
    }
}

fn validate_json(secret: &core::Secret, key: &str) -> Vec<FieldError> {
    let path = Path::new("data").key(key);
    let Some(value) = secret.data.as_ref().and_then(|data| data.get(key)) else {
        return vec![FieldError::required(&path, "")];
    };
    match serde_json::from_slice::<Map<String, Value>>(&value.0) {
        Ok(_) => Vec::new(),
        Err(error) => vec![FieldError::invalid(&path, "<secret contents redacted>", error.to_string())],
    }
}
