//! The reviews: kinds that are never stored; creating one asks the server a question.
//!
//! - [`access`]: may somebody do this? (`authorization.k8s.io/v1`)
//! - [`identity`]: who is this? (`authentication.k8s.io/v1`)

pub mod access;
pub mod identity;
mod selectors;

use std::sync::Arc;

use ironclad_api::{Object, Status};
use ironclad_client::request::Target;
use ironclad_engine::Context;
use ironclad_engine::strategy::{Action, Api, KindSpec, Scope, Strategy};
use ironclad_env::BoxFuture;

use crate::spec::spec;

/// A kind whose only verb is create, answered by an action.
pub struct Review {
    spec: KindSpec,
    action: Arc<dyn Action>,
}

impl Review {
    fn new(
        group: &'static str,
        kind: &'static str,
        resource: &'static str,
        scope: Scope,
        answer: impl Answer + 'static,
    ) -> Self {
        let spec = KindSpec { verbs: &["create"], ..spec(group, "v1", kind, resource, scope) };
        Self { spec, action: Arc::new(Answering(answer)) }
    }
}

impl Strategy for Review {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn virtual_create(&self) -> Option<Arc<dyn Action>> {
        Some(self.action.clone())
    }
}

/// Fills in a review's `status`, or refuses a review that makes no sense.
trait Answer: Send + Sync {
    fn answer<'a>(
        &'a self,
        context: &'a Context,
        namespace: &'a str,
        review: Object,
    ) -> BoxFuture<'a, Result<Object, Status>>;
}

struct Answering<A>(A);

impl<A: Answer> Action for Answering<A> {
    fn run<'a>(
        &'a self,
        context: &'a Context,
        _api: &'a dyn Api,
        target: &'a Target,
        body: Object,
        _dry_run: bool,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        self.0.answer(context, &target.namespace, body)
    }
}
