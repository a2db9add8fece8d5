//! Objects by their managing owner or a field's value, so that who asks for a few does not look at
//! all. An index is made when it is first asked for and kept up from then on: kinds that nobody asks
//! about so cost nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ironclad_api::{Entry, ObjectKey};
use ironclad_client::By;

use super::sorted::Sorted;

/// The indexes of one resource that have been asked for.
#[derive(Default)]
pub struct Indexes(Vec<Index>);

struct Index {
    of: Of,
    keys: HashMap<Box<str>, BTreeSet<ObjectKey>>,
}

/// What an index tells objects apart by.
#[derive(PartialEq, Eq)]
enum Of {
    Controller,
    Field(Box<str>),
}

impl Of {
    fn new(by: &By<'_>) -> Self {
        match by {
            By::Controller { .. } => Self::Controller,
            By::Field { name, .. } => Self::Field((*name).into()),
        }
    }

    fn value(&self, entry: &Entry) -> Box<str> {
        match self {
            Self::Controller => {
                let uid = entry.ties().controller.as_ref().map_or("", |owner| &*owner.uid);
                controller(&entry.key.namespace, uid)
            }
            Self::Field(name) => entry.field(name).unwrap_or_default().into(),
        }
    }
}

fn controller(namespace: &str, uid: &str) -> Box<str> {
    [namespace, "/", uid].concat().into()
}

impl Indexes {
    /// The entries that are filed so; `None` if there is no such index yet.
    pub fn find(&self, by: &By<'_>, sorted: &Sorted) -> Option<Vec<Arc<Entry>>> {
        let of = Of::new(by);
        let index = self.0.iter().find(|index| index.of == of)?;
        let keys = match by {
            By::Controller { namespace, uid } => index.keys.get(&controller(namespace, uid)),
            By::Field { value, .. } => index.keys.get(*value),
        };
        Some(keys.into_iter().flatten().filter_map(|key| sorted.get(key).cloned()).collect())
    }

    /// Makes the index that `by` asks for, if it is not there.
    pub fn add(&mut self, by: &By<'_>, sorted: &Sorted) {
        let of = Of::new(by);
        if self.0.iter().any(|index| index.of == of) {
            return;
        }
        let mut index = Index { of, keys: HashMap::new() };
        sorted.range(None, None).for_each(|entry| index.insert(entry));
        self.0.push(index);
    }

    /// Makes all of them anew.
    pub fn rebuild(&mut self, sorted: &Sorted) {
        for index in &mut self.0 {
            index.keys.clear();
            sorted.range(None, None).for_each(|entry| index.insert(entry));
        }
    }

    /// An object stands as `new` where `old` stood; `None` where it does not exist.
    pub fn update(&mut self, old: Option<&Arc<Entry>>, new: Option<&Arc<Entry>>) {
        for index in &mut self.0 {
            let value = |entry: Option<&Arc<Entry>>| entry.map(|entry| index.of.value(entry));
            let (before, after) = (value(old), value(new));
            if before == after {
                continue;
            }
            if let (Some(value), Some(entry)) = (before, old) {
                index.remove(&value, &entry.key);
            }
            if let Some(entry) = new {
                index.insert(entry);
            }
        }
    }
}

impl Index {
    fn insert(&mut self, entry: &Arc<Entry>) {
        self.keys.entry(self.of.value(entry)).or_default().insert(entry.key.clone());
    }

    fn remove(&mut self, value: &str, key: &ObjectKey) {
        if let Some(keys) = self.keys.get_mut(value) {
            keys.remove(key);
            if keys.is_empty() {
                self.keys.remove(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use ironclad_api::entry::EntryMeta;
    use serde_json::json;

    fn entry(namespace: &str, name: &str, owner: &str) -> Arc<Entry> {
        let owners = match owner {
            "" => json!([]),
            uid => json!([{ "kind": "ReplicaSet", "name": "r", "uid": uid, "controller": true }]),
        };
        let json = json!({ "metadata": { "ownerReferences": owners } }).to_string();
        let meta = EntryMeta { key: ObjectKey::new(namespace, name), ..EntryMeta::default() };
        Arc::new(Entry::new(meta, 1, Bytes::from(json)))
    }

    fn names(indexes: &Indexes, sorted: &Sorted, namespace: &str, uid: &str) -> Vec<String> {
        let found = indexes.find(&By::Controller { namespace, uid }, sorted);
        found.expect("an index").iter().map(|entry| entry.key.name.clone()).collect()
    }

    #[test]
    fn an_index_is_made_once_asked_for_and_follows_every_change() {
        let mut sorted = Sorted::default();
        let mut indexes = Indexes::default();
        let put = |sorted: &mut Sorted, indexes: &mut Indexes, new: Arc<Entry>| {
            let old = sorted.insert(new.clone());
            indexes.update(old.as_ref(), Some(&new));
        };
        put(&mut sorted, &mut indexes, entry("ns", "a", "u1"));
        put(&mut sorted, &mut indexes, entry("ns", "b", ""));
        put(&mut sorted, &mut indexes, entry("other", "c", "u1"));
        let by = By::Controller { namespace: "ns", uid: "u1" };
        assert!(indexes.find(&by, &sorted).is_none());
        indexes.add(&by, &sorted);
        assert_eq!(names(&indexes, &sorted, "ns", "u1"), ["a"]);
        assert_eq!(names(&indexes, &sorted, "ns", ""), ["b"]);
        // b is adopted, a is released, d is new.
        put(&mut sorted, &mut indexes, entry("ns", "b", "u1"));
        put(&mut sorted, &mut indexes, entry("ns", "a", ""));
        put(&mut sorted, &mut indexes, entry("ns", "d", "u1"));
        assert_eq!(names(&indexes, &sorted, "ns", "u1"), ["b", "d"]);
        assert_eq!(names(&indexes, &sorted, "ns", ""), ["a"]);
        let old = sorted.remove(&ObjectKey::new("ns", "d"));
        indexes.update(old.as_ref(), None);
        assert_eq!(names(&indexes, &sorted, "ns", "u1"), ["b"]);
    }
}
