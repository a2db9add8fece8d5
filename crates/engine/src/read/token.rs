//! Continue tokens: where the next page of a list begins, as upstream encodes it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ironclad_api::json;
use ironclad_api::status::Status;
use serde::{Deserialize, Serialize};

const VERSION: &str = "meta.k8s.io/v1";

/// Longer tokens are not ours: a key has at most a namespace and a name.
const MAX_TOKEN: usize = 4096;

/// The revision of the list and the last key of the page before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// `None`: go on at the newest revision (what a client chooses after its list expired).
    pub revision: Option<u64>,
    /// Below the list's prefix: `name` or `namespace/name`.
    pub after: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Wire {
    v: String,
    rv: i64,
    start: String,
}

impl Token {
    pub fn encode(&self) -> String {
        let rv = self.revision.and_then(|revision| i64::try_from(revision).ok()).unwrap_or(-1);
        let wire = Wire { v: VERSION.to_owned(), rv, start: format!("{}\0", self.after) };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&wire).unwrap_or_default())
    }

    pub fn decode(token: &str) -> Result<Self, Status> {
        parse(token).map_err(|why| Status::bad_request(format!("invalid continue token: {why}")))
    }
}

fn parse(token: &str) -> Result<Token, String> {
    let malformed = |why: &dyn std::fmt::Display| format!("continue key is not valid: {why}");
    if token.len() > MAX_TOKEN {
        return Err(malformed(&"it is too long"));
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|error| malformed(&error))?;
    let value = json::decode(&bytes).map_err(|error| malformed(&error))?.value;
    let wire: Wire = serde_json::from_value(value).map_err(|error| malformed(&error))?;
    if wire.v != VERSION {
        return Err(format!(
            "continue key is not valid: server does not recognize this encoded version {}",
            wire.v
        ));
    }
    if wire.rv == 0 {
        return Err(
            "continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
                .into(),
        );
    }
    if wire.start.is_empty() {
        return Err("continue key is not valid: encoded start key empty (version meta.k8s.io/v1)".into());
    }
    let after = wire.start.trim_end_matches('\0');
    if after.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(malformed(&wire.start));
    }
    Ok(Token { revision: u64::try_from(wire.rv).ok(), after: after.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_upstreams() {
        let token = Token { revision: Some(7), after: "ns/a".to_owned() };
        let json = URL_SAFE_NO_PAD.decode(token.encode()).expect("base64");
        assert_eq!(json, br#"{"v":"meta.k8s.io/v1","rv":7,"start":"ns/a\u0000"}"#);
        assert_eq!(Token::decode(&token.encode()).expect("decodes"), token);
        let newest = Token { revision: None, after: "a".to_owned() };
        assert_eq!(Token::decode(&newest.encode()).expect("decodes"), newest);
    }

    #[test]
    fn foreign_tokens_are_refused() {
        let check = |json: &str, want: &str| {
            let status = Token::decode(&URL_SAFE_NO_PAD.encode(json)).expect_err("refused");
            assert_eq!((status.code, status.message.as_str()), (400, want));
        };
        check(
            r#"{"v":"meta.k8s.io/v1","rv":0,"start":"a"}"#,
            "invalid continue token: continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
        );
        check(
            r#"{"v":"meta.k8s.io/v1","rv":1,"start":""}"#,
            "invalid continue token: continue key is not valid: encoded start key empty (version meta.k8s.io/v1)",
        );
        check(
            r#"{"v":"x","rv":1,"start":"a"}"#,
            "invalid continue token: continue key is not valid: server does not recognize this encoded version x",
        );
        check(
            r#"{"v":"meta.k8s.io/v1","rv":1,"start":"../b"}"#,
            "invalid continue token: continue key is not valid: ../b",
        );
        assert!(Token::decode("%%").is_err());
    }
}
