//! Acting as somebody else (`kubectl --as`). Each name that is taken on must be allowed, in one of several modes.
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/>

mod modes;
#[cfg(test)]
mod tests;
mod wish;

use std::sync::Arc;

use http::HeaderMap;
use ironclad_api::status::Status;
use ironclad_engine::engine::forbidden;
use ironclad_engine::{Attributes, Authorizer, Decision, User};

use modes::{Mode, Question};
use wish::Wish;

/// Who is acted as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impersonated {
    pub user: Arc<User>,
    /// The verb of the constrained mode that allowed it; empty for the plain one.
    pub constraint: String,
}

/// The user to act as; `None` if the request asks for nobody. `request` is what its sender wants to do then. The
/// first mode that allows it counts; if none does, the first refusal is the answer.
pub async fn impersonate(
    authorizer: &dyn Authorizer,
    request: impl FnOnce() -> Attributes,
    headers: &mut HeaderMap,
) -> Result<Option<Impersonated>, Status> {
    let Some(wish) = Wish::take(headers)? else { return Ok(None) };
    let request = request();
    let mut refused = None;
    for mode in Mode::ALL.into_iter().filter(|mode| mode.applies(&wish, &request.user)) {
        match check(authorizer, mode, &wish, &request).await {
            Ok(()) => {
                let user = Arc::new(wish.to_user(mode != Mode::Plain));
                return Ok(Some(Impersonated { user, constraint: mode.constraint() }));
            }
            Err(status) => refused = refused.or(Some(status)),
        }
    }
    Err(refused.unwrap_or_else(|| Status::internal_error("all impersonation modes failed")))
}

async fn check(
    authorizer: &dyn Authorizer,
    mode: Mode,
    wish: &Wish,
    request: &Attributes,
) -> Result<(), Status> {
    for Question { at_once, each } in mode.questions(wish, request)? {
        if let Some(at_once) = at_once
            && ask(authorizer, &at_once).await.is_ok()
        {
            continue;
        }
        for attributes in each {
            ask(authorizer, &attributes).await?;
        }
    }
    Ok(())
}

async fn ask(authorizer: &dyn Authorizer, attributes: &Attributes) -> Result<(), Status> {
    match authorizer.authorize(attributes).await {
        Decision::Allow { .. } => Ok(()),
        decision => Err(forbidden(attributes, decision.reason())),
    }
}
