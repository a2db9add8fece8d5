//! Bootstrap tokens, as `token create` makes them for another machine and `up --nodes` for its own.

use ironclad_api::bootstrap_token::{NAME_PREFIX, NAMESPACE, TYPE};
use ironclad_api::{GroupVersionResource, Object, Status, time};
use ironclad_client::{Client, Request, Target};
use ironclad_env::Environment;
use jiff::Timestamp;
use serde_json::json;

const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// A token that nobody knows yet.
pub struct Token {
    pub id: String,
    secret: String,
}

impl Token {
    pub fn generate(env: &dyn Environment) -> Self {
        Self { id: random(env, 6), secret: random(env, 16) }
    }

    /// As a bearer shows it.
    pub fn text(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }

    /// The Secret that makes the cluster know it, until `end`; for ever without one.
    pub fn secret(&self, end: Option<Timestamp>, description: &str) -> Object {
        let mut data = json!({
            "token-id": self.id,
            "token-secret": self.secret,
            "description": description,
            "usage-bootstrap-authentication": "true",
            "usage-bootstrap-signing": "true",
        });
        if let Some(end) = end {
            data["expiration"] = time::format(end).into();
        }
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": format!("{NAME_PREFIX}{}", self.id), "namespace": NAMESPACE},
            "type": TYPE,
            "stringData": data,
        });
        Object::from_value(secret).unwrap_or_default()
    }

    /// Has the cluster know it.
    pub async fn publish(
        &self,
        client: &dyn Client,
        end: Option<Timestamp>,
        description: &str,
    ) -> Result<(), Status> {
        let secrets = Target::collection(GroupVersionResource::new("", "v1", "secrets"), NAMESPACE);
        client.call(Request::create(secrets, self.secret(end, description))).await.map(drop)
    }
}

/// So many letters and digits, each as likely as any other.
fn random(env: &dyn Environment, length: usize) -> String {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0; 32];
        env.fill(&mut bytes);
        // 252 is the largest multiple of 36 in a byte: what is above it would favour some.
        let fair = bytes.iter().filter(|byte| **byte < 252);
        let letters = fair.filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()));
        text.extend(letters.take(length - text.len()).map(|letter| char::from(*letter)));
    }
    text
}

#[cfg(test)]
mod tests {
    use ironclad_api::bootstrap_token::parse;
    use ironclad_env::SimEnv;

    use super::*;

    #[test]
    fn a_token_is_one_that_the_api_takes() {
        let env = SimEnv::new(1).shared();
        let (one, other) = (Token::generate(&*env), Token::generate(&*env));
        assert_eq!(parse(&one.text()), Some((one.id.as_str(), one.secret.as_str())));
        assert_ne!(one.text(), other.text());
        let end: Timestamp = "2026-05-01T00:00:00Z".parse().expect("a time");
        let secret = one.secret(Some(end), "for rack 4");
        assert_eq!(secret.name(), format!("bootstrap-token-{}", one.id));
        assert_eq!(secret.str_at(&["stringData", "expiration"]), "2026-05-01T00:00:00Z");
        assert_eq!(one.secret(None, "").str_at(&["stringData", "expiration"]), "");
    }
}
