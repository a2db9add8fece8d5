//! What `/livez` and `/readyz` look at, by upstream's names: dashboards, probes and tests ask for them.

use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{GroupResource, ObjectKey};
use ironclad_apiserver::Check;
use ironclad_client::Cache;
use ironclad_encryption::Encryption;
use ironclad_engine::Engine;
use ironclad_env::Env;
use ironclad_store::Store;
use parking_lot::Mutex;

use crate::cluster_objects::LocalApiServices;
use crate::components::Made;

/// How long the cache may lag behind the store before something is wrong.
const MOST_LAG: Duration = Duration::from_secs(10);

/// Upstream's steps after its start, for which a component stands here that has started before anybody can ask: the
/// list of components is started in order, and the API server listens last.
const STARTED: [&str; 17] = [
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/priority-and-fairness-config-consumer",
    "poststarthook/priority-and-fairness-config-producer",
    "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/bootstrap-controller",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/start-system-namespaces-controller",
    "poststarthook/start-service-ip-repair-controllers",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/start-cluster-authentication-info-controller",
    "poststarthook/start-kube-aggregator-informers",
    "poststarthook/apiservice-registration-controller",
    "poststarthook/apiservice-status-local-available-controller",
    "poststarthook/apiservice-status-remote-available-controller",
];

/// The checks of a server that is made of these.
pub fn checks(env: &Env, made: &Made) -> Vec<Check> {
    let (engine, store) = (made.engine(), made.store());
    let cache: Arc<dyn Cache> = engine.cache();
    // The log is a file or the terminal; when neither can be written, nobody could be told.
    let mut checks = vec![Check::live("log", || Ok(())), storage(env.clone(), cache.clone(), store.clone())];
    checks.push(keys(made.encryption().clone()));
    checks.push(informers(cache.clone(), &**store));
    checks.extend(STARTED.map(|name| Check::live(name, || Ok(()))));
    checks.push(Check::live("poststarthook/kube-apiserver-autoregistration", || Ok(())));
    checks.push(registered(engine, cache));
    checks.push(Check::live("poststarthook/apiservice-openapi-controller", || Ok(())));
    checks.push(Check::live("poststarthook/storage-readiness", || Ok(())));
    checks
}

/// What the store commits arrives in the cache.
fn storage(env: Env, cache: Arc<dyn Cache>, store: Arc<dyn Store>) -> Check {
    // A revision that was not there yet, and when that was noticed.
    let behind: Mutex<Option<(u64, Duration)>> = Mutex::default();
    Check::live("etcd", move || {
        let (reached, committed) = (cache.revision(), store.revision());
        let mut behind = behind.lock();
        let now = env.elapsed();
        match *behind {
            _ if reached >= committed => *behind = None,
            Some((missed, since)) if reached < missed => {
                if now.saturating_sub(since) > MOST_LAG {
                    return Err(format!("the cache is at revision {reached} of {committed}"));
                }
            }
            _ => *behind = Some((committed, now)),
        }
        Ok(())
    })
}

/// The key management services that the encryption configuration names, if it names any.
fn keys(encryption: Arc<Encryption>) -> Check {
    Check::live("kms-providers", move || encryption.health())
}

/// Ready means that what was committed before the start is served.
fn informers(cache: Arc<dyn Cache>, store: &dyn Store) -> Check {
    let at_start = store.revision();
    Check::ready("informer-sync", move || match cache.revision() {
        reached if reached >= at_start => Ok(()),
        reached => Err(format!("the cache is at revision {reached} of {at_start}")),
    })
}

/// Every group and version that is compiled in has been registered once.
fn registered(engine: &Arc<Engine>, cache: Arc<dyn Cache>) -> Check {
    let resource = GroupResource::new("apiregistration.k8s.io", "apiservices");
    let pending = Mutex::new(LocalApiServices::new(&engine.registry().kinds()).names());
    Check::live("autoregister-completion", move || {
        let mut pending = pending.lock();
        pending.retain(|name| cache.get(&resource, &ObjectKey::cluster(name.as_str())).is_none());
        match pending.as_slice() {
            [] => Ok(()),
            missing => Err(format!("missing APIService: [{}]", missing.join(" "))),
        }
    })
}
