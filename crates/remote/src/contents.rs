//! The objects of a remote cache, and who is told of their changes.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use ironclad_api::entry::EntryMeta;
use ironclad_api::object::string_map;
use ironclad_api::{Entry, GroupResource, Object, ObjectKey};
use ironclad_client::{Change, Observer};
use parking_lot::{Mutex, RwLock};

/// One resource's objects.
#[derive(Default)]
struct Kind {
    objects: BTreeMap<ObjectKey, Arc<Entry>>,
    revision: u64,
}

#[derive(Default)]
pub(crate) struct Contents {
    kinds: RwLock<BTreeMap<GroupResource, Kind>>,
    /// Held while a change is applied and told, so that an observer misses nothing and sees
    /// nothing twice.
    observers: Mutex<Vec<Subscription>>,
}

struct Subscription {
    resources: Vec<GroupResource>,
    observer: Arc<dyn Observer>,
}

impl Subscription {
    fn tell(&self, change: &Change) {
        if self.resources.is_empty() || self.resources.contains(&change.resource) {
            self.observer.changed(change);
        }
    }
}

/// An object as it came over the wire; `None` if it is not one.
pub(crate) fn entry(json: Bytes) -> Option<Arc<Entry>> {
    let object: Object = serde_json::from_slice(&json).ok()?;
    let revision = object.resource_version().parse().unwrap_or(0);
    let labels = string_map(object.metadata().and_then(|metadata| metadata.get("labels")));
    let meta = EntryMeta { key: object.key(), uid: object.uid().to_owned(), labels, ..EntryMeta::default() };
    Some(Arc::new(Entry::new(meta, revision, json)))
}

impl Contents {
    pub(crate) fn get(&self, resource: &GroupResource, key: &ObjectKey) -> Option<Arc<Entry>> {
        self.kinds.read().get(resource)?.objects.get(key).cloned()
    }

    pub(crate) fn list(&self, resource: &GroupResource, namespace: Option<&str>) -> Vec<Arc<Entry>> {
        let kinds = self.kinds.read();
        let Some(kind) = kinds.get(resource) else { return Vec::new() };
        match namespace {
            None => kind.objects.values().cloned().collect(),
            Some(namespace) => {
                let from = Bound::Included(ObjectKey::new(namespace, ""));
                let after = kind.objects.range((from, Bound::Unbounded));
                after
                    .take_while(|(key, _)| key.namespace == namespace)
                    .map(|(_, entry)| entry.clone())
                    .collect()
            }
        }
    }

    /// The oldest of the resources' revisions: everything up to it has been applied.
    pub(crate) fn revision(&self) -> u64 {
        self.kinds.read().values().map(|kind| kind.revision).min().unwrap_or(0)
    }

    pub(crate) fn observe(&self, resources: &[GroupResource], observer: Arc<dyn Observer>) {
        let subscription = Subscription { resources: resources.to_vec(), observer };
        let mut observers = self.observers.lock();
        let kinds = self.kinds.read();
        let existing: Vec<Change> = kinds
            .iter()
            .flat_map(|(resource, kind)| kind.objects.values().map(move |entry| (resource, entry)))
            .map(|(resource, entry)| Change {
                resource: resource.clone(),
                old: None,
                new: Some(entry.clone()),
            })
            .collect();
        drop(kinds);
        existing.iter().for_each(|change| subscription.tell(change));
        observers.push(subscription);
    }

    pub(crate) fn put(&self, resource: &GroupResource, new: Arc<Entry>) {
        let observers = self.observers.lock();
        let mut kinds = self.kinds.write();
        let kind = kinds.entry(resource.clone()).or_default();
        kind.revision = kind.revision.max(new.revision);
        let old = kind.objects.insert(new.key.clone(), new.clone());
        drop(kinds);
        if old.as_ref().is_some_and(|old| old.revision == new.revision && old.uid == new.uid) {
            return;
        }
        tell(&observers, resource, old, Some(new));
    }

    pub(crate) fn delete(&self, resource: &GroupResource, last: &Entry) {
        let observers = self.observers.lock();
        let mut kinds = self.kinds.write();
        let kind = kinds.entry(resource.clone()).or_default();
        kind.revision = kind.revision.max(last.revision);
        let old = kind.objects.remove(&last.key);
        drop(kinds);
        if old.is_some() {
            tell(&observers, resource, old, None);
        }
    }

    pub(crate) fn reached(&self, resource: &GroupResource, revision: u64) {
        let mut kinds = self.kinds.write();
        let kind = kinds.entry(resource.clone()).or_default();
        kind.revision = kind.revision.max(revision);
    }

    /// Takes over a whole list: what it lacks is gone, even if nobody saw it go.
    pub(crate) fn replace(&self, resource: &GroupResource, entries: Vec<Arc<Entry>>, revision: u64) {
        let listed: std::collections::BTreeSet<ObjectKey> =
            entries.iter().map(|entry| entry.key.clone()).collect();
        let gone: Vec<_> =
            self.list(resource, None).into_iter().filter(|old| !listed.contains(&old.key)).collect();
        for old in gone {
            self.delete(resource, &old);
        }
        for entry in entries {
            self.put(resource, entry);
        }
        self.reached(resource, revision);
    }
}

fn tell(
    observers: &[Subscription],
    resource: &GroupResource,
    old: Option<Arc<Entry>>,
    new: Option<Arc<Entry>>,
) {
    let change = Change { resource: resource.clone(), old, new };
    observers.iter().for_each(|subscription| subscription.tell(&change));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Default)]
    struct Seen(Mutex<Vec<String>>);

    impl Observer for Seen {
        fn changed(&self, change: &Change) {
            let step = match (&change.old, &change.new) {
                (None, Some(new)) => format!("+{}", new.key),
                (Some(_), Some(new)) => format!("~{}", new.key),
                (Some(old), None) => format!("-{}", old.key),
                (None, None) => "nothing".to_owned(),
            };
            self.0.lock().push(step);
        }
    }

    fn object(name: &str, revision: u64) -> Arc<Entry> {
        let value = json!({"metadata": {"name": name, "uid": name, "resourceVersion": revision.to_string()}});
        entry(value.to_string().into()).expect("an object")
    }

    #[test]
    fn a_list_replaces_what_was_there_and_tells_only_what_changed() {
        let (contents, seen) = (Contents::default(), Arc::new(Seen::default()));
        let pods = GroupResource::new("", "pods");
        contents.put(&pods, object("a", 1));
        contents.put(&pods, object("b", 2));
        contents.observe(std::slice::from_ref(&pods), seen.clone());
        contents.replace(&pods, vec![object("b", 2), object("c", 4)], 5);
        contents.put(&pods, object("c", 6));
        assert_eq!(*seen.0.lock(), ["+a", "+b", "-a", "+c", "~c"]);
        assert_eq!(contents.revision(), 6);
        assert_eq!(contents.list(&pods, None).len(), 2);
    }

    #[test]
    fn other_resources_are_not_told_of() {
        let (contents, seen) = (Contents::default(), Arc::new(Seen::default()));
        contents.observe(&[GroupResource::new("", "nodes")], seen.clone());
        contents.put(&GroupResource::new("", "pods"), object("a", 1));
        assert!(seen.0.lock().is_empty());
    }
}
