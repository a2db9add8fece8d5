//! Bootstrap tokens: Secrets that let a machine join which has no certificate yet.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::Object;

/// The type of such Secrets.
pub const TYPE: &str = "bootstrap.kubernetes.io/token";
/// Where they are.
pub const NAMESPACE: &str = "kube-system";
/// What their names begin with; the rest is the token's id.
pub const NAME_PREFIX: &str = "bootstrap-token-";
pub const USER_PREFIX: &str = "system:bootstrap:";

const GROUP: &str = "system:bootstrappers";
const ID: usize = 6;
const SECRET: usize = 16;

/// A Secret of that type, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapToken {
    pub id: String,
    pub secret: String,
    /// RFC 3339; empty: it never ends.
    pub expiration: String,
    /// May be shown as a bearer token.
    pub authenticates: bool,
    /// Signs the `cluster-info` ConfigMap.
    pub signs: bool,
    /// Separated by commas.
    pub extra_groups: String,
}

/// How long a token counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    Never,
    At(Timestamp),
    /// It is over, or the time cannot be read.
    Expired,
}

impl BootstrapToken {
    /// `None` if the Secret is of another type.
    pub fn of(secret: &Object) -> Option<Self> {
        if secret.str_at(&["type"]) != TYPE {
            return None;
        }
        let text = |key: &str| {
            let bytes = STANDARD.decode(secret.str_at(&["data", key])).unwrap_or_default();
            String::from_utf8(bytes).unwrap_or_default()
        };
        Some(Self {
            id: text("token-id"),
            secret: text("token-secret"),
            expiration: text("expiration"),
            authenticates: text("usage-bootstrap-authentication") == "true",
            signs: text("usage-bootstrap-signing") == "true",
            extra_groups: text("auth-extra-groups"),
        })
    }

    pub fn expiry(&self, now: Timestamp) -> Expiry {
        match self.expiration.as_str() {
            "" => Expiry::Never,
            text => match text.parse::<Timestamp>() {
                Ok(end) if end > now => Expiry::At(end),
                _ => Expiry::Expired,
            },
        }
    }

    /// The groups of whoever shows it, sorted; `None` if one of the extra ones is not for bootstrappers.
    pub fn groups(&self) -> Option<Vec<String>> {
        let mut groups = BTreeSet::from([GROUP.to_owned()]);
        for group in self.extra_groups.split(',').filter(|_| !self.extra_groups.is_empty()) {
            groups.insert(is_group(group).then(|| group.to_owned())?);
        }
        Some(groups.into_iter().collect())
    }
}

fn is_group(group: &str) -> bool {
    let Some(rest) = group.strip_prefix("system:bootstrappers:") else { return false };
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b':' | b'-');
    let last = rest.bytes().last().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    rest.len() <= 256 && last && rest.bytes().all(allowed)
}

/// The id and the secret of a bearer token `IDIDID.SECRETSECRETSECR`; `None` for any other.
pub fn parse(token: &str) -> Option<(&str, &str)> {
    let plain = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let (id, secret) = token.split_once('.')?;
    (plain(id, ID) && plain(secret, SECRET)).then_some((id, secret))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_six_and_sixteen_letters_or_digits() {
        let check =
            |token: &str, expected: Option<(&str, &str)>| assert_eq!(parse(token), expected, "{token}");
        check("abc123.0123456789abcdef", Some(("abc123", "0123456789abcdef")));
        check("ABC123.0123456789abcdef", None);
        check("abc12.0123456789abcdef", None);
        check("abc123.0123456789abcde", None);
        check("abc123-0123456789abcdef", None);
        check("abc123.0123456789abcdef\n", None);
    }

    fn token(data: &[(&str, &str)]) -> BootstrapToken {
        let data: serde_json::Map<_, _> =
            data.iter().map(|(key, value)| ((*key).to_owned(), STANDARD.encode(value).into())).collect();
        let secret = Object::from_value(json!({ "type": TYPE, "data": data })).expect("an object");
        BootstrapToken::of(&secret).expect("a token")
    }

    #[test]
    fn groups_are_of_bootstrappers_only() {
        let check = |extra: &str, expected: Option<&[&str]>| {
            let groups = token(&[("auth-extra-groups", extra)]).groups();
            let expected = expected.map(|groups| groups.iter().map(|group| (*group).to_owned()).collect());
            assert_eq!(groups, expected, "{extra}");
        };
        check("", Some(&["system:bootstrappers"]));
        check(
            "system:bootstrappers:b,system:bootstrappers:a:1",
            Some(&["system:bootstrappers", "system:bootstrappers:a:1", "system:bootstrappers:b"]),
        );
        check("system:masters", None);
        check("system:bootstrappers:", None);
        check("system:bootstrappers:a-", None);
        check("system:bootstrappers:a,", None);
    }

    #[test]
    fn a_time_that_cannot_be_read_is_over() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let check = |expiration: &str, expected: Expiry| {
            assert_eq!(token(&[("expiration", expiration)]).expiry(now), expected, "{expiration}");
        };
        check("", Expiry::Never);
        check("2026-01-01T00:00:01Z", Expiry::At("2026-01-01T00:00:01Z".parse().expect("a time")));
        check("2026-01-01T02:00:01+02:00", Expiry::At("2026-01-01T00:00:01Z".parse().expect("a time")));
        check("2026-01-01T00:00:00Z", Expiry::Expired);
        check("tomorrow", Expiry::Expired);
    }
}
