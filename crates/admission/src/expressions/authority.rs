//! `authorizer`: whether the user of a request, or a service account, may do something else.
//!
//! Expressions are evaluated without waiting, and some authorizers have to be waited for. An
//! evaluation that asks such a one is thrown away, its question is asked, and the evaluation
//! is run again with the answer at hand.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use ironclad_api::{fields, labels};
use ironclad_cel::Value;
use ironclad_cel::authorization::{Authorizer, Check, Decision, ResourceTarget, Target};
use ironclad_engine::gate::{self, AdmissionRequest, Attributes, User};
use parking_lot::Mutex;

/// Evaluations of one request are run again for at most so many questions.
const MAX_ROUNDS: usize = 64;

/// The authorizer as expressions of one request see it. Answers are kept for the request.
pub(crate) struct Authority {
    authorizer: Arc<dyn gate::Authorizer>,
    user: Arc<User>,
    known: Mutex<Vec<(Check, Decision)>>,
    open: Mutex<Vec<Check>>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    pub fn new(authorizer: Arc<dyn gate::Authorizer>, request: &AdmissionRequest<'_>) -> Arc<Self> {
        let user = request.context.user.clone();
        Arc::new(Self { authorizer, user, known: Mutex::default(), open: Mutex::default() })
    }

    pub(super) fn value(self: &Arc<Self>) -> Value<'static> {
        Value::authorizer(self.clone())
    }

    /// The request's own resource as something to be checked.
    pub(super) fn request_resource(self: &Arc<Self>, request: &AdmissionRequest<'_>) -> Value<'static> {
        let target = request.target;
        let target = ResourceTarget {
            group: target.resource.group.to_string(),
            resource: target.resource.resource.to_string(),
            subresource: target.subresource.clone(),
            namespace: target.namespace.clone(),
            name: target.name.clone(),
            ..ResourceTarget::default()
        };
        Value::resource_check(self.clone(), target)
    }

    /// Evaluates until no question is open any more.
    pub async fn settle<T>(&self, evaluate: impl Fn() -> T) -> T {
        for _ in 0..MAX_ROUNDS {
            let result = evaluate();
            let open = std::mem::take(&mut *self.open.lock());
            if open.is_empty() {
                return result;
            }
            for check in open {
                let answer = self.ask(&check).await;
                self.known.lock().push((check, answer));
            }
        }
        evaluate()
    }

    async fn ask(&self, check: &Check) -> Decision {
        decision(self.authorizer.authorize(&attributes(check, &self.user)).await)
    }
}

impl Authorizer for Authority {
    fn authorize(&self, check: &Check) -> Decision {
        if let Some((_, known)) = self.known.lock().iter().find(|(known, _)| known == check) {
            return known.clone();
        }
        match self.ask(check).now_or_never() {
            Some(answer) => {
                self.known.lock().push((check.clone(), answer.clone()));
                answer
            }
            None => {
                self.open.lock().push(check.clone());
                Decision { error: Some("not answered yet".to_owned()), ..Decision::default() }
            }
        }
    }
}

fn decision(decision: gate::Decision) -> Decision {
    Decision {
        allowed: matches!(decision, gate::Decision::Allow { .. }),
        reason: decision.reason().to_owned(),
        error: match decision {
            gate::Decision::Failed { error, .. } => Some(error),
            _ => None,
        },
    }
}

/// A selector that cannot be read narrows nothing, as upstream: what is asked then is whether more is allowed.
fn attributes(check: &Check, user: &Arc<User>) -> Attributes {
    let user = check.service_account.as_ref().map_or_else(|| user.clone(), service_account);
    let attributes = Attributes { user, verb: check.verb.clone(), ..Attributes::default() };
    let target = match &check.target {
        Target::Path(path) => return Attributes { path: path.clone(), ..attributes },
        Target::Resource(target) => target.clone(),
    };
    Attributes {
        field_selector: fields::Selector::parse(&target.field_selector).unwrap_or_default(),
        label_selector: labels::Selector::parse(&target.label_selector).unwrap_or_default(),
        group: target.group,
        version: "*".to_owned(),
        resource: target.resource,
        subresource: target.subresource,
        namespace: target.namespace,
        name: target.name,
        ..attributes
    }
}

fn service_account((namespace, name): &(String, String)) -> Arc<User> {
    Arc::new(User {
        name: format!("system:serviceaccount:{namespace}:{name}"),
        groups: vec![
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
            "system:authenticated".to_owned(),
        ],
        ..User::default()
    })
}
