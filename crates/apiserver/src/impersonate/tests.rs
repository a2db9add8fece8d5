use std::sync::Arc;

use futures::FutureExt;
use ironclad_engine::{Attributes, Authorizer, Decision, User};
use ironclad_env::BoxFuture;
use parking_lot::Mutex;

use super::impersonate;
use super::wish::tests::headers;

/// Allows what is listed, and remembers everything that it was asked: `VERB GROUP/RESOURCE[/SUB] [NS/]NAME`.
struct Listed {
    allowed: Vec<&'static str>,
    asked: Mutex<Vec<String>>,
}

impl Authorizer for Listed {
    fn authorize<'a>(&'a self, asked: &'a Attributes) -> BoxFuture<'a, Decision> {
        let Attributes { verb, group, resource, subresource, namespace, name, .. } = asked;
        let sub = if subresource.is_empty() { String::new() } else { format!("/{subresource}") };
        let namespace = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
        let group = group.trim_end_matches(".k8s.io");
        let text = format!("{verb} {group}/{resource}{sub} {namespace}{name}");
        let allowed = self.allowed.iter().any(|allowed| *allowed == text);
        self.asked.lock().push(text);
        let reason = String::new();
        let decision = if allowed { Decision::Allow { reason } } else { Decision::NoOpinion { reason } };
        Box::pin(std::future::ready(decision))
    }
}

/// A pod's service account on node `n1` wants to list pods as somebody else. `expected`: the constraint and the
/// groups of the user, or the refusal.
fn check(
    allowed: &[&'static str],
    pairs: &[(&str, &str)],
    expected: Result<(&str, &[&str]), &str>,
) -> Vec<String> {
    let requestor = User {
        name: "system:serviceaccount:ns:agent".into(),
        extra: [("authentication.kubernetes.io/node-name".into(), vec!["n1".into()])].into(),
        ..User::default()
    };
    let authorizer = Listed { allowed: allowed.to_vec(), asked: Mutex::default() };
    let request = || Attributes {
        user: Arc::new(requestor),
        verb: "list".into(),
        version: "v1".into(),
        resource: "pods".into(),
        namespace: "web".into(),
        ..Attributes::default()
    };
    let got = impersonate(&authorizer, request, &mut headers(pairs)).now_or_never().expect("at once");
    let got = got.map(|found| found.expect("a wish")).map_err(|status| status.message);
    let got = got.as_ref().map(|found| (found.constraint.as_str(), found.user.groups.clone()));
    let expected =
        expected.map(|(constraint, groups)| (constraint, groups.iter().map(|g| (*g).to_owned()).collect()));
    assert_eq!(got.map_err(String::as_str), expected, "{allowed:?} {pairs:?}");
    authorizer.asked.into_inner()
}

const JANE: (&str, &str) = ("Impersonate-User", "jane");

#[test]
fn the_plain_mode_allows_every_request() {
    let asked = check(&["impersonate /users jane"], &[JANE], Ok(("", &["system:authenticated"])));
    assert_eq!(asked, ["impersonate-on:user-info:list /pods web/", "impersonate /users jane"]);
}

#[test]
fn a_constrained_mode_allows_one_verb_in_a_name() {
    let on = "impersonate-on:user-info:list /pods web/";
    let user = "impersonate:user-info authentication/users jane";
    let allowed = Ok(("impersonate:user-info", &["system:authenticated"][..]));
    check(&[on, user], &[JANE], allowed);
    check(
        &[user],
        &[JANE],
        Err(
            "pods is forbidden: User \"system:serviceaccount:ns:agent\" cannot impersonate-on:user-info:list resource \"pods\" in API group \"\" in the namespace \"web\"",
        ),
    );
    check(
        &[on],
        &[JANE],
        Err(
            "users.authentication.k8s.io \"jane\" is forbidden: User \"system:serviceaccount:ns:agent\" cannot impersonate:user-info resource \"users\" in API group \"authentication.k8s.io\" at the cluster scope",
        ),
    );
}

#[test]
fn every_name_must_be_allowed() {
    let all = [
        "impersonate-on:user-info:list /pods web/",
        "impersonate:user-info authentication/users jane",
        "impersonate:user-info authentication/uids u1",
        "impersonate:user-info authentication/groups dev",
        "impersonate:user-info authentication/userextras/acme.com/scope view",
    ];
    let wish = [
        JANE,
        ("Impersonate-Group", "dev"),
        ("Impersonate-Uid", "u1"),
        ("Impersonate-Extra-Acme.com%2fScope", "view"),
    ];
    let asked = check(&all, &wish, Ok(("impersonate:user-info", &["dev", "system:authenticated"])));
    assert_eq!(asked, all);
    let plain = [
        "impersonate /users jane",
        "impersonate authentication/uids u1",
        "impersonate /groups dev",
        "impersonate authentication/userextras/acme.com/scope view",
    ];
    check(&plain, &wish, Ok(("", &["dev", "system:authenticated"])));
    for missing in plain {
        let others: Vec<_> = plain.into_iter().filter(|allowed| *allowed != missing).collect();
        let refused = "pods is forbidden: User \"system:serviceaccount:ns:agent\" cannot impersonate-on:user-info:list resource \"pods\" in API group \"\" in the namespace \"web\"";
        check(&others, &wish, Err(refused));
    }
}

#[test]
fn accounts_and_nodes_have_modes_of_their_own() {
    let account = ("Impersonate-User", "system:serviceaccount:ns:sa");
    let groups = &["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"][..];
    check(
        &[
            "impersonate-on:serviceaccount:list /pods web/",
            "impersonate:serviceaccount authentication/serviceaccounts ns/sa",
        ],
        &[account],
        Ok(("impersonate:serviceaccount", groups)),
    );
    check(&["impersonate /serviceaccounts ns/sa"], &[account], Ok(("", groups)));
    let nodes = &["system:nodes", "system:authenticated"][..];
    check(
        &[
            "impersonate-on:arbitrary-node:list /pods web/",
            "impersonate:arbitrary-node authentication/nodes n2",
        ],
        &[("Impersonate-User", "system:node:n2")],
        Ok(("impersonate:arbitrary-node", nodes)),
    );
    let associated = [
        "impersonate-on:associated-node:list /pods web/",
        "impersonate:associated-node authentication/nodes *",
    ];
    let own = ("Impersonate-User", "system:node:n1");
    let asked = check(&associated, &[own], Ok(("impersonate:associated-node", nodes)));
    assert_eq!(asked, associated);
    // Another node is not its own, and a group makes it something else.
    let refused = "pods is forbidden: User \"system:serviceaccount:ns:agent\" cannot impersonate-on:arbitrary-node:list resource \"pods\" in API group \"\" in the namespace \"web\"";
    check(&associated, &[("Impersonate-User", "system:node:n2")], Err(refused));
    let asked = check(
        &["impersonate /users system:node:n1", "impersonate /groups a"],
        &[own, ("Impersonate-Group", "a")],
        Ok(("", &["a", "system:authenticated"])),
    );
    assert_eq!(asked, ["impersonate /users system:node:n1", "impersonate /groups a"]);
}

#[test]
fn some_names_are_never_taken_on_under_a_constraint() {
    let on = ["impersonate-on:user-info:list /pods web/", "impersonate:user-info authentication/users jane"];
    let refused = |name: &str, why: &str| {
        format!(
            "groups.authentication.k8s.io{name} is forbidden: User \"system:serviceaccount:ns:agent\" cannot impersonate:user-info resource \"groups\" in API group \"authentication.k8s.io\" at the cluster scope: {why}"
        )
    };
    check(
        &on,
        &[JANE, ("Impersonate-Group", "system:masters")],
        Err(&refused(" \"system:masters\"", "impersonating the system:masters group is not allowed")),
    );
    check(
        &on,
        &[JANE, ("Impersonate-Extra-scope", "a")],
        Err(
            "userextras.authentication.k8s.io is forbidden: User \"system:serviceaccount:ns:agent\" cannot impersonate:user-info resource \"userextras\" in API group \"authentication.k8s.io\" at the cluster scope: impersonating an invalid key in extra is not allowed: extra.key: Invalid value: \"scope\": must be a domain-prefixed path (such as \"acme.io/foo\")",
        ),
    );
}

#[test]
fn many_groups_are_asked_for_at_once() {
    let wish: Vec<_> =
        std::iter::once(JANE).chain(["a", "b", "c", "d"].map(|group| ("Impersonate-Group", group))).collect();
    let allowed = [
        "impersonate-on:user-info:list /pods web/",
        "impersonate:user-info authentication/users jane",
        "impersonate:user-info authentication/groups *",
    ];
    let asked =
        check(&allowed, &wish, Ok(("impersonate:user-info", &["a", "b", "c", "d", "system:authenticated"])));
    assert_eq!(asked, allowed);
}
