//! Following the ConfigMaps and Secrets that pods use, to bring their volumes up to date when those change.
//!
//! A node may watch an object only by its name, so there is a watch for each. They only tell that something has
//! changed; what is shown is read then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ironclad_api::GroupVersionKind;
use ironclad_client::{Cache, Change, Observer};
use ironclad_node_core::{sources, spec};
use ironclad_remote::WatchSpec;
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;

/// Objects that are followed at most; volumes of further ones are brought up to date once a minute.
const MOST: usize = 100;

/// Begins to follow something. What is returned is dropped to end that.
pub(crate) type Follow = Arc<dyn Fn(WatchSpec) -> Arc<dyn Cache> + Send + Sync>;

/// Is told that sources of these pods (by uid) have changed.
pub(crate) type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// The objects that are followed, and for whom.
pub(crate) struct Watched {
    follow: Follow,
    objects: Mutex<BTreeMap<Object, Followed>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    secret: bool,
    namespace: String,
    name: String,
}

struct Followed {
    users: Arc<Mutex<BTreeSet<String>>>,
    /// Follows for as long as it lives.
    _cache: Arc<dyn Cache>,
}

/// Passes a change on to the pods that use the object.
struct Teller {
    users: Arc<Mutex<BTreeSet<String>>>,
    tell: Tell,
}

impl Observer for Teller {
    fn changed(&self, _: &Change) {
        let users = self.users.lock().clone();
        users.iter().for_each(|uid| (self.tell)(uid));
    }
}

impl Watched {
    pub(crate) fn new(follow: Follow) -> Self {
        Self { follow, objects: Mutex::default() }
    }

    /// Follows what the pod uses, and no longer what it does not use any more.
    pub(crate) fn follow(&self, pod: &Pod, tell: &Tell) {
        let uid = spec::uid(pod);
        let wanted = wanted(pod);
        let mut objects = self.objects.lock();
        for (object, followed) in objects.iter() {
            if !wanted.contains(object) {
                followed.users.lock().remove(uid);
            }
        }
        objects.retain(|_, followed| !followed.users.lock().is_empty());
        for object in wanted {
            if let Some(followed) = objects.get(&object) {
                followed.users.lock().insert(uid.to_owned());
            } else if objects.len() < MOST {
                let followed = self.begin(&object, uid, tell);
                objects.insert(object, followed);
            }
        }
    }

    /// The pod is gone.
    pub(crate) fn forget(&self, uid: &str) {
        let mut objects = self.objects.lock();
        objects.retain(|_, followed| {
            let mut users = followed.users.lock();
            users.remove(uid);
            !users.is_empty()
        });
    }

    fn begin(&self, object: &Object, uid: &str, tell: &Tell) -> Followed {
        let (kind, plural) = if object.secret { ("Secret", "secrets") } else { ("ConfigMap", "configmaps") };
        let mut watch = WatchSpec::all(GroupVersionKind::new("", "v1", kind), plural, true);
        watch.namespace = Some(object.namespace.clone());
        let watch = watch.selecting("metadata.name", &object.name);
        let resource = watch.resource.group_resource();
        let cache = (self.follow)(watch);
        let users = Arc::new(Mutex::new(BTreeSet::from([uid.to_owned()])));
        cache.observe(&[resource], Arc::new(Teller { users: users.clone(), tell: tell.clone() }));
        Followed { users, _cache: cache }
    }
}

fn wanted(pod: &Pod) -> BTreeSet<Object> {
    let namespace = spec::namespace(pod);
    let wanted = sources::wanted(pod);
    let object = |secret, name: String| Object { secret, namespace: namespace.to_owned(), name };
    let maps = wanted.config_maps.into_iter().map(|name| object(false, name));
    maps.chain(wanted.secrets.into_iter().map(|name| object(true, name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironclad_client::Deferred;
    use serde_json::json;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn an_object_is_followed_once_and_as_long_as_a_pod_uses_it() {
        let begun = Arc::new(AtomicUsize::new(0));
        let count = begun.clone();
        let watched = Watched::new(Arc::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Arc::new(Deferred::default())
        }));
        let tell: Tell = Arc::new(|_| {});
        let pod = |uid: &str, map: &str| -> Pod {
            serde_json::from_value(json!({
                "metadata": {"namespace": "n", "name": uid, "uid": uid},
                "spec": {"containers": [], "volumes": [{"name": "v", "configMap": {"name": map}}]},
            }))
            .expect("a pod")
        };
        let followed = |watched: &Watched| watched.objects.lock().len();
        watched.follow(&pod("1", "a"), &tell);
        watched.follow(&pod("2", "a"), &tell);
        watched.follow(&pod("2", "b"), &tell);
        assert_eq!((followed(&watched), begun.load(Ordering::Relaxed)), (2, 2));
        watched.forget("2");
        assert_eq!(followed(&watched), 1);
        watched.forget("1");
        assert_eq!(followed(&watched), 0);
    }
}
