//! Cached state made by hand, for tests of what reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_api::entry::{EntryMeta, FieldReader, Fields};
use ironclad_api::object::string_map;
use ironclad_api::{Entry, GroupResource, Object, ObjectKey};
use parking_lot::Mutex;
use serde_json::Value;

use crate::cache::{Cache, CachedResource, Observer};

/// The selectable fields that these objects have.
const FIELDS: [&str; 2] = ["spec.nodeName", "status.phase"];

/// Objects by resource and key. Each write is a revision; nobody is told of it.
#[derive(Default)]
pub struct Objects(Mutex<State>);

#[derive(Default)]
struct State {
    revision: u64,
    objects: BTreeMap<(String, String), BTreeMap<ObjectKey, Arc<Entry>>>,
}

impl Objects {
    /// Creates or replaces an object of a group and plural. Panics if it is none.
    pub fn put(&self, group: &str, resource: &str, object: Value) {
        let object = Object::from_value(object).expect("an object");
        let meta = EntryMeta {
            key: object.key(),
            uid: object.uid().to_owned(),
            labels: string_map(object.metadata().and_then(|metadata| metadata.get("labels"))),
            fields: Fields::read_by(Arc::new(ByPath)),
            ..EntryMeta::default()
        };
        let json = serde_json::to_vec(&object).expect("JSON").into();
        let mut state = self.0.lock();
        state.revision += 1;
        let entry = Arc::new(Entry::new(meta, state.revision, json));
        let resource = (group.to_owned(), resource.to_owned());
        state.objects.entry(resource).or_default().insert(object.key(), entry);
    }

    pub fn remove(&self, group: &str, resource: &str, key: &ObjectKey) {
        let mut state = self.0.lock();
        state.revision += 1;
        if let Some(objects) = state.objects.get_mut(&(group.to_owned(), resource.to_owned())) {
            objects.remove(key);
        }
    }
}

struct ByPath;

impl FieldReader for ByPath {
    fn position(&self, name: &str) -> Option<usize> {
        FIELDS.iter().position(|field| *field == name)
    }

    fn read(&self, json: &[u8]) -> Box<[Box<str>]> {
        let object: Value = serde_json::from_slice(json).unwrap_or_default();
        let text = |field: &&str| {
            let pointer = format!("/{}", field.replace('.', "/"));
            object.pointer(&pointer).and_then(Value::as_str).unwrap_or_default().into()
        };
        FIELDS.iter().map(text).collect()
    }
}

impl Cache for Objects {
    fn get(&self, resource: &GroupResource, key: &ObjectKey) -> Option<Arc<Entry>> {
        self.0.lock().objects.get(&name(resource))?.get(key).cloned()
    }

    fn list(&self, resource: &GroupResource, namespace: Option<&str>) -> Vec<Arc<Entry>> {
        let state = self.0.lock();
        let objects = state.objects.get(&name(resource)).into_iter().flatten();
        let inside = objects.filter(|(key, _)| namespace.is_none_or(|namespace| key.namespace == namespace));
        inside.map(|(_, entry)| entry.clone()).collect()
    }

    fn observe(&self, _resources: &[GroupResource], _observer: Arc<dyn Observer>) {}

    fn resources(&self) -> Vec<CachedResource> {
        Vec::new()
    }

    fn revision(&self) -> u64 {
        self.0.lock().revision
    }
}

fn name(resource: &GroupResource) -> (String, String) {
    (resource.group.to_string(), resource.resource.to_string())
}
