//! Reads what the store holds into the cache: at the start, for a kind that is added at
//! run time, and when the store's watch has a gap.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::join;
use ironclad_api::Entry;
use ironclad_store::{KeyValue, Range, Revision, Store, StoreError};

use super::entries::{self, EntryError};
use super::sorted::Sorted;
use super::{CLAIMS, Cluster};
use crate::registry::{Kind, Kinds};

/// So many values are read at once.
const PAGE: usize = 1_000;

/// Why the stored state cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("reading the stored objects failed")]
    Store(#[from] StoreError),
    /// Never served, never skipped silently: an operator has to decide.
    #[error("the stored object {key} {why}")]
    Object { key: String, why: EntryError },
}

/// Everything the store holds, at one revision.
pub(super) struct Loaded {
    pub revision: Revision,
    pub objects: HashMap<Bytes, Vec<Arc<Entry>>>,
    pub claims: HashMap<String, Bytes>,
}

impl Loaded {
    /// A kind's part.
    pub fn take(&mut self, kind: &Kind) -> Sorted {
        Sorted::from_ordered(self.objects.remove(&kind.store_prefix("")).unwrap_or_default())
    }
}

impl Cluster {
    pub(super) async fn read_all(&self, store: &dyn Store, kinds: &Kinds) -> Result<Loaded, LoadError> {
        let mut objects: HashMap<Bytes, Vec<Arc<Entry>>> = HashMap::new();
        let revision = pages(store, "/registry/".into(), None, |item| {
            if let Some((kind, _)) = kinds.by_store_key(&item.key) {
                let entry = self.entry(kind, item)?;
                objects.entry(kind.store_prefix("")).or_default().push(entry);
            }
            Ok(())
        })
        .await?;
        let mut claims = HashMap::new();
        pages(store, CLAIMS.into(), Some(revision), |item| {
            claims.extend(claim(&item.key).map(|claim| (claim, item.value)));
            Ok(())
        })
        .await?;
        Ok(Loaded { revision, objects, claims })
    }

    /// One kind's objects at a revision.
    pub(super) async fn read_kind(
        &self,
        store: &dyn Store,
        kind: &Kind,
        revision: Revision,
    ) -> Result<Sorted, LoadError> {
        let mut entries = Vec::new();
        pages(store, kind.store_prefix(""), Some(revision), |item| {
            entries.push(self.entry(kind, item)?);
            Ok(())
        })
        .await?;
        Ok(Sorted::from_ordered(entries))
    }

    /// Serves what was read. Only before anything reads or observes the cache.
    pub(super) fn install(&self, mut loaded: Loaded, kinds: &Kinds) {
        for kind in kinds.all() {
            kind.objects.load(loaded.take(kind), loaded.revision);
        }
        *self.claims.write() = loaded.claims;
        self.applied.advance(loaded.revision);
    }

    pub(crate) fn entry(&self, kind: &Kind, item: KeyValue) -> Result<Arc<Entry>, LoadError> {
        let entry = entries::entry(kind, &*self.at_rest, &item.key, item.value, item.modified);
        entry.map_err(|why| LoadError::Object { key: String::from_utf8_lossy(&item.key).into_owned(), why })
    }
}

/// The claim that stands at a store key.
pub(super) fn claim(key: &[u8]) -> Option<String> {
    let claim = key.strip_prefix(CLAIMS.as_bytes())?;
    String::from_utf8(claim.to_vec()).ok()
}

/// Calls `each` for everything under a prefix, and returns the revision of it all.
async fn pages(
    store: &dyn Store,
    prefix: Bytes,
    revision: Option<Revision>,
    mut each: impl FnMut(KeyValue) -> Result<(), LoadError>,
) -> Result<Revision, LoadError> {
    let read = |after, revision| store.range(Range { prefix: prefix.clone(), after, limit: PAGE, revision });
    let mut page = read(None, revision).await?;
    loop {
        let last = page.items.last().map(|last| last.key.clone());
        if page.remaining == 0 {
            page.items.into_iter().try_for_each(&mut each)?;
            return Ok(page.revision);
        }
        // The store reads the next page while this one is looked at.
        let items = page.items;
        let look = async { items.into_iter().try_for_each(&mut each) };
        let (next, looked) = join(read(last, Some(page.revision)), look).await;
        looked?;
        page = next?;
    }
}
