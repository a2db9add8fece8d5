//! Entries in key order, in shared chunks. A copy of the whole costs one pointer per
//! chunk, so a list of thousands of objects is taken in a moment and stays as it was
//! while writes go on; a write copies at most one chunk of pointers.

use std::cmp::Ordering;
use std::sync::Arc;

use ironclad_api::{Entry, ObjectKey};

/// A chunk is split when it grows beyond this many entries.
const CHUNK: usize = 128;

type Chunk = Vec<Arc<Entry>>;

#[derive(Clone, Default)]
pub struct Sorted {
    /// Never contains an empty chunk.
    chunks: Vec<Arc<Chunk>>,
    len: usize,
}

/// The store's order: that of `namespace/name` as bytes.
pub fn order(a: (&str, &str), b: (&str, &str)) -> Ordering {
    if a.0 == b.0 {
        return a.1.cmp(b.1);
    }
    let (x, y) = (a.0.as_bytes(), b.0.as_bytes());
    let common = x.len().min(y.len());
    // A namespace contains no slash, so the slash after the shorter one always decides.
    x[..common].cmp(&y[..common]).then_with(|| match x.len() < y.len() {
        true => b'/'.cmp(&y[common]),
        false => x[common].cmp(&b'/'),
    })
}

fn key(entry: &Entry) -> (&str, &str) {
    (&entry.key.namespace, &entry.key.name)
}

fn parts(key: &ObjectKey) -> (&str, &str) {
    (&key.namespace, &key.name)
}

impl Sorted {
    /// Takes entries that are in order already.
    pub fn from_ordered(entries: Vec<Arc<Entry>>) -> Self {
        let len = entries.len();
        let chunks = entries.chunks(CHUNK / 2).map(|chunk| Arc::new(chunk.to_vec())).collect();
        Self { chunks, len }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn get(&self, wanted: &ObjectKey) -> Option<&Arc<Entry>> {
        let chunk = self.chunks.get(self.chunk_of(parts(wanted)))?;
        let at = chunk.binary_search_by(|entry| order(key(entry), parts(wanted))).ok()?;
        chunk.get(at)
    }

    /// Puts an entry in its place and returns the one that stood there.
    pub fn insert(&mut self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        let index = self.chunk_of(key(&entry));
        let Some(chunk) = self.chunks.get_mut(index) else {
            self.chunks.push(Arc::new(vec![entry]));
            self.len += 1;
            return None;
        };
        let chunk = Arc::make_mut(chunk);
        match chunk.binary_search_by(|other| order(key(other), key(&entry))) {
            Ok(at) => Some(std::mem::replace(&mut chunk[at], entry)),
            Err(at) => {
                chunk.insert(at, entry);
                self.len += 1;
                if chunk.len() > CHUNK {
                    let upper = chunk.split_off(CHUNK / 2);
                    self.chunks.insert(index + 1, Arc::new(upper));
                }
                None
            }
        }
    }

    pub fn remove(&mut self, wanted: &ObjectKey) -> Option<Arc<Entry>> {
        let index = self.chunk_of(parts(wanted));
        let chunk = self.chunks.get_mut(index)?;
        let at = chunk.binary_search_by(|entry| order(key(entry), parts(wanted))).ok()?;
        let chunk = Arc::make_mut(chunk);
        let removed = chunk.remove(at);
        if chunk.is_empty() {
            self.chunks.remove(index);
        }
        self.len -= 1;
        Some(removed)
    }

    /// The entries of a namespace (all with `None`) that come after a key, in order.
    pub fn range<'a>(
        &'a self,
        namespace: Option<&'a str>,
        after: Option<&ObjectKey>,
    ) -> impl Iterator<Item = &'a Arc<Entry>> {
        let start = match (after, namespace) {
            (Some(after), _) => self.position(parts(after), true),
            (None, Some(namespace)) => self.position((namespace, ""), false),
            (None, None) => (0, 0),
        };
        let first = self.chunks.get(start.0).and_then(|chunk| chunk.get(start.1..)).unwrap_or_default();
        let rest = self.chunks.get(start.0 + 1..).unwrap_or_default();
        let all = first.iter().chain(rest.iter().flat_map(|chunk| chunk.iter()));
        all.take_while(move |entry| namespace.is_none_or(|namespace| entry.key.namespace == namespace))
    }

    /// The chunk that holds a key or would take it; the last one for keys beyond all.
    fn chunk_of(&self, wanted: (&str, &str)) -> usize {
        let begins_after = self.chunks.partition_point(|chunk| {
            chunk.first().is_some_and(|first| order(key(first), wanted) != Ordering::Greater)
        });
        begins_after.saturating_sub(1)
    }

    /// The place of the first entry at (or, exclusively, after) a key.
    fn position(&self, wanted: (&str, &str), exclusive: bool) -> (usize, usize) {
        let index = self.chunk_of(wanted);
        let Some(chunk) = self.chunks.get(index) else { return (0, 0) };
        let at = chunk.partition_point(|entry| match order(key(entry), wanted) {
            Ordering::Less => true,
            Ordering::Equal => exclusive,
            Ordering::Greater => false,
        });
        (index, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use ironclad_api::entry::EntryMeta;
    use std::collections::BTreeMap;

    fn entry(key: &ObjectKey, revision: u64) -> Arc<Entry> {
        let meta = EntryMeta { key: key.clone(), ..EntryMeta::default() };
        Arc::new(Entry::new(meta, revision, Bytes::new()))
    }

    #[test]
    fn the_order_is_the_stores() {
        let keys =
            [("a", "z"), ("a-b", "a"), ("ab", ""), ("a", ""), ("", "x"), ("", "y.z"), ("a0", "b"), ("b", "")];
        for a in keys {
            for b in keys {
                let joined = |key: (&str, &str)| match key.0 {
                    "" => key.1.to_owned(),
                    namespace => format!("{namespace}/{}", key.1),
                };
                if a.0.is_empty() == b.0.is_empty() {
                    assert_eq!(order(a, b), joined(a).cmp(&joined(b)), "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn it_behaves_like_an_ordered_map() {
        let mut model: BTreeMap<String, u64> = BTreeMap::new();
        let mut sorted = Sorted::default();
        let mut seed = 1_u64;
        for revision in 0..5000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = ObjectKey::new(format!("n{}", (seed >> 33) % 3), format!("o{:04}", (seed >> 40) % 900));
            if seed >> 63 == 0 || revision < 1000 {
                let before = sorted.insert(entry(&key, revision)).map(|entry| entry.revision);
                assert_eq!(before, model.insert(key.to_string(), revision));
            } else {
                assert_eq!(sorted.remove(&key).map(|entry| entry.revision), model.remove(&key.to_string()));
            }
        }
        let all: Vec<_> =
            sorted.range(None, None).map(|entry| (entry.key.to_string(), entry.revision)).collect();
        assert_eq!(all, model.clone().into_iter().collect::<Vec<_>>());
        assert_eq!(sorted.len(), model.len());
        let after = ObjectKey::new("n1", "o0400");
        let some: Vec<_> =
            sorted.range(Some("n1"), Some(&after)).map(|entry| entry.key.to_string()).collect();
        let want: Vec<_> =
            model.keys().filter(|key| key.starts_with("n1/") && **key > after.to_string()).cloned().collect();
        assert_eq!(some, want);
        let one = sorted.range(Some("n2"), None).map(|entry| entry.key.to_string());
        assert_eq!(
            one.collect::<Vec<_>>(),
            model.keys().filter(|key| key.starts_with("n2/")).cloned().collect::<Vec<_>>()
        );
        assert!(model.keys().all(|key| {
            let (namespace, name) = key.split_once('/').expect("a slash");
            sorted.get(&ObjectKey::new(namespace, name)).is_some()
        }));
    }

    #[test]
    fn a_copy_stays_as_it_was() {
        let mut sorted = Sorted::from_ordered(
            (0..300).map(|n| entry(&ObjectKey::cluster(format!("{n:03}")), n)).collect(),
        );
        let copy = sorted.clone();
        sorted.remove(&ObjectKey::cluster("100"));
        sorted.insert(entry(&ObjectKey::cluster("0505"), 9));
        assert_eq!((copy.len(), copy.range(None, None).count()), (300, 300));
        assert_eq!((sorted.len(), sorted.range(None, None).count()), (300, 300));
        assert!(copy.get(&ObjectKey::cluster("100")).is_some());
    }
}
