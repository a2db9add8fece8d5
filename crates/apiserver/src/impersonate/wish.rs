//! Whom the headers ask for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::HeaderMap;
use ironclad_api::goprint::quote;
use ironclad_api::status::Status;
use ironclad_auth::authenticate::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED};
use ironclad_engine::User;

use crate::authenticate::{extra, values};

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const NODE: &str = "system:node:";
const NODES: &str = "system:nodes";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub user: String,
    pub groups: Vec<String>,
    pub uid: String,
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Wish {
    /// `None` if the request asks for nobody. Who is behind it is not told any further: the headers are taken out.
    pub fn take(headers: &mut HeaderMap) -> Result<Option<Self>, Status> {
        let text = |name: &str| values(headers, name).next().unwrap_or_default().into_owned();
        let wish = Self {
            user: text(USER),
            groups: values(headers, GROUP).map(Cow::into_owned).collect(),
            uid: text(UID),
            extra: extra(headers, EXTRA),
        };
        if wish == Self::default() {
            return Ok(None);
        }
        if wish.user.is_empty() {
            let why = format!("requested {} without impersonating a user name", wish.printed());
            return Err(Status::bad_request(why));
        }
        let taken: Vec<_> =
            headers.keys().filter(|name| name.as_str().starts_with("impersonate-")).cloned().collect();
        for name in taken {
            headers.remove(name);
        }
        Ok(Some(wish))
    }

    pub fn only_names_user(&self) -> bool {
        self.groups.is_empty() && self.uid.is_empty() && self.extra.is_empty()
    }

    /// The user asked for. The groups of service accounts and, where the server decides, of nodes follow from
    /// their names.
    pub fn to_user(&self, server_decides: bool) -> User {
        let mut groups = self.groups.clone();
        if let (Some((namespace, _)), true) = (service_account(&self.user), groups.is_empty()) {
            groups = ironclad_pki::token::groups(namespace);
        }
        if server_decides && node(&self.user).is_some() {
            groups = vec![NODES.to_owned()];
        }
        let implied = if self.user == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED };
        let settled =
            |group: &String| group == implied || (group == UNAUTHENTICATED && implied == AUTHENTICATED);
        if !groups.iter().any(settled) {
            groups.push(implied.to_owned());
        }
        User { name: self.user.clone(), uid: self.uid.clone(), groups, extra: self.extra.clone() }
    }

    /// As Go prints the structure that upstream makes of the headers.
    fn printed(&self) -> String {
        let list = |items: &[String]| match items {
            [] => "[]string(nil)".to_owned(),
            items => {
                format!("[]string{{{}}}", items.iter().map(|item| quote(item)).collect::<Vec<_>>().join(", "))
            }
        };
        let pairs = self.extra.iter().map(|(key, values)| format!("{}:{}", quote(key), list(values)));
        let extra = match self.extra.is_empty() {
            true => "map[string][]string(nil)".to_owned(),
            false => format!("map[string][]string{{{}}}", pairs.collect::<Vec<_>>().join(", ")),
        };
        let (name, uid, groups) = (quote(&self.user), quote(&self.uid), list(&self.groups));
        format!("&user.DefaultInfo{{Name:{name}, UID:{uid}, Groups:{groups}, Extra:{extra}}}")
    }
}

/// Namespace and name of a service account's user name.
pub fn service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    let whole = !namespace.is_empty() && !name.is_empty() && !name.contains(':');
    whole.then_some((namespace, name))
}

/// The node's name in its agent's user name.
pub fn node(user: &str) -> Option<&str> {
    let name = user.strip_prefix(NODE)?;
    ironclad_api::validation::name::subdomain(name, false).is_empty().then_some(name)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name: http::HeaderName = name.parse().expect("a name");
            headers.append(name, http::HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        headers
    }

    #[test]
    fn users_are_put_together_as_upstream_does() {
        let check = |pairs: &[(&str, &str)], name: &str, groups: &[&str]| {
            let wish = Wish::take(&mut headers(pairs)).expect("good").expect("a wish");
            let user = wish.to_user(false);
            assert_eq!(
                (user.name.as_str(), user.groups),
                (name, groups.iter().map(|g| (*g).to_owned()).collect())
            );
        };
        check(&[("Impersonate-User", "jane")], "jane", &["system:authenticated"]);
        check(
            &[("Impersonate-User", "jane"), ("Impersonate-Group", "dev"), ("Impersonate-Group", "ops")],
            "jane",
            &["dev", "ops", "system:authenticated"],
        );
        check(
            &[("Impersonate-User", "jane"), ("Impersonate-Group", "system:unauthenticated")],
            "jane",
            &["system:unauthenticated"],
        );
        check(&[("Impersonate-User", "system:anonymous")], "system:anonymous", &["system:unauthenticated"]);
        check(
            &[("Impersonate-User", "josé"), ("Impersonate-Group", "größe")],
            "josé",
            &["größe", "system:authenticated"],
        );
        check(&[("Impersonate-User", "system:node:a")], "system:node:a", &["system:authenticated"]);
        check(
            &[("Impersonate-User", "system:serviceaccount:ns:sa")],
            "system:serviceaccount:ns:sa",
            &["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"],
        );
    }

    #[test]
    fn the_headers_go_no_further() {
        let mut headers =
            headers(&[("Impersonate-User", "a"), ("Impersonate-Extra-X", "1"), ("Accept", "x")]);
        assert!(Wish::take(&mut headers).is_ok_and(|wish| wish.is_some()));
        assert_eq!(headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["accept"]);
    }

    #[test]
    fn groups_without_a_user_are_a_bad_request() {
        assert_eq!(Wish::take(&mut HeaderMap::new()), Ok(None));
        let refused = Wish::take(&mut headers(&[("Impersonate-Group", "dev"), ("Impersonate-Extra-a", "1")]));
        let refused = refused.expect_err("refused");
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (
                400,
                r#"requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"dev"}, Extra:map[string][]string{"a":[]string{"1"}}} without impersonating a user name"#
            )
        );
    }
}
