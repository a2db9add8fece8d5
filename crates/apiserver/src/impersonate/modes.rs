//! The ways to be allowed to act as somebody else, and what each of them asks of the authorizer.
//!
//! | mode | for | asks for |
//! |---|---|---|
//! | associated-node | a service account's pod, as its own node | `impersonate-on:associated-node:VERB` of the request, `impersonate:associated-node` of nodes |
//! | arbitrary-node | nodes | the same with `arbitrary-node` |
//! | serviceaccount | service accounts | the same with `serviceaccount` |
//! | user-info | everybody else, with groups, uid and extra | the same with `user-info`, of each name |
//! | plain | everybody | `impersonate` of each name, whatever the request |
//!
//! Source: KEP-5284 (constrained impersonation).

use std::sync::Arc;

use ironclad_api::Path;
use ironclad_api::goprint::quote;
use ironclad_api::status::Status;
use ironclad_api::validation::path::domain_prefixed_path;
use ironclad_engine::engine::forbidden;
use ironclad_engine::{Attributes, User};

use super::wish::{Wish, node, service_account};

const AUTHENTICATION: &str = "authentication.k8s.io";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
/// From so many names on, the right to all of them is asked for first.
const MANY: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    AssociatedNode,
    ArbitraryNode,
    ServiceAccount,
    UserInfo,
    Plain,
}

/// What must be allowed: the right to everything at once where there is one, or else each of the others.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    pub at_once: Option<Attributes>,
    pub each: Vec<Attributes>,
}

impl Question {
    fn one(attributes: Attributes) -> Self {
        Self { at_once: None, each: vec![attributes] }
    }
}

impl Mode {
    /// From the narrowest to the widest.
    pub const ALL: [Self; 5] =
        [Self::AssociatedNode, Self::ArbitraryNode, Self::ServiceAccount, Self::UserInfo, Self::Plain];

    fn name(self) -> &'static str {
        match self {
            Self::AssociatedNode => "associated-node",
            Self::ArbitraryNode => "arbitrary-node",
            Self::ServiceAccount => "serviceaccount",
            Self::UserInfo => "user-info",
            Self::Plain => "",
        }
    }

    /// The verb on names; for all but the plain mode also what the audit log calls the constraint.
    fn verb(self) -> String {
        match self {
            Self::Plain => "impersonate".to_owned(),
            mode => format!("impersonate:{}", mode.name()),
        }
    }

    /// What the audit log tells of the mode.
    pub fn constraint(self) -> String {
        if self == Self::Plain { String::new() } else { self.verb() }
    }

    /// Whether the mode is for such a wish of such a user at all.
    pub fn applies(self, wish: &Wish, requestor: &User) -> bool {
        match self {
            Self::AssociatedNode => wish.only_names_user() && is_on_node(requestor, &wish.user),
            Self::ArbitraryNode => wish.only_names_user() && node(&wish.user).is_some(),
            Self::ServiceAccount => wish.only_names_user() && service_account(&wish.user).is_some(),
            Self::UserInfo => node(&wish.user).is_none() && service_account(&wish.user).is_none(),
            Self::Plain => true,
        }
    }

    /// Everything that must be allowed, in order. `request` is what is to be done in the other's name.
    /// `Err`: this mode never allows it.
    pub fn questions(self, wish: &Wish, request: &Attributes) -> Result<Vec<Question>, Status> {
        let asking = Asking { mode: self, user: self.requestor(&request.user) };
        let mut questions = Vec::new();
        if self != Self::Plain {
            let verb = format!("impersonate-on:{}:{}", self.name(), request.verb);
            questions.push(Question::one(Attributes { user: asking.user.clone(), verb, ..request.clone() }));
        }
        questions.push(Question::one(asking.for_user(&wish.user)));
        if !wish.uid.is_empty() {
            questions.push(Question::one(asking.of(AUTHENTICATION, "uids", &wish.uid)));
        }
        questions.extend(asking.for_groups(&wish.groups)?);
        questions.extend(asking.for_extra(wish)?);
        Ok(questions)
    }

    /// Who asks, as the authorizer sees it. Of a pod's account on its own node it is known that the node is its
    /// own: what tells one such pod from another would only tell the same right apart.
    fn requestor(self, user: &Arc<User>) -> Arc<User> {
        if self != Self::AssociatedNode {
            return user.clone();
        }
        let keys = user.extra.keys().cloned().collect();
        let extra = [("authentication.kubernetes.io/associated-node-keys".to_owned(), keys)].into();
        Arc::new(User { extra, ..(**user).clone() })
    }
}

/// Whether a service account's token was made for a pod on that node.
fn is_on_node(requestor: &User, wanted: &str) -> bool {
    let own = match requestor.extra.get(NODE_NAME).map(Vec::as_slice) {
        Some([node]) => node.as_str(),
        _ => "",
    };
    service_account(&requestor.name).is_some() && node(wanted).is_some_and(|wanted| wanted == own)
}

struct Asking {
    mode: Mode,
    user: Arc<User>,
}

impl Asking {
    fn of(&self, group: &str, resource: &str, name: &str) -> Attributes {
        Attributes {
            user: self.user.clone(),
            verb: self.mode.verb(),
            group: group.into(),
            version: "v1".into(),
            resource: resource.into(),
            name: name.into(),
            ..Attributes::default()
        }
    }

    /// Users and groups have moved to a group of their own; the plain mode stays where it was.
    fn named(&self, resource: &str, name: &str) -> Attributes {
        self.of(if self.mode == Mode::Plain { "" } else { AUTHENTICATION }, resource, name)
    }

    fn for_user(&self, user: &str) -> Attributes {
        if let Some((namespace, name)) = service_account(user) {
            return Attributes { namespace: namespace.into(), ..self.named("serviceaccounts", name) };
        }
        match (self.mode, node(user)) {
            (Mode::AssociatedNode, Some(_)) => self.named("nodes", "*"),
            (Mode::Plain, _) | (_, None) => self.named("users", user),
            (_, Some(node)) => self.named("nodes", node),
        }
    }

    fn for_groups(&self, groups: &[String]) -> Result<Option<Question>, Status> {
        if groups.is_empty() {
            return Ok(None);
        }
        let constrained = self.mode != Mode::Plain;
        let refuse = |name: &str, why: &str| Err(forbidden(&self.named("groups", name), why));
        if constrained && groups.iter().any(String::is_empty) {
            return refuse("", "impersonating the empty string group is not allowed");
        }
        if constrained && groups.iter().any(|group| group == "system:masters") {
            return refuse("system:masters", "impersonating the system:masters group is not allowed");
        }
        let many = constrained && groups.len() >= MANY;
        Ok(Some(Question {
            at_once: many.then(|| self.named("groups", "*")),
            each: groups.iter().map(|group| self.named("groups", group)).collect(),
        }))
    }

    fn for_extra(&self, wish: &Wish) -> Result<Option<Question>, Status> {
        if wish.extra.is_empty() {
            return Ok(None);
        }
        let ask = |key: &str, value: &str| Attributes {
            subresource: key.into(),
            ..self.of(AUTHENTICATION, "userextras", value)
        };
        let constrained = self.mode != Mode::Plain;
        if constrained && let Some(why) = wish.extra.iter().find_map(|(key, values)| extra_fault(key, values))
        {
            return Err(forbidden(&ask("", ""), &why));
        }
        let count = wish.extra.values().map(Vec::len).sum::<usize>().max(wish.extra.len());
        let each =
            wish.extra.iter().flat_map(|(key, values)| values.iter().map(move |value| ask(key, value)));
        Ok(Some(Question {
            at_once: (constrained && count >= MANY).then(|| ask("*", "*")),
            each: each.collect(),
        }))
    }
}

/// Why an extra value cannot be taken on in a constrained mode.
fn extra_fault(key: &str, values: &[String]) -> Option<String> {
    if key.is_empty() {
        return Some("impersonating the empty string key in extra is not allowed".into());
    }
    if let Some(fault) = ironclad_api::field::aggregate(&domain_prefixed_path(&Path::new("extra.key"), key)) {
        return Some(format!("impersonating an invalid key in extra is not allowed: {fault}"));
    }
    if key.chars().any(char::is_uppercase) {
        return Some(format!("impersonating a non-lowercase key in extra is not allowed: {}", quote(key)));
    }
    match values {
        [] => Some("impersonating empty values in extra is not allowed".into()),
        values if values.iter().any(String::is_empty) => {
            Some("impersonating the empty string value in extra is not allowed".into())
        }
        _ => None,
    }
}
