//! Tokens that a server elsewhere knows: it is sent a TokenReview and says whose they are. Its answers are kept for a
//! while, good and bad ones; that it could not be asked is not.
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication>

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ironclad_engine::gate::{Authenticated, TokenAuthenticator, User};
use ironclad_env::{BoxFuture, Env};
use ironclad_webhook::{Deadline, Patience, Remote};
use serde::Deserialize;
use serde_json::json;

use super::figures::Lookup;
use crate::recent::Recent;
use crate::reviews::{ReviewKind, ReviewVersion, or_default};

/// Of each call, as upstream.
const DEADLINE: Deadline = Deadline::Told { seconds: 30 };

/// How the server is asked.
pub struct Settings {
    pub remote: Remote,
    pub version: ReviewVersion,
    /// How long an answer counts; zero: for its own request only.
    pub kept_for: Duration,
    /// How often it is called when it fails.
    pub patience: Patience,
}

impl Settings {
    /// Two minutes, as upstream.
    pub const KEPT_FOR: Duration = Duration::from_secs(120);
}

pub struct WebhookTokens {
    env: Env,
    settings: Settings,
    /// The API server's own audiences. A server that says nothing of audiences is taken to mean these.
    audiences: Vec<String>,
    recent: Recent<Option<Arc<Authenticated>>>,
}

/// `status` of a TokenReview.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(deserialize_with = "or_default")]
    authenticated: bool,
    #[serde(deserialize_with = "or_default")]
    user: UserInfo,
    #[serde(deserialize_with = "or_default")]
    audiences: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    error: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UserInfo {
    #[serde(deserialize_with = "or_default")]
    username: String,
    #[serde(deserialize_with = "or_default")]
    uid: String,
    #[serde(deserialize_with = "or_default")]
    groups: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    extra: BTreeMap<String, Option<Vec<String>>>,
}

impl WebhookTokens {
    pub fn new(env: Env, settings: Settings, audiences: Vec<String>) -> Arc<Self> {
        let recent = Recent::new(&env);
        Arc::new(Self { env, settings, audiences, recent })
    }

    async fn ask(&self, token: &str, wanted: &[String]) -> Result<Option<Arc<Authenticated>>, String> {
        let Settings { remote, version, patience, .. } = &self.settings;
        let review = ReviewKind { group: "authentication.k8s.io", kind: "TokenReview", version: *version };
        let mut spec = json!({ "token": token });
        if !wanted.is_empty() {
            spec["audiences"] = json!(wanted);
        }
        let question = review.question(&spec);
        let answer = remote.caller.post_patiently(&remote.endpoint, question, DEADLINE, *patience).await;
        let answer = answer.map_err(|error| error.to_string()).and_then(|body| review.answer(&body));
        let status = answer.inspect_err(|error| {
            // Not the client's fault, who only learns that it is not let in.
            tracing::error!(error, "the webhook for tokens cannot be asked");
        })?;
        self.judge(status, wanted)
    }

    fn judge(&self, status: Status, wanted: &[String]) -> Result<Option<Arc<Authenticated>>, String> {
        let meant = if status.audiences.is_empty() { &self.audiences } else { &status.audiences };
        let audiences: Vec<String> = wanted.iter().filter(|wanted| meant.contains(wanted)).cloned().collect();
        if audiences.is_empty() && !wanted.is_empty() {
            return Ok(None);
        }
        if !status.authenticated {
            return if status.error.is_empty() { Ok(None) } else { Err(status.error) };
        }
        let UserInfo { username, uid, groups, extra } = status.user;
        let extra = extra.into_iter().map(|(key, values)| (key, values.unwrap_or_default())).collect();
        let user = super::authenticated(User { name: username, uid, groups, extra });
        Ok(Some(Arc::new(Authenticated { user, audiences })))
    }
}

impl TokenAuthenticator for WebhookTokens {
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
        audiences: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Authenticated>, String>> {
        Box::pin(async move {
            let wanted = if audiences.is_empty() { &self.audiences } else { audiences };
            let lookup = Lookup::begin(&self.env);
            let key = self.recent.key(token, wanted);
            if let Some(known) = self.recent.get(&key, self.env.elapsed()) {
                lookup.hit();
                return Ok(known.map(|known| (*known).clone()));
            }
            let fetch = lookup.miss();
            let found = fetch.ended(self.ask(token, wanted).await)?;
            self.recent.put(key, found.clone(), self.env.elapsed() + self.settings.kept_for);
            Ok(found.map(|found| (*found).clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use ironclad_env::RealEnv;
    use ironclad_webhook::testing::{Reply, Server};
    use serde_json::Value;

    use super::*;

    const API: &str = "https://api";
    const KIND: &str = "TokenReview";
    const V1: &str = "authentication.k8s.io/v1";

    /// Answers by the token that it is shown.
    fn answer(review: &Value) -> Reply {
        let status = match review["spec"]["token"].as_str().unwrap_or_default() {
            "good" => json!({ "authenticated": true, "user": { "username": "jane", "uid": "7",
                "groups": ["dev"], "extra": { "acme.io/team": ["a"], "acme.io/none": null } } }),
            "vault" => json!({ "authenticated": true, "user": { "username": "jane", "groups": null },
                "audiences": ["vault", "other"] }),
            "expired" => json!({ "authenticated": false, "error": "token is expired" }),
            "broken" => return Reply { code: 500, ..Reply::json(&json!({})) },
            "nonsense" => return Reply::json(&json!({ "kind": "Pod", "apiVersion": "v1" })),
            "nothing" => return Reply::json(&json!({ "kind": KIND, "apiVersion": V1 })),
            _ => json!({ "authenticated": false }),
        };
        Reply::json(&json!({ "kind": KIND, "apiVersion": review["apiVersion"], "status": status }))
    }

    async fn tokens(version: ReviewVersion, kept_for: Duration) -> (Server, Arc<WebhookTokens>) {
        let env = RealEnv::shared();
        let server = Server::start(&env, &[], Box::new(|_, review| answer(review))).await;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("webhook.yaml");
        std::fs::write(&path, server.kubeconfig("/authenticate")).expect("written");
        let remote = Remote::load(env.clone(), &path).unwrap_or_else(|error| panic!("{error}"));
        let patience = Patience { calls: 2, first_wait: Duration::from_millis(1), ..Patience::USUAL };
        let settings = Settings { remote, version, kept_for, patience };
        (server, WebhookTokens::new(env, settings, vec![API.into()]))
    }

    #[tokio::test]
    async fn a_server_says_whose_a_token_is() {
        let (server, tokens) = tokens(ReviewVersion::V1, Duration::ZERO).await;
        let check = async |token: &str, audiences: &[&str], expected: Result<Option<&str>, &str>| {
            let audiences: Vec<String> = audiences.iter().map(|audience| (*audience).to_owned()).collect();
            let found = tokens.authenticate(token, &audiences).await;
            let found = found.map(|found| {
                found.map(|found| {
                    let User { name, uid, groups, extra } = found.user;
                    format!("{name} {uid} {} {extra:?} {}", groups.join(","), found.audiences.join(","))
                })
            });
            let got = found.as_ref().map(Option::as_deref).map_err(String::as_str);
            assert_eq!(got, expected, "{token} {audiences:?}");
        };
        let jane =
            "jane 7 dev,system:authenticated {\"acme.io/none\": [], \"acme.io/team\": [\"a\"]} https://api";
        check("good", &[], Ok(Some(jane))).await;
        check("good", &["x", API], Ok(Some(jane))).await;
        check("good", &["vault"], Ok(None)).await;
        check("vault", &[], Ok(None)).await;
        check("vault", &["x", "vault"], Ok(Some("jane  system:authenticated {} vault"))).await;
        check("unknown", &[], Ok(None)).await;
        check("nothing", &[], Ok(None)).await;
        check("expired", &[], Err("token is expired")).await;
        let kind =
            "expected an answer of authentication.k8s.io/v1, kind TokenReview, got \"v1\", kind \"Pod\"";
        check("nonsense", &[], Err(kind)).await;
        let seen = server.seen.lock();
        let (path, first) = seen.first().expect("a call");
        assert_eq!(path, "/authenticate?timeout=30s");
        let spec = json!({ "token": "good", "audiences": [API] });
        assert_eq!(
            first,
            &json!({ "kind": KIND, "apiVersion": V1, "metadata": {}, "spec": spec, "status": {} })
        );
    }

    #[tokio::test]
    async fn answers_are_kept_and_failures_are_not() {
        let (server, tokens) = tokens(ReviewVersion::V1Beta1, Duration::from_secs(60)).await;
        let before = AtomicUsize::new(0);
        let check = async |token: &str, calls: usize| {
            let _ = tokens.authenticate(token, &[]).await;
            let made = server.seen.lock().len();
            assert_eq!(made - before.swap(made, Ordering::SeqCst), calls, "{token}");
        };
        check("good", 1).await;
        check("good", 0).await;
        check("unknown", 1).await;
        check("unknown", 0).await;
        check("expired", 1).await;
        check("expired", 1).await;
        // An internal error may pass, so it is asked twice each time.
        check("broken", 2).await;
        check("broken", 2).await;
        assert_eq!(server.seen.lock()[0].1["apiVersion"], "authentication.k8s.io/v1beta1");
    }
}
