//! The file: read, completed with defaults and checked, with upstream's texts.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use ironclad_api::field::{BadValue, aggregate_texts};
use ironclad_api::validation::name;
use ironclad_api::{FieldError, Path, duration, goprint, yaml};
use serde::Deserialize;
use serde_json::Value;

use super::conditions::{Condition, Conditions};
use crate::reviews::{ReviewVersion, or_default};

const API_VERSIONS: [&str; 2] = ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1"];
const KIND: &str = "AuthorizationConfiguration";
const TYPES: [&str; 6] = ["ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"];
const WEBHOOK: &str = "Webhook";
const KUBECONFIG_FILE: &str = "KubeConfigFile";
const IN_CLUSTER: &str = "InClusterConfig";
const AUTHORIZED_TTL: Duration = Duration::from_secs(5 * 60);
const UNAUTHORIZED_TTL: Duration = Duration::from_secs(30);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What a file says, checked and with its expressions compiled.
pub struct Configuration {
    pub authorizers: Vec<Authorizer>,
}

pub struct Authorizer {
    pub name: String,
    pub mode: Mode,
}

pub enum Mode {
    /// One that needs nothing but its name: `Node`, `RBAC`.
    BuiltIn(String),
    Webhook(Box<Webhook>),
}

pub struct Webhook {
    pub timeout: Duration,
    /// How long answers are kept; zero: not at all.
    pub authorized_ttl: Duration,
    pub unauthorized_ttl: Duration,
    pub version: ReviewVersion,
    /// Whether nobody else is asked when it cannot be.
    pub denies_on_failure: bool,
    pub kubeconfig: PathBuf,
    pub conditions: Conditions,
}

#[derive(Deserialize)]
struct File {
    #[serde(default, deserialize_with = "or_default")]
    authorizers: Vec<AuthorizerFile>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthorizerFile {
    #[serde(rename = "type", deserialize_with = "or_default")]
    kind: String,
    #[serde(deserialize_with = "or_default")]
    name: String,
    webhook: Option<WebhookFile>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WebhookFile {
    #[serde(rename = "authorizedTTL", deserialize_with = "or_default")]
    authorized_ttl: String,
    cache_authorized_requests: Option<bool>,
    #[serde(rename = "unauthorizedTTL", deserialize_with = "or_default")]
    unauthorized_ttl: String,
    cache_unauthorized_requests: Option<bool>,
    #[serde(deserialize_with = "or_default")]
    timeout: String,
    #[serde(deserialize_with = "or_default")]
    subject_access_review_version: String,
    #[serde(deserialize_with = "or_default")]
    match_condition_subject_access_review_version: String,
    #[serde(deserialize_with = "or_default")]
    failure_policy: String,
    #[serde(deserialize_with = "or_default")]
    connection_info: ConnectionInfo,
    #[serde(deserialize_with = "or_default")]
    match_conditions: Vec<Condition>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConnectionInfo {
    #[serde(rename = "type", deserialize_with = "or_default")]
    kind: String,
    #[serde(rename = "kubeConfigFile")]
    kubeconfig: Option<String>,
}

impl Configuration {
    /// Reads a file in YAML or JSON. `required` are the types that have to be in it.
    pub fn parse(text: &[u8], required: &BTreeSet<String>) -> Result<Self, String> {
        let file = read(text)
            .map_err(|why| format!("failed to load AuthorizationConfiguration from file: {why}"))?;
        let mut errors = Vec::new();
        let authorizers = check(&file.authorizers, &mut errors);
        if let Some(errors) = ironclad_api::field::aggregate(&errors) {
            return Err(errors);
        }
        let configuration = Self { authorizers };
        match aggregate_texts(configuration.misfits(required)) {
            Some(errors) => Err(errors),
            None => Ok(configuration),
        }
    }

    /// The types that are not webhooks.
    pub fn built_in(&self) -> BTreeSet<String> {
        let built_in = |authorizer: &Authorizer| match &authorizer.mode {
            Mode::BuiltIn(mode) => Some(mode.clone()),
            Mode::Webhook(_) => None,
        };
        self.authorizers.iter().filter_map(built_in).collect()
    }

    /// What a Kubernetes API server demands beyond what the format does.
    fn misfits(&self, required: &BTreeSet<String>) -> Vec<String> {
        let wrong = |authorizer: &Authorizer| match &authorizer.mode {
            Mode::BuiltIn(mode) if authorizer.name != mode.to_lowercase() => {
                let (expected, name) = (mode.to_lowercase(), &authorizer.name);
                Some(format!("expected name {expected} for authorizer {mode} instead of {name}"))
            }
            _ => None,
        };
        let mut misfits: Vec<String> = self.authorizers.iter().filter_map(wrong).collect();
        let there = self.built_in();
        let missing: Vec<&str> = required.difference(&there).map(String::as_str).collect();
        if !missing.is_empty() {
            misfits.push(format!("missing required types: [{}]", missing.join(" ")));
        }
        misfits
    }
}

// === reading ===

fn read(text: &[u8]) -> Result<File, String> {
    let decoded = yaml::decode(text).map_err(|error| error.converting())?;
    let field = |name: &str| decoded.value.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (field("apiVersion"), field("kind"));
    if kind.is_empty() {
        return Err(format!("Object 'Kind' is missing in '{}'", String::from_utf8_lossy(text).trim_end()));
    }
    if kind != KIND || !API_VERSIONS.contains(&api_version) {
        let (kind, version) = (goprint::quote(kind), goprint::quote(api_version));
        return Err(format!("no kind {kind} is registered for version {version}"));
    }
    let mut strict: Vec<String> = decoded.strict_error().into_iter().collect();
    unknown_fields(&decoded.value, "", &mut String::new(), &mut strict);
    if !strict.is_empty() {
        return Err(format!("strict decoding error: {}", strict.join(", ")));
    }
    serde_json::from_value(decoded.value).map_err(|error| error.to_string())
}

/// The fields of every object in the file, by its place.
const FIELDS: [(&str, &[&str]); 5] = [
    ("", &["apiVersion", "kind", "authorizers"]),
    (".authorizers[]", &["type", "name", "webhook"]),
    (
        ".authorizers[].webhook",
        &[
            "authorizedTTL",
            "cacheAuthorizedRequests",
            "unauthorizedTTL",
            "cacheUnauthorizedRequests",
            "timeout",
            "subjectAccessReviewVersion",
            "matchConditionSubjectAccessReviewVersion",
            "failurePolicy",
            "connectionInfo",
            "matchConditions",
        ],
    ),
    (".authorizers[].webhook.connectionInfo", &["type", "kubeConfigFile"]),
    (".authorizers[].webhook.matchConditions[]", &["expression"]),
];

/// `place` is where in [`FIELDS`], `at` the same with indexes.
fn unknown_fields(value: &Value, place: &str, at: &mut String, found: &mut Vec<String>) {
    let before = at.len();
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push_str(&format!("[{index}]"));
                unknown_fields(item, &format!("{place}[]"), at, found);
                at.truncate(before);
            }
        }
        Value::Object(fields) => {
            let Some((_, known)) = FIELDS.iter().find(|(known, _)| *known == place) else { return };
            for (field, value) in fields {
                at.push_str(&format!(".{field}"));
                match known.contains(&field.as_str()) {
                    true => unknown_fields(value, &format!("{place}.{field}"), at, found),
                    false => found.push(format!("unknown field \"{}\"", at.trim_start_matches('.'))),
                }
                at.truncate(before);
            }
        }
        _ => {}
    }
}

// === checking ===

fn check(files: &[AuthorizerFile], errors: &mut Vec<FieldError>) -> Vec<Authorizer> {
    let path = Path::new("authorizers");
    if files.is_empty() {
        errors.push(FieldError::required(&path, "at least one authorization mode must be defined"));
    }
    let (mut types, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut authorizers = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let path = path.index(index);
        let of_type = path.child("type");
        let kind = file.kind.as_str();
        if kind.is_empty() {
            errors.push(FieldError::required(&of_type, ""));
            continue;
        }
        if !TYPES.contains(&kind) {
            errors.push(FieldError::not_supported(&of_type, kind, TYPES));
            continue;
        }
        if !types.insert(kind) && kind != WEBHOOK {
            errors.push(FieldError::duplicate(&of_type, kind));
            continue;
        }
        check_name(&file.name, &path.child("name"), &mut names, errors);
        let mode = file.mode(&path, errors);
        authorizers.extend(mode.map(|mode| Authorizer { name: file.name.clone(), mode }));
    }
    authorizers
}

fn check_name<'a>(given: &'a str, path: &Path, names: &mut BTreeSet<&'a str>, errors: &mut Vec<FieldError>) {
    let is_new = names.insert(given);
    let faults = name::subdomain(given, false);
    if given.is_empty() {
        errors.push(FieldError::required(path, ""));
    } else if !is_new {
        errors.push(FieldError::duplicate(path, given));
    } else if !faults.is_empty() {
        let why = format!("authorizer name is invalid: {}", faults.join(", "));
        errors.push(FieldError::invalid(path, given, why));
    }
}

impl AuthorizerFile {
    fn mode(&self, path: &Path, errors: &mut Vec<FieldError>) -> Option<Mode> {
        match (&self.webhook, self.kind.as_str()) {
            (Some(webhook), WEBHOOK) => Some(Mode::Webhook(Box::new(webhook.check(path, errors)))),
            (None, WEBHOOK) => {
                errors.push(FieldError::required(&path.child("webhook"), "required when type=Webhook"));
                None
            }
            (Some(_), _) => {
                let why = "may only be specified when type=Webhook";
                errors.push(FieldError::invalid(&path.child("webhook"), "non-null", why));
                None
            }
            (None, mode) => Some(Mode::BuiltIn(mode.to_owned())),
        }
    }
}

impl WebhookFile {
    /// `path` is the authorizer's own, as upstream has it.
    fn check(&self, path: &Path, errors: &mut Vec<FieldError>) -> Webhook {
        let timeout = time(&self.timeout, &path.child("timeout"), Some(LONGEST_TIMEOUT), None, errors);
        let authorized_ttl =
            time(&self.authorized_ttl, &path.child("authorizedTTL"), None, Some(AUTHORIZED_TTL), errors);
        let unauthorized_ttl = time(
            &self.unauthorized_ttl,
            &path.child("unauthorizedTTL"),
            None,
            Some(UNAUTHORIZED_TTL),
            errors,
        );
        let kept = |is: Option<bool>, ttl: Duration| if is == Some(false) { Duration::ZERO } else { ttl };
        let version = one_of(
            &self.subject_access_review_version,
            &["v1", "v1beta1"],
            &path.child("subjectAccessReviewVersion"),
            errors,
        );
        self.check_condition_version(path, errors);
        let failure_policy =
            one_of(&self.failure_policy, &["NoOpinion", "Deny"], &path.child("failurePolicy"), errors);
        let kubeconfig = self.connection_info.check(&path.child("connectionInfo"), errors);
        let conditions = Conditions::compile(&self.match_conditions, &path.child("matchConditions"), errors);
        Webhook {
            timeout,
            authorized_ttl: kept(self.cache_authorized_requests, authorized_ttl),
            unauthorized_ttl: kept(self.cache_unauthorized_requests, unauthorized_ttl),
            version: version.parse().unwrap_or_default(),
            denies_on_failure: failure_policy == "Deny",
            kubeconfig,
            conditions,
        }
    }

    fn check_condition_version(&self, path: &Path, errors: &mut Vec<FieldError>) {
        let path = path.child("matchConditionSubjectAccessReviewVersion");
        match self.match_condition_subject_access_review_version.as_str() {
            "" if !self.match_conditions.is_empty() => {
                errors.push(FieldError::required(&path, "required if match conditions are specified"));
            }
            "" | "v1" => {}
            other => errors.push(FieldError::not_supported(&path, other, ["v1"])),
        }
    }
}

/// A duration that must be given, unless there is a default.
fn time(
    text: &str,
    path: &Path,
    longest: Option<Duration>,
    default: Option<Duration>,
    errors: &mut Vec<FieldError>,
) -> Duration {
    let parsed = match text {
        "" => Ok(jiff::SignedDuration::ZERO),
        text => duration::parse(text),
    };
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(why) => {
            errors.push(FieldError::invalid(path, text, why.to_string()));
            return Duration::ZERO;
        }
    };
    let within =
        Duration::try_from(parsed).ok().filter(|time| longest.is_none_or(|longest| *time <= longest));
    match (within, default) {
        (Some(Duration::ZERO), Some(default)) => default,
        (Some(Duration::ZERO), None) => {
            errors.push(FieldError::required(path, ""));
            Duration::ZERO
        }
        (Some(time), _) => time,
        (None, _) => {
            let why = if longest.is_some() { "must be > 0s and <= 30s" } else { "must be > 0s" };
            errors.push(FieldError::invalid(path, duration::format(parsed), why));
            Duration::ZERO
        }
    }
}

fn one_of<'a>(
    given: &'a str,
    supported: &[&'static str],
    path: &Path,
    errors: &mut Vec<FieldError>,
) -> &'a str {
    if given.is_empty() {
        errors.push(FieldError::required(path, ""));
    } else if !supported.contains(&given) {
        errors.push(FieldError::not_supported(path, given, supported.iter().copied()));
    }
    given
}

impl ConnectionInfo {
    /// The path of the kubeconfig.
    fn check(&self, path: &Path, errors: &mut Vec<FieldError>) -> PathBuf {
        let (of_type, of_file) = (path.child("type"), path.child("kubeConfigFile"));
        let file = self.kubeconfig.as_deref().unwrap_or_default();
        match self.kind.as_str() {
            "" => errors.push(FieldError::required(&of_type, "")),
            KUBECONFIG_FILE => errors.extend(file_fault(file, &of_file)),
            IN_CLUSTER => {
                if self.kubeconfig.is_some() {
                    let why = "can only be set when type=KubeConfigFile";
                    errors.push(FieldError::invalid(&of_file, file, why));
                }
                let why = "an API server has to be told where the webhook is: type=KubeConfigFile";
                errors.push(FieldError::invalid(&of_type, IN_CLUSTER, why));
            }
            other => {
                let file = self.kubeconfig.as_deref().map_or("null".into(), goprint::quote);
                let printed = format!("{{\"Type\":{},\"KubeConfigFile\":{file}}}", goprint::quote(other));
                let value = BadValue::Printed(printed);
                errors.push(FieldError::not_supported(&of_type, value, [IN_CLUSTER, KUBECONFIG_FILE]));
            }
        }
        file.into()
    }
}

fn file_fault(file: &str, path: &Path) -> Option<FieldError> {
    if file.is_empty() {
        return Some(FieldError::required(path, ""));
    }
    if !FilePath::new(file).is_absolute() {
        return Some(FieldError::invalid(path, file, "must be an absolute path"));
    }
    match std::fs::metadata(file) {
        Ok(found) if found.is_file() => None,
        Ok(_) => Some(FieldError::invalid(path, file, "must be a regular file")),
        Err(error) => {
            let why = match error.kind() {
                io::ErrorKind::NotFound => "no such file or directory".to_owned(),
                io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
                _ => error.to_string(),
            };
            let why = format!("error loading file: stat {file}: {why}");
            Some(FieldError::invalid(path, file, why))
        }
    }
}
