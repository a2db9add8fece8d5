//! Authorizers asked in order: the first that allows or denies decides.

use std::sync::Arc;

use ironclad_engine::gate::{Attributes, Authorizer, Decision};
use ironclad_env::BoxFuture;

/// Members of this group may do everything, whatever RBAC says: the way back in
/// when roles are broken. Only the cluster's client CA can put somebody into it.
const PRIVILEGED_GROUP: &str = "system:masters";

/// `system:masters` first, then each authorizer in order.
pub struct Union {
    authorizers: Vec<Arc<dyn Authorizer>>,
}

impl Union {
    pub fn new(authorizers: Vec<Arc<dyn Authorizer>>) -> Arc<Self> {
        Arc::new(Self { authorizers })
    }
}

impl Authorizer for Union {
    fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            if attributes.user.groups.iter().any(|group| group == PRIVILEGED_GROUP) {
                return Decision::Allow { reason: String::new() };
            }
            let mut reasons = Vec::new();
            for authorizer in &self.authorizers {
                match authorizer.authorize(attributes).await {
                    Decision::NoOpinion { reason } if reason.is_empty() => {}
                    Decision::NoOpinion { reason } => reasons.push(reason),
                    decided => return decided,
                }
            }
            Decision::NoOpinion { reason: reasons.join("\n") }
        })
    }
}
