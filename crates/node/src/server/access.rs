//! Who a client is and what it may do.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use ironclad_api::{GroupVersionResource, Object};
use ironclad_client::{Client, Request, Target};
use ironclad_env::Env;
use ironclad_pki::bundle::KUBELET_CLIENT_USER;
use ironclad_pki::verify::CaPool;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::Chain;

/// How long answers of the API are believed, as upstream's defaults have it.
const TOKEN_LIFE: Duration = Duration::from_secs(120);
const ALLOWED_LIFE: Duration = Duration::from_secs(300);
const DENIED_LIFE: Duration = Duration::from_secs(30);
/// Answers that are remembered at most.
const REMEMBERED: usize = 1024;
/// Of longer tokens nothing is remembered: whoever makes them up is not to fill the memory with them.
const LONGEST_TOKEN: usize = 8 * 1024;

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct User {
    pub name: String,
    pub groups: Vec<String>,
}

/// Judges clients.
pub(crate) struct Access {
    client: Arc<dyn Client>,
    client_ca: CaPool,
    node: String,
    tokens: Memory<String, Option<User>>,
    decisions: Memory<(User, &'static str, &'static str), bool>,
}

/// Answers, each with when it stops to count.
struct Memory<K, V>(Mutex<HashMap<K, (V, Duration)>>);

impl<K: Hash + Eq, V: Clone> Memory<K, V> {
    fn get(&self, key: &K, now: Duration) -> Option<V> {
        self.0.lock().get(key).filter(|(_, until)| now < *until).map(|(value, _)| value.clone())
    }

    fn put(&self, key: K, value: V, until: Duration) {
        let mut memory = self.0.lock();
        if memory.len() >= REMEMBERED {
            memory.clear();
        }
        memory.insert(key, (value, until));
    }
}

impl Access {
    pub(crate) fn new(client: Arc<dyn Client>, client_ca: CaPool, node: String) -> Self {
        let tokens = Memory(Mutex::default());
        Self { client, client_ca, node, tokens, decisions: Memory(Mutex::default()) }
    }

    pub(super) fn client_ca(&self) -> &CaPool {
        &self.client_ca
    }

    /// The client, by its certificate or else its token. The error is for the log.
    pub(super) async fn authenticate(
        &self,
        env: &Env,
        chain: &Chain,
        headers: &HeaderMap,
    ) -> Result<User, String> {
        let mut why = "no credentials".to_owned();
        if !chain.is_empty() {
            match self.client_ca.verify_client(chain, env.now()) {
                Ok(identity) => {
                    return Ok(User { name: identity.common_name, groups: identity.organizations });
                }
                Err(error) => why = error.to_string(),
            }
        }
        let header = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|header| header.strip_prefix("Bearer ")).map(str::trim);
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Err(why) };
        self.review_token(env, token).await?.ok_or_else(|| "the token is not valid".to_owned())
    }

    async fn review_token(&self, env: &Env, token: &str) -> Result<Option<User>, String> {
        if let Some(known) = self.tokens.get(&token.to_owned(), env.elapsed()) {
            return Ok(known);
        }
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token},
        });
        let answer = self.ask("authentication.k8s.io", "tokenreviews", body).await?;
        let status = answer.at(&["status"]).cloned().unwrap_or_default();
        let user = (status["authenticated"] == true).then(|| User {
            name: status["user"]["username"].as_str().unwrap_or_default().to_owned(),
            groups: texts(&status["user"]["groups"]),
        });
        if token.len() <= LONGEST_TOKEN {
            self.tokens.put(token.to_owned(), user.clone(), env.elapsed() + TOKEN_LIFE);
        }
        Ok(user)
    }

    /// Whether the client may do that. The error is the answer's text.
    pub(super) async fn authorize(
        &self,
        env: &Env,
        user: &User,
        method: &Method,
        path: &str,
    ) -> Result<(), String> {
        if user.name == KUBELET_CLIENT_USER || user.groups.iter().any(|group| group == "system:masters") {
            return Ok(());
        }
        let verb = verb(method);
        let asked = subresources(path);
        for subresource in asked {
            match self.review(env, user, verb, subresource).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => return Err(format!("Authorization error: {error}")),
            }
        }
        let subresource = asked.last().copied().unwrap_or("proxy");
        Err(format!("Forbidden (user={}, verb={verb}, resource=nodes, subresource={subresource})", user.name))
    }

    async fn review(
        &self,
        env: &Env,
        user: &User,
        verb: &'static str,
        subresource: &'static str,
    ) -> Result<bool, String> {
        let key = (user.clone(), verb, subresource);
        if let Some(known) = self.decisions.get(&key, env.elapsed()) {
            return Ok(known);
        }
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user.name,
                "groups": user.groups,
                "resourceAttributes": {
                    "verb": verb, "version": "v1", "resource": "nodes",
                    "subresource": subresource, "name": self.node,
                },
            },
        });
        let answer = self.ask("authorization.k8s.io", "subjectaccessreviews", body).await?;
        let allowed = answer.at(&["status", "allowed"]) == Some(&Value::Bool(true));
        let life = if allowed { ALLOWED_LIFE } else { DENIED_LIFE };
        self.decisions.put(key, allowed, env.elapsed() + life);
        Ok(allowed)
    }

    async fn ask(&self, group: &'static str, resource: &'static str, body: Value) -> Result<Object, String> {
        let target = Target::collection(GroupVersionResource::new(group, "v1", resource), "");
        let object = Object::from_value(body).unwrap_or_default();
        self.client.call(Request::create(target, object)).await.map_err(|status| status.message)
    }
}

fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn verb(method: &Method) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "get",
    }
}

/// The subresources of `nodes` that a path stands for; having the right to one is enough
/// (KEP-2862: narrow ones first, then `proxy` for what came before them).
fn subresources(path: &str) -> &'static [&'static str] {
    let first = path.split('/').find(|part| !part.is_empty()).unwrap_or_default();
    match first {
        "stats" => &["stats"],
        "metrics" => &["metrics"],
        "logs" => &["log"],
        "checkpoint" => &["checkpoint"],
        "healthz" | "livez" | "readyz" => &["healthz", "proxy"],
        "pods" | "runningpods" => &["pods", "proxy"],
        "configz" => &["configz", "proxy"],
        _ => &["proxy"],
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use ironclad_api::Status;
    use ironclad_env::{BoxFuture, RealEnv};

    use super::*;

    /// An API that believes every token, and counts how often it is asked.
    #[derive(Default)]
    struct Reviews(AtomicUsize);

    impl Client for Reviews {
        fn call(&self, _: Request) -> BoxFuture<'_, Result<Object, Status>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let status = json!({"authenticated": true, "user": {"username": "u", "groups": ["g"]}});
            let review = Object::from_value(json!({ "status": status })).unwrap_or_default();
            Box::pin(std::future::ready(Ok(review)))
        }
    }

    #[tokio::test]
    async fn tokens_are_reviewed_once_unless_they_are_too_long_to_remember() {
        let check = async |length: usize, expected: usize| {
            let reviews = Arc::new(Reviews::default());
            let access = Access::new(reviews.clone(), CaPool::new(&[]).expect("no CA"), "n".into());
            for _ in 0..3 {
                let user = access.review_token(&RealEnv::shared(), &"t".repeat(length)).await;
                let known = Some(User { name: "u".into(), groups: vec!["g".into()] });
                assert_eq!(user, Ok(known));
            }
            assert_eq!(reviews.0.load(Ordering::Relaxed), expected, "{length} bytes");
        };
        check(1000, 1).await;
        check(LONGEST_TOKEN, 1).await;
        check(LONGEST_TOKEN + 1, 3).await;
    }

    #[test]
    fn paths_stand_for_subresources_of_nodes() {
        let check = |path: &str, expected: &[&str]| assert_eq!(subresources(path), expected, "{path}");
        check("/stats/summary", &["stats"]);
        check("/metrics/resource", &["metrics"]);
        check("/pods", &["pods", "proxy"]);
        check("/exec/ns/pod/c", &["proxy"]);
        check("/containerLogs/ns/pod/c", &["proxy"]);
        check("/", &["proxy"]);
    }
}
