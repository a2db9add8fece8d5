//! A front proxy that authenticates users itself and passes their names in headers.
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy>

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use ironclad_engine::User;
use ironclad_pki::verify::CaPool;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

use crate::url::decode_path;

const USER: &str = "x-remote-user";
const UID: &str = "x-remote-uid";
const GROUP: &str = "x-remote-group";
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
        let Some(name) = values(headers, USER).next().filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let Ok(proxy) = self.ca.verify_client(chain, now) else { return Ok(None) };
        if !self.allowed_names.is_empty() && !self.allowed_names.contains(&proxy.common_name) {
            return Err(format!("x509: subject with cn={} is not in the allowed list", proxy.common_name));
        }
        let groups = values(headers, GROUP).filter(|group| !group.is_empty());
        let mut groups: Vec<String> = groups.map(Cow::into_owned).collect();
        let authenticated = ironclad_auth::authenticate::AUTHENTICATED;
        if !groups.iter().any(|group| group == authenticated) {
            groups.push(authenticated.to_owned());
        }
        let uid = values(headers, UID).next().unwrap_or_default().into_owned();
        Ok(Some(User { name: name.into_owned(), uid, groups, extra: extra(headers, EXTRA) }))
    }
}

/// Takes the headers of proxies out: behind this server they would be believed to be its own.
pub fn take_out(headers: &mut HeaderMap) {
    let is_proxys = |name: &HeaderName| {
        let name = name.as_str();
        [USER, UID, GROUP].contains(&name) || name.starts_with(EXTRA)
    };
    let taken: Vec<HeaderName> = headers.keys().filter(|name| is_proxys(name)).cloned().collect();
    for name in taken {
        headers.remove(name);
    }
}

/// What headers of a name say of a user. As in Go any bytes count: a name in UTF-8 that was passed over would leave
/// the request to whoever sent it, with all of that one's rights.
pub fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
    headers.get_all(name).into_iter().map(text)
}

fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// The headers that begin with `prefix` as a user's extra: the rest of each name is a key.
pub fn extra(headers: &HeaderMap, prefix: &str) -> BTreeMap<String, Vec<String>> {
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if let Some(key) = name.as_str().strip_prefix(prefix) {
            let key = decode_path(key).map_or_else(|| key.to_owned(), |key| key.into_owned());
            extra.entry(key).or_default().push(text(value).into_owned());
        }
    }
    extra
}

#[cfg(test)]
mod tests {
    use ironclad_pki::ca::CertificateAuthority;
    use ironclad_pki::issue::{LEAF_LIFETIME, Template};
    use ironclad_pki::key::PrivateKey;
    use ironclad_pki::subject::Subject;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        headers
    }

    #[test]
    fn a_proxy_vouches_for_whom_its_headers_name() {
        let now = Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let authority =
            |serial: u8| CertificateAuthority::generate("proxies", now, [serial; 16]).expect("a CA");
        let (ours, other) = (authority(1), authority(2));
        let certificate = |ca: &CertificateAuthority, name: &str| {
            let key = PrivateKey::generate().expect("a key");
            let template = Template::client(Subject::new(name, &[]));
            let issued = ca.issue(&template, key.public_key(), LEAF_LIFETIME, now, [3; 16]);
            issued.expect("a certificate").der().clone()
        };
        let ca = CaPool::new(&[ours.certificate().clone()]).expect("a pool");
        let proxy = FrontProxy { ca, allowed_names: vec!["proxy".into()] };
        let check =
            |chain: &[CertificateDer<'_>], pairs: &[(&str, &str)], expected: Result<Option<&str>, &str>| {
                let found = proxy.vouched(chain, &headers(pairs), now);
                let found = found.map(|user| {
                    user.map(|user| {
                        format!("{} {} {} {:?}", user.name, user.uid, user.groups.join(","), user.extra)
                    })
                });
                let got = found.as_ref().map(Option::as_deref).map_err(String::as_str);
                assert_eq!(got, expected, "{pairs:?}");
            };
        let chain = [certificate(&ours, "proxy")];
        let jane = [("X-Remote-User", "jane")];
        check(&chain, &jane, Ok(Some("jane  system:authenticated {}")));
        check(
            &chain,
            &[
                ("X-Remote-User", "jane"),
                ("X-Remote-Uid", "7"),
                ("X-Remote-Group", "dev"),
                ("X-Remote-Group", ""),
                ("X-Remote-Group", "ops"),
                ("X-Remote-Extra-Acme.io%2Fteam", "a"),
                ("X-Remote-Extra-Acme.io%2Fteam", "b"),
            ],
            Ok(Some("jane 7 dev,ops,system:authenticated {\"acme.io/team\": [\"a\", \"b\"]}")),
        );
        let foreign = [("X-Remote-User", "josé"), ("X-Remote-Group", "größe")];
        check(&chain, &foreign, Ok(Some("josé  größe,system:authenticated {}")));
        check(&chain, &[("X-Remote-User", "")], Ok(None));
        check(&chain, &[("X-Remote-Group", "dev")], Ok(None));
        check(&[], &jane, Ok(None));
        check(&[certificate(&other, "proxy")], &jane, Ok(None));
        let refused = "x509: subject with cn=jane is not in the allowed list";
        check(&[certificate(&ours, "jane")], &jane, Err(refused));
    }

    #[test]
    fn its_headers_go_no_further() {
        let mut headers = headers(&[
            ("X-Remote-User", "a"),
            ("X-Remote-Group", "b"),
            ("X-Remote-Group", "c"),
            ("X-Remote-Uid", "d"),
            ("X-Remote-Extra-E", "f"),
            ("X-Remote-Other", "g"),
        ]);
        take_out(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-remote-other"]);
    }
}
