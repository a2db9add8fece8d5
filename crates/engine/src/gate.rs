//! Who asks, whether they may, and what else has a say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::params::{DeleteOptions, WriteOptions};
use ironclad_api::status::Status;
use ironclad_api::validation::meta::FIELD_MANAGER_MAX;
use ironclad_api::{GroupVersionKind, Object, fields, labels};
use ironclad_client::request::Target;
use ironclad_env::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::registry::Served;

/// An authenticated identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// The server itself, which may do everything.
    pub fn server() -> Self {
        Self {
            name: "system:apiserver".into(),
            groups: vec!["system:masters".into(), "system:authenticated".into()],
            ..Self::default()
        }
    }
}

/// More than ever fit into the headers of an answer.
const MAX_WARNINGS: usize = 1000;

/// One request's identity and what it gathers on its way.
#[derive(Clone, Default)]
pub struct Context {
    pub user: Arc<User>,
    /// The first word of it names the field manager when the client gives none.
    pub user_agent: String,
    /// Texts for `Warning` headers, [`MAX_WARNINGS`] at most.
    pub warnings: Arc<Mutex<Vec<String>>>,
    /// Annotations for the audit log.
    pub audit: Arc<Mutex<BTreeMap<String, String>>>,
    /// How long admission has waited for webhooks: time that is not this server's.
    pub webhooks: Arc<Mutex<Duration>>,
}

impl Context {
    pub fn new(user: Arc<User>, user_agent: impl Into<String>) -> Self {
        Self { user, user_agent: user_agent.into(), ..Self::default() }
    }

    /// Notes that the request has waited so long for a webhook, or for several at once.
    pub fn waited_for_webhooks(&self, took: Duration) {
        *self.webhooks.lock() += took;
    }

    /// Repetitions are told once.
    pub fn warn(&self, text: impl Into<String>) {
        let text = text.into();
        let mut warnings = self.warnings.lock();
        if warnings.len() < MAX_WARNINGS && !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// The manager of the fields that a write without a named one sets: the first word of
    /// the user agent, printable and short enough.
    pub fn default_manager(&self) -> String {
        let word = self.user_agent.split('/').next().unwrap_or_default();
        let mut manager = String::new();
        for c in word.chars().filter(|c| !c.is_control()) {
            if manager.len() + c.len_utf8() > FIELD_MANAGER_MAX {
                break;
            }
            manager.push(c);
        }
        manager
    }
}

/// What authorization is asked: `authorization.k8s.io` attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    pub user: Arc<User>,
    pub verb: String,
    pub group: String,
    pub version: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    /// The URL path of a non-resource request; empty for resources.
    pub path: String,
    /// What a list, watch or deletecollection is narrowed to, as far as it can be read.
    pub field_selector: fields::Selector,
    pub label_selector: labels::Selector,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow {
        reason: String,
    },
    Deny {
        reason: String,
    },
    /// Nobody had an opinion: denied, and `reason` says what was lacking.
    NoOpinion {
        reason: String,
    },
    /// Nobody allowed it, and `error` says why somebody could not tell; `denied` if that is to count as a denial,
    /// so that nobody else is asked.
    Failed {
        denied: bool,
        reason: String,
        error: String,
    },
}

impl Decision {
    /// What was said for it or against it.
    pub fn reason(&self) -> &str {
        match self {
            Self::Allow { reason }
            | Self::Deny { reason }
            | Self::NoOpinion { reason }
            | Self::Failed { reason, .. } => reason,
        }
    }
}

pub trait Authorizer: Send + Sync + 'static {
    fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmissionOperation {
    Create,
    Update,
    Delete,
    Connect,
}

/// One write as admission sees it.
pub struct AdmissionRequest<'a> {
    pub context: &'a Context,
    pub operation: AdmissionOperation,
    pub target: &'a Target,
    pub kind: &'a GroupVersionKind,
    /// `None` for deletes.
    pub object: Option<&'a mut Object>,
    /// `None` for creates.
    pub old: Option<&'a Object>,
    pub dry_run: bool,
    /// The resource of the target, for its other versions. Objects of its own kind are in the
    /// storage version; a subresource's own kind ([`AdmissionRequest::kind`]) has one version.
    pub served: Option<&'a Served>,
    pub options: RequestOptions<'a>,
}

/// What a client says beside the object.
#[derive(Clone, Copy, Debug, Default)]
pub enum RequestOptions<'a> {
    #[default]
    None,
    Write(&'a WriteOptions),
    Delete(&'a DeleteOptions),
}

impl RequestOptions<'_> {
    /// As `meta.k8s.io/v1`: an update that creates has CreateOptions, a patch the options of
    /// what it does. Null where there are none.
    pub fn to_value(&self, operation: AdmissionOperation) -> Value {
        let mut value = match self {
            Self::None => return Value::Null,
            Self::Write(options) => options.to_body(match operation {
                AdmissionOperation::Create => "CreateOptions",
                _ => "UpdateOptions",
            }),
            Self::Delete(options) => options.to_body(),
        };
        value["apiVersion"] = json!("meta.k8s.io/v1");
        value
    }
}

impl AdmissionOperation {
    /// As rules and reviews write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// The admission plugins as one: mutation in order, then validation.
pub trait Admission: Send + Sync + 'static {
    fn mutate<'a>(&'a self, request: &'a mut AdmissionRequest<'_>) -> BoxFuture<'a, Result<(), Status>>;
    fn validate<'a>(&'a self, request: &'a AdmissionRequest<'_>) -> BoxFuture<'a, Result<(), Status>>;
}

/// Whose token this is.
pub trait TokenAuthenticator: Send + Sync + 'static {
    /// `audiences` empty means the API server's own. `Ok(None)`: not a token that anyone
    /// here knows. `Err`: known, and not valid, with why.
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
        audiences: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Authenticated>, String>>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    pub user: User,
    /// Those of the requested audiences that the token is for.
    pub audiences: Vec<String>,
}

/// What a user may do in a namespace, as far as it can be enumerated (`SelfSubjectRulesReview`).
pub trait RuleResolver: Send + Sync + 'static {
    fn rules(&self, user: &User, namespace: &str) -> Rules;
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    pub resource_rules: Vec<ResourceRule>,
    pub non_resource_rules: Vec<NonResourceRule>,
    /// Some authorizer cannot enumerate its rules.
    pub incomplete: bool,
    pub errors: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceRule {
    pub verbs: Vec<String>,
    pub api_groups: Vec<String>,
    pub resources: Vec<String>,
    pub resource_names: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NonResourceRule {
    pub verbs: Vec<String>,
    pub paths: Vec<String>,
}
