//! An authorizer elsewhere: it is sent a SubjectAccessReview. Its answers are kept for a while, each kind for as long
//! as the file says.
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/webhook/>

use std::time::Duration;

use ironclad_engine::gate::{Attributes, Authorizer, Decision, RuleResolver, Rules, User};
use ironclad_env::{BoxFuture, Env};
use ironclad_webhook::{Deadline, Patience, Remote};
use serde::Deserialize;
use serde_json::Value;

use super::configuration::Webhook;
use super::question;
use crate::recent::Recent;
use crate::reviews::{ReviewKind, or_default};

/// Answers to questions longer than this are not kept: whoever asks makes up the names in them.
const LONGEST_KEPT: usize = 10_000;

pub struct WebhookAuthorizer {
    env: Env,
    remote: Remote,
    settings: Webhook,
    patience: Patience,
    recent: Recent<Status>,
}

/// `status` of a SubjectAccessReview.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(deserialize_with = "or_default")]
    allowed: bool,
    #[serde(deserialize_with = "or_default")]
    denied: bool,
    #[serde(deserialize_with = "or_default")]
    reason: String,
}

impl WebhookAuthorizer {
    pub fn new(env: Env, remote: Remote, settings: Webhook, patience: Patience) -> Self {
        let recent = Recent::new(&env);
        Self { env, remote, settings, patience, recent }
    }

    async fn decide(&self, asked: &Attributes) -> Result<Decision, String> {
        let conditions = &self.settings.conditions;
        if !conditions.is_empty() && !conditions.hold(&question::request(asked))? {
            return Ok(Decision::NoOpinion { reason: String::new() });
        }
        let spec = question::spec(asked, self.settings.version);
        let key = self.recent.key(&spec.to_string(), &[]);
        if let Some(known) = self.recent.get(&key, self.env.elapsed()) {
            return Ok(known.into_decision());
        }
        let status = self.ask(&spec).await?;
        let ttl = if status.allowed { self.settings.authorized_ttl } else { self.settings.unauthorized_ttl };
        if length_of_names(asked) < LONGEST_KEPT {
            self.recent.put(key, status.clone(), self.env.elapsed() + ttl);
        }
        Ok(status.into_decision())
    }

    async fn ask(&self, spec: &Value) -> Result<Status, String> {
        let version = self.settings.version;
        let review = ReviewKind { group: "authorization.k8s.io", kind: "SubjectAccessReview", version };
        let Remote { caller, endpoint } = &self.remote;
        let deadline = deadline(self.settings.timeout);
        let answer = caller.post_patiently(endpoint, review.question(spec), deadline, self.patience).await;
        let answer = answer.map_err(|error| error.to_string()).and_then(|body| review.answer(&body));
        answer.inspect_err(|error| tracing::error!(error, "the webhook for authorization cannot be asked"))
    }
}

/// The server is told of whole seconds only.
fn deadline(timeout: Duration) -> Deadline {
    match (timeout.subsec_nanos(), u32::try_from(timeout.as_secs())) {
        (0, Ok(seconds)) => Deadline::Told { seconds },
        _ => Deadline::Silent(timeout),
    }
}

/// Of what whoever asks can choose.
fn length_of_names(asked: &Attributes) -> usize {
    let Attributes { verb, group, version, resource, subresource, namespace, name, path, .. } = asked;
    [verb, group, version, resource, subresource, namespace, name, path].into_iter().map(String::len).sum()
}

impl Status {
    fn into_decision(self) -> Decision {
        let reason = self.reason;
        match (self.denied, self.allowed) {
            (true, true) => {
                let error = "webhook subject access review returned both allow and deny response".into();
                Decision::Failed { denied: true, reason, error }
            }
            (true, false) => Decision::Deny { reason },
            (false, true) => Decision::Allow { reason },
            (false, false) => Decision::NoOpinion { reason },
        }
    }
}

impl Authorizer for WebhookAuthorizer {
    fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            self.decide(attributes).await.unwrap_or_else(|error| Decision::Failed {
                denied: self.settings.denies_on_failure,
                reason: String::new(),
                error,
            })
        })
    }
}

impl RuleResolver for WebhookAuthorizer {
    /// It can only be asked about one thing at a time.
    fn rules(&self, _: &User, _: &str) -> Rules {
        Rules {
            incomplete: true,
            errors: vec!["webhook authorizer does not support user rule resolution".into()],
            ..Rules::default()
        }
    }
}
