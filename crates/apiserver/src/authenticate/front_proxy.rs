//! A front proxy that authenticates users itself and passes their names in headers.
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy>

use std::collections::BTreeMap;

use http::HeaderMap;
use ironclad_engine::User;
use ironclad_pki::verify::CaPool;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

use crate::url::decode_path;

const EXTRA: &str = "x-remote-extra-";

/// Whose word is taken. Its CA is another than that of clients: a client's certificate
/// gives no right to speak for others.
pub struct FrontProxy {
    pub ca: CaPool,
    /// Common names of proxies; empty means every certificate of the CA.
    pub allowed_names: Vec<String>,
}

impl FrontProxy {
    /// The user that a proxy vouches for; `None` if the peer is no proxy or names nobody.
    pub fn vouched(
        &self,
        chain: &[CertificateDer<'_>],
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Option<User>, String> {
        let Some(name) = values(headers, "x-remote-user").next().filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let Ok(proxy) = self.ca.verify_client(chain, now) else { return Ok(None) };
        if !self.allowed_names.is_empty() && !self.allowed_names.contains(&proxy.common_name) {
            return Err(format!("x509: subject with cn={} is not in the allowed list", proxy.common_name));
        }
        let mut groups: Vec<String> = values(headers, "x-remote-group").map(str::to_owned).collect();
        let authenticated = ironclad_auth::authenticate::AUTHENTICATED;
        if !groups.iter().any(|group| group == authenticated) {
            groups.push(authenticated.to_owned());
        }
        let uid = values(headers, "x-remote-uid").next().unwrap_or_default().to_owned();
        Ok(Some(User { name: name.to_owned(), uid, groups, extra: extra(headers, EXTRA) }))
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

/// The headers that begin with `prefix` as a user's extra: the rest of each name is a key.
pub fn extra(headers: &HeaderMap, prefix: &str) -> BTreeMap<String, Vec<String>> {
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if let (Some(key), Ok(value)) = (name.as_str().strip_prefix(prefix), value.to_str()) {
            let key = decode_path(key).map_or_else(|| key.to_owned(), |key| key.into_owned());
            extra.entry(key).or_default().push(value.to_owned());
        }
    }
    extra
}
