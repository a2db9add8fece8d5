//! Role-based access control (`rbac.authorization.k8s.io/v1`): the union of the
//! rules that bindings grant to a user and its groups. There are no denials.

mod grants;
mod rules;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use ironclad_api::GroupResource;
use ironclad_client::{Cache, Change, Observer};
use ironclad_engine::gate::{Attributes, Authorizer, Decision, RuleResolver, Rules, User};
use ironclad_env::BoxFuture;

pub use grants::Grants;
pub use rules::covers;

const GROUP: &str = "rbac.authorization.k8s.io";
const KINDS: [&str; 4] = ["roles", "clusterroles", "rolebindings", "clusterrolebindings"];

/// The RBAC authorizer over cached roles and bindings.
pub struct Rbac {
    cache: Arc<dyn Cache>,
    index: Arc<Index>,
}

/// Grants compiled for look-up, made anew on the first question after a change.
struct Index {
    grants: ArcSwap<Grants>,
    stale: AtomicBool,
}

impl Observer for Index {
    fn changed(&self, _change: &Change) {
        self.stale.store(true, Ordering::Release);
    }
}

impl Rbac {
    pub fn new(cache: Arc<dyn Cache>) -> Arc<Self> {
        let index = Arc::new(Index { grants: ArcSwap::default(), stale: AtomicBool::new(true) });
        cache.observe(&KINDS.map(resource), index.clone());
        Arc::new(Self { cache, index })
    }

    /// The grants as of now.
    pub fn grants(&self) -> Arc<Grants> {
        // Cleared before reading: a change that comes during the reading sets it again.
        if self.index.stale.swap(false, Ordering::AcqRel) {
            self.index.grants.store(Arc::new(Grants::read(&*self.cache)));
        }
        self.index.grants.load_full()
    }
}

impl Authorizer for Rbac {
    fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision> {
        let decision = match self.grants().find(attributes) {
            Ok(grant) => Decision::Allow { reason: format!("RBAC: allowed by {grant}") },
            Err(None) => Decision::NoOpinion { reason: String::new() },
            Err(Some(faults)) => Decision::NoOpinion { reason: format!("RBAC: {faults}") },
        };
        Box::pin(std::future::ready(decision))
    }
}

impl RuleResolver for Rbac {
    fn rules(&self, user: &User, namespace: &str) -> Rules {
        self.grants().rules(user, namespace)
    }
}

fn resource(name: &'static str) -> GroupResource {
    GroupResource::new(GROUP, name)
}
