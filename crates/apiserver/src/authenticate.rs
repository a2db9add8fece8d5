//! From a connection and its headers to a user: a trusted front proxy's word, the client
//! certificate, then bearer tokens.

mod front_proxy;
mod websocket_token;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use ironclad_auth::authenticate::ANONYMOUS;
use ironclad_auth::{Authenticators, Credentials};
use ironclad_engine::User;
use ironclad_env::Env;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;

pub use front_proxy::{FrontProxy, extra, values};

/// A certificate that was good counts as good this long on its connection.
const REMEMBERED: Duration = Duration::from_secs(10);

/// What a connection proves of its peer.
#[derive(Default)]
pub struct Peer {
    pub chain: Vec<CertificateDer<'static>>,
    /// Who the chain was last found to be, and when; on the monotonic clock.
    known: Mutex<Option<(Duration, Arc<User>)>>,
}

impl Peer {
    pub fn new(chain: Vec<CertificateDer<'static>>) -> Self {
        Self { chain, known: Mutex::default() }
    }

    fn remembered(&self, now: Duration) -> Option<Arc<User>> {
        let known = self.known.lock();
        known.as_ref().filter(|(at, _)| now < *at + REMEMBERED).map(|(_, user)| user.clone())
    }
}

/// Every way to be known to this server.
pub struct Identification {
    pub env: Env,
    pub authenticators: Authenticators,
    pub front_proxy: Option<FrontProxy>,
}

impl Identification {
    /// `Err` is answered with 401 whatever the reason; the reason is for the log. What was shown is taken out of
    /// `headers`, so that nobody further on sees it.
    pub async fn identify(
        &self,
        peer: &Peer,
        path: &str,
        headers: &mut HeaderMap,
    ) -> Result<Arc<User>, String> {
        let user = self.user(peer, path, headers).await?;
        headers.remove(AUTHORIZATION);
        front_proxy::take_out(headers);
        Ok(user)
    }

    async fn user(&self, peer: &Peer, path: &str, headers: &mut HeaderMap) -> Result<Arc<User>, String> {
        let vouched = match &self.front_proxy {
            Some(proxy) => proxy.vouched(&peer.chain, headers, self.env.now()),
            None => Ok(None),
        };
        if let Ok(Some(user)) = vouched {
            return Ok(Arc::new(user));
        }
        let elapsed = self.env.elapsed();
        if let Some(user) = peer.remembered(elapsed) {
            return Ok(user);
        }
        let from_websocket = websocket_token::take(headers)?;
        let token = bearer(headers);
        let token = token.as_deref().or(from_websocket.as_deref());
        let credentials = Credentials { chain: &peer.chain, token, path };
        let user = self.authenticators.authenticate(&credentials, self.env.now()).await;
        // A proxy that may not speak for others may still be somebody itself, but not nobody.
        let user = match (user, vouched) {
            (Ok(user), Err(reason)) if user.name == ANONYMOUS => return Err(reason),
            (Err(reason), Err(first)) => return Err(format!("{first}; {reason}")),
            (user, _) => Arc::new(user?),
        };
        // Without a token it was the certificate, which cannot change on a connection.
        // Nobody is remembered: who is nobody on one path may not be so on another.
        if token.is_none() && !peer.chain.is_empty() && user.name != ANONYMOUS {
            *peer.known.lock() = Some((elapsed, user.clone()));
        }
        Ok(user)
    }
}

/// The token of `Authorization: Bearer`; the scheme is compared without regard to case. One in bytes that no token
/// consists of is a token all the same: whoever shows it is not anonymous.
fn bearer(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    match String::from_utf8_lossy(headers.get(AUTHORIZATION)?.as_bytes()) {
        Cow::Borrowed(shown) => token_of(shown).map(Cow::Borrowed),
        Cow::Owned(shown) => token_of(&shown).map(|token| token.to_owned().into()),
    }
}

fn token_of(shown: &str) -> Option<&str> {
    let (scheme, token) = shown.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn bearer_tokens_are_found() {
        let check = |value: &str, want: Option<&str>| {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
            assert_eq!(bearer(&headers).as_deref(), want, "{headers:?}");
        };
        check("Bearer abc", Some("abc"));
        check("bearer  abc ", Some("abc"));
        check("Basic abc", None);
        check("Bearer", None);
        check("Bearer ", None);
        check("Bearer ä", Some("ä"));
    }
}
