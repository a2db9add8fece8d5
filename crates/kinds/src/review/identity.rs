//! `authentication.k8s.io/v1`: TokenReview and SelfSubjectReview.

use std::sync::Arc;

use ironclad_api::{Object, Status};
use ironclad_engine::Context;
use ironclad_engine::gate::{TokenAuthenticator, User};
use ironclad_engine::strategy::Scope;
use ironclad_env::BoxFuture;
use serde_json::{Value, json};

use super::{Answer, Review};

const GROUP: &str = "authentication.k8s.io";

pub fn token(tokens: Arc<dyn TokenAuthenticator>) -> Review {
    Review::new(GROUP, "TokenReview", "tokenreviews", Scope::Cluster, Token { tokens })
}

pub fn self_subject() -> Review {
    Review::new(GROUP, "SelfSubjectReview", "selfsubjectreviews", Scope::Cluster, Caller)
}

struct Token {
    tokens: Arc<dyn TokenAuthenticator>,
}

impl Answer for Token {
    fn answer<'a>(
        &'a self,
        _context: &'a Context,
        _namespace: &'a str,
        mut review: Object,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        Box::pin(async move {
            let token = review.str_at(&["spec", "token"]).to_owned();
            if token.is_empty() {
                return Err(Status::bad_request("token is required for TokenReview in authentication"));
            }
            let audiences = review.at(&["spec", "audiences"]).and_then(Value::as_array).into_iter().flatten();
            let audiences: Vec<String> = audiences.filter_map(Value::as_str).map(str::to_owned).collect();
            let status = match self.tokens.authenticate(&token, &audiences).await {
                Ok(Some(found)) => json!({
                    "authenticated": true, "user": user_info(&found.user), "audiences": found.audiences,
                }),
                Ok(None) => json!({ "user": {}, "error": "invalid bearer token" }),
                Err(error) => json!({ "user": {}, "error": error }),
            };
            review.0.insert("status".into(), status);
            Ok(review)
        })
    }
}

/// Answers who the caller is (`kubectl auth whoami`, KEP-3325).
struct Caller;

impl Answer for Caller {
    fn answer<'a>(
        &'a self,
        context: &'a Context,
        _namespace: &'a str,
        mut review: Object,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        review.0.insert("status".into(), json!({ "userInfo": user_info(&context.user) }));
        Box::pin(std::future::ready(Ok(review)))
    }
}

/// `authentication.k8s.io/v1 UserInfo`; what is empty is left out.
fn user_info(user: &User) -> Value {
    let mut info = json!({ "username": user.name });
    if !user.uid.is_empty() {
        info["uid"] = user.uid.clone().into();
    }
    if !user.groups.is_empty() {
        info["groups"] = user.groups.clone().into();
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}
