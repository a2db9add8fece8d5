//! Role-based access control (`rbac.authorization.k8s.io/v1`): the union of the
//! rules that bindings grant to a user and its groups. There are no denials.

mod grants;
mod rules;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use ironclad_api::GroupResource;
use ironclad_client::{Cache, Change, Observer};
use ironclad_engine::gate::{Attributes, Authorizer, Decision, RuleResolver, Rules, User};
use ironclad_env::BoxFuture;
use parking_lot::Mutex;

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
    current: ArcSwap<Compiled>,
    /// Counts changes.
    changes: AtomicU64,
    /// Whoever finds the grants outdated waits for the one who compiles them.
    compiling: Mutex<()>,
}

/// Grants of all changes up to one. The first change is the index's own making.
#[derive(Default)]
struct Compiled {
    changes: u64,
    grants: Arc<Grants>,
}

impl Observer for Index {
    fn changed(&self, _change: &Change) {
        self.changes.fetch_add(1, Ordering::Release);
    }
}

impl Index {
    fn new() -> Self {
        Self { current: ArcSwap::default(), changes: AtomicU64::new(1), compiling: Mutex::default() }
    }

    /// What `read` makes of the present objects, or made of them since the last change.
    fn grants(&self, read: impl FnOnce() -> Grants) -> Arc<Grants> {
        let known = || {
            let current = self.current.load();
            (current.changes == self.changes.load(Ordering::Acquire)).then(|| current.grants.clone())
        };
        if let Some(grants) = known() {
            return grants;
        }
        let _one_at_a_time = self.compiling.lock();
        if let Some(grants) = known() {
            return grants;
        }
        // Counted before reading: a change that comes during the reading makes them outdated again.
        let changes = self.changes.load(Ordering::Acquire);
        let grants = Arc::new(read());
        self.current.store(Arc::new(Compiled { changes, grants: grants.clone() }));
        grants
    }
}

impl Rbac {
    pub fn new(cache: Arc<dyn Cache>) -> Arc<Self> {
        let index = Arc::new(Index::new());
        cache.observe(&KINDS.map(resource), index.clone());
        Arc::new(Self { cache, index })
    }

    /// The grants as of now.
    pub fn grants(&self) -> Arc<Grants> {
        self.index.grants(|| Grants::read(&*self.cache))
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    fn change() -> Change {
        Change { resource: resource("roles"), old: None, new: None }
    }

    #[test]
    fn grants_are_compiled_once_for_each_change() {
        let index = Index::new();
        let readings = AtomicU64::new(0);
        let check = |expected: u64| {
            index.grants(|| {
                readings.fetch_add(1, Ordering::SeqCst);
                Grants::default()
            });
            assert_eq!(readings.load(Ordering::SeqCst), expected);
        };
        check(1);
        check(1);
        index.changed(&change());
        check(2);
        check(2);
    }

    /// Whoever reads the old objects must neither answer for the new ones nor have the last word.
    #[test]
    fn a_change_during_the_reading_is_never_lost() {
        let index = Arc::new(Index::new());
        let (reading, begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let slow = thread::spawn({
            let index = index.clone();
            move || {
                index.grants(|| {
                    reading.send(()).expect("somebody waits");
                    may_go_on.recv().expect("a word");
                    Grants::default()
                })
            }
        });
        begun.recv().expect("it reads");
        index.changed(&change());
        let quick = thread::spawn({
            let index = index.clone();
            move || index.grants(Grants::default)
        });
        go_on.send(()).expect("it waits");
        let (old, new) = (slow.join().expect("grants"), quick.join().expect("grants"));
        assert!(!Arc::ptr_eq(&old, &new));
        let kept = index.grants(|| unreachable!("nothing has changed since"));
        assert!(Arc::ptr_eq(&new, &kept));
    }
}
