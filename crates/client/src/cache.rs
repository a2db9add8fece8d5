//! Cached cluster state: the server's own, or a list+watch copy of a part of it.

use std::sync::Arc;

use ironclad_api::{Entry, GroupKind, GroupResource, GroupVersionKind, GroupVersionResource, ObjectKey};

/// One object's step from one version to the next. At least one side is there.
#[derive(Clone)]
pub struct Change {
    pub resource: GroupResource,
    /// `None` when the object was created.
    pub old: Option<Arc<Entry>>,
    /// `None` when the object was deleted.
    pub new: Option<Arc<Entry>>,
}

impl Change {
    /// The newest version there is: the new one, or the last of a deleted object.
    pub fn entry(&self) -> &Arc<Entry> {
        match (&self.new, &self.old) {
            (Some(entry), _) | (None, Some(entry)) => entry,
            (None, None) => unreachable!("a change has at least one side"),
        }
    }
}

/// A resource that a cache holds, in the version that it is cached in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedResource {
    pub resource: GroupVersionResource,
    pub kind: GroupVersionKind,
    pub namespaced: bool,
}

/// What objects can be asked for by, beside their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// The objects of a namespace whose managing owner has this uid; those without one if it is empty.
    Controller { namespace: &'a str, uid: &'a str },
    /// The objects of all namespaces that have this text in a selectable field.
    Field { name: &'a str, value: &'a str },
}

impl By<'_> {
    fn namespace(&self) -> Option<&str> {
        match self {
            Self::Controller { namespace, .. } => Some(namespace),
            Self::Field { .. } => None,
        }
    }

    fn picks(&self, entry: &Entry) -> bool {
        match self {
            Self::Controller { uid, .. } => {
                entry.ties().controller.as_ref().map_or("", |owner| &*owner.uid) == *uid
            }
            Self::Field { name, value } => match entry.field(name) {
                Some(text) => text == *value,
                // An entry that came over the wire knows no fields.
                None => entry.object().str_at(&name.split('.').collect::<Vec<_>>()) == *value,
            },
        }
    }
}

/// Told of every change, in commit order, on the task that applies it.
pub trait Observer: Send + Sync + 'static {
    /// Must return at once: put what is to be done on a queue.
    fn changed(&self, change: &Change);
}

/// Reads of cached state. Never blocks, never fails: what is not there is `None`.
///
/// A resource is cached in its storage version (`v1` for every kind that has one).
pub trait Cache: Send + Sync + 'static {
    fn get(&self, resource: &GroupResource, key: &ObjectKey) -> Option<Arc<Entry>>;

    /// The objects of a namespace, or of all with `None`, in key order.
    fn list(&self, resource: &GroupResource, namespace: Option<&str>) -> Vec<Arc<Entry>>;

    /// The objects that are filed so, in key order. An index where the cache has one; a look at all
    /// objects where it has not.
    fn find(&self, resource: &GroupResource, by: &By<'_>) -> Vec<Arc<Entry>> {
        let mut entries = self.list(resource, by.namespace());
        entries.retain(|entry| by.picks(entry));
        entries
    }

    /// Calls `observer` for every change of `resources` from now on; an empty list
    /// means all resources, custom ones included. What is cached already is
    /// reported first, as creations.
    fn observe(&self, resources: &[GroupResource], observer: Arc<dyn Observer>);

    /// Every resource that is cached, custom ones included.
    fn resources(&self) -> Vec<CachedResource>;

    /// The resource that holds a kind's objects; `None` if it is not cached.
    fn resource_of(&self, kind: &GroupKind) -> Option<CachedResource> {
        self.resources().into_iter().find(|held| held.kind.group_kind() == *kind)
    }

    /// The newest revision that this cache has applied.
    fn revision(&self) -> u64;
}
