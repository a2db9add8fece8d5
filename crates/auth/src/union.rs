//! Authorizers asked in order: the first that allows or denies decides.

use std::sync::Arc;

use ironclad_api::field::aggregate_texts;
use ironclad_engine::gate::{Attributes, Authorizer, Decision, RuleResolver, Rules, User};
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

/// The rules of all of several authorizers.
pub struct AllRules {
    resolvers: Vec<Arc<dyn RuleResolver>>,
}

impl AllRules {
    pub fn new(resolvers: Vec<Arc<dyn RuleResolver>>) -> Arc<Self> {
        Arc::new(Self { resolvers })
    }
}

impl RuleResolver for AllRules {
    fn rules(&self, user: &User, namespace: &str) -> Rules {
        let mut all = Rules::default();
        for mut rules in self.resolvers.iter().map(|resolver| resolver.rules(user, namespace)) {
            all.resource_rules.append(&mut rules.resource_rules);
            all.non_resource_rules.append(&mut rules.non_resource_rules);
            all.errors.append(&mut rules.errors);
            all.incomplete |= rules.incomplete;
        }
        all
    }
}

impl Authorizer for Union {
    fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            if attributes.user.groups.iter().any(|group| group == PRIVILEGED_GROUP) {
                return Decision::Allow { reason: String::new() };
            }
            let (mut reasons, mut errors) = (Vec::new(), Vec::new());
            for authorizer in &self.authorizers {
                match authorizer.authorize(attributes).await {
                    Decision::NoOpinion { reason } => reasons.push(reason),
                    Decision::Failed { denied: false, reason, error } => {
                        reasons.push(reason);
                        errors.push(error);
                    }
                    decided => return decided,
                }
            }
            reasons.retain(|reason| !reason.is_empty());
            let reason = reasons.join("\n");
            match aggregate_texts(errors) {
                None => Decision::NoOpinion { reason },
                Some(error) => Decision::Failed { denied: false, reason, error },
            }
        })
    }
}
