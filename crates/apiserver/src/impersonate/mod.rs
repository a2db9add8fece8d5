//! Acting as somebody else (`kubectl --as`). Each name that is taken on must be allowed.
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/>

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;
use ironclad_api::status::Status;
use ironclad_auth::authenticate::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED};
use ironclad_engine::engine::forbidden;
use ironclad_engine::{Attributes, Authorizer, Decision, User};

use crate::authenticate::extra;

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// Whom the headers ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    user: String,
    groups: Vec<String>,
    uid: String,
    extra: BTreeMap<String, Vec<String>>,
}

/// The user to act as; `None` if the request asks for nobody.
pub async fn impersonate(
    authorizer: &dyn Authorizer,
    user: &Arc<User>,
    headers: &HeaderMap,
) -> Result<Option<Arc<User>>, Status> {
    let Some(wish) = wish(headers)? else { return Ok(None) };
    for mut attributes in wish.attributes() {
        attributes.user = user.clone();
        match authorizer.authorize(&attributes).await {
            Decision::Allow { .. } => {}
            Decision::Deny { reason } | Decision::NoOpinion { reason } => {
                return Err(forbidden(&attributes, &reason));
            }
        }
    }
    Ok(Some(Arc::new(wish.into_user())))
}

fn wish(headers: &HeaderMap) -> Result<Option<Wish>, Status> {
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let groups = headers.get_all(GROUP).into_iter().filter_map(|value| value.to_str().ok());
    let wish = Wish {
        user: text(USER),
        groups: groups.map(str::to_owned).collect(),
        uid: text(UID),
        extra: extra(headers, EXTRA),
    };
    match (wish == Wish::default(), wish.user.is_empty()) {
        (true, _) => Ok(None),
        (false, true) => {
            Err(Status::bad_request(format!("requested {} without impersonating a user", wish.printed())))
        }
        (false, false) => Ok(Some(wish)),
    }
}

impl Wish {
    /// What each name needs: the verb `impersonate` on it.
    fn attributes(&self) -> Vec<Attributes> {
        const AUTHENTICATION: &str = "authentication.k8s.io";
        let ask = |group: &str, resource: &str, name: &str| Attributes {
            verb: "impersonate".into(),
            group: group.into(),
            version: if group.is_empty() { String::new() } else { "v1".into() },
            resource: resource.into(),
            name: name.into(),
            ..Attributes::default()
        };
        let mut all = vec![match service_account(&self.user) {
            Some((namespace, name)) => {
                Attributes { namespace: namespace.into(), ..ask("", "serviceaccounts", name) }
            }
            None => ask("", "users", &self.user),
        }];
        all.extend(self.groups.iter().map(|group| ask("", "groups", group)));
        for (key, values) in &self.extra {
            let extra = |value: &String| Attributes {
                subresource: key.clone(),
                ..ask(AUTHENTICATION, "userextras", value)
            };
            all.extend(values.iter().map(extra));
        }
        if !self.uid.is_empty() {
            all.push(ask(AUTHENTICATION, "uids", &self.uid));
        }
        all
    }

    fn into_user(self) -> User {
        let mut groups = self.groups;
        if let (Some((namespace, _)), true) = (service_account(&self.user), groups.is_empty()) {
            groups = ironclad_pki::token::groups(namespace);
        }
        let implied = if self.user == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED };
        let settled =
            |group: &String| group == implied || (group == UNAUTHENTICATED && implied == AUTHENTICATED);
        if !groups.iter().any(settled) {
            groups.push(implied.to_owned());
        }
        User { name: self.user, uid: self.uid, groups, extra: self.extra }
    }

    /// As Go prints the references that upstream makes of the headers.
    fn printed(&self) -> String {
        let reference = |kind: &str, name: &str, version: &str, field: &str| {
            format!("{{{kind}  {name}  {version}  {field}}}")
        };
        let mut all: Vec<String> =
            self.groups.iter().map(|group| reference("Group", group, "", "")).collect();
        for (key, values) in &self.extra {
            all.extend(
                values.iter().map(|value| reference("UserExtra", value, "authentication.k8s.io/v1", key)),
            );
        }
        if !self.uid.is_empty() {
            all.push(reference("UID", &self.uid, "authentication.k8s.io/v1", ""));
        }
        format!("[{}]", all.join(" "))
    }
}

/// Namespace and name of a service account's user name.
fn service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    let whole = !namespace.is_empty() && !name.is_empty() && !name.contains(':');
    whole.then_some((namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name: http::HeaderName = name.parse().expect("a name");
            headers.append(name, value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn users_are_put_together_as_upstream_does() {
        let check = |pairs: &[(&str, &str)], name: &str, groups: &[&str]| {
            let user = wish(&headers(pairs)).expect("good").expect("a wish").into_user();
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
            &[("Impersonate-User", "system:serviceaccount:ns:sa")],
            "system:serviceaccount:ns:sa",
            &["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"],
        );
    }

    #[test]
    fn every_name_must_be_allowed() {
        let wish = wish(&headers(&[
            ("Impersonate-User", "system:serviceaccount:ns:sa"),
            ("Impersonate-Group", "dev"),
            ("Impersonate-Uid", "u1"),
            ("Impersonate-Extra-Acme.com%2fScope", "view"),
        ]));
        let attributes = wish.expect("good").expect("a wish").attributes();
        let got: Vec<[&str; 5]> = attributes
            .iter()
            .map(|a| [a.group.as_str(), &a.resource, &a.subresource, &a.namespace, &a.name])
            .collect();
        let want = [
            ["", "serviceaccounts", "", "ns", "sa"],
            ["", "groups", "", "", "dev"],
            ["authentication.k8s.io", "userextras", "acme.com/scope", "", "view"],
            ["authentication.k8s.io", "uids", "", "", "u1"],
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn groups_without_a_user_are_a_bad_request() {
        assert_eq!(wish(&HeaderMap::new()), Ok(None));
        assert_eq!(wish(&headers(&[("Impersonate-Group", "dev")])).expect_err("refused").code, 400);
    }
}
