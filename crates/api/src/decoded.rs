//! Objects as types, kept while they are new.
//!
//! A decoded pod takes several times its bytes. Whoever follows a kind reads a version soon after it was
//! made, and mostly never again; so what is kept is not each entry's decoded form but the latest of all, up
//! to [`KEPT`] bytes of documents. One that is asked for later is decoded anew.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::de::DeserializeOwned;

/// Documents whose decoded forms are kept, in bytes of JSON. Some 900 pods of 4.5 kB, which take 20 MB.
const KEPT: usize = 4 << 20;

/// One for the process, as its memory is.
static LATEST: Mutex<Latest> = Mutex::new(Latest { slots: VecDeque::new(), bytes: 0 });

type Form = Arc<dyn Any + Send + Sync>;

/// Where an entry's decoded form is while it is kept.
#[derive(Default)]
pub(crate) struct Slot(Mutex<Option<Form>>);

struct Latest {
    slots: VecDeque<(Arc<Slot>, usize)>,
    bytes: usize,
}

impl Slot {
    /// The document as `T`, shared with whoever else reads it at about this time; `None` if it does not
    /// decode so, or was decoded as another type and is still kept.
    pub(crate) fn read<T>(self: &Arc<Self>, json: &[u8]) -> Option<Arc<T>>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        // Held while it is decoded: whom the same change woke waits for the one who came first.
        let mut kept = self.0.lock();
        if let Some(form) = kept.clone() {
            return form.downcast::<T>().ok();
        }
        let form: Arc<T> = Arc::new(crate::typed::from_slice(json).ok()?);
        *kept = Some(form.clone());
        // What is forgotten may be this very form.
        drop(kept);
        let forgotten = LATEST.lock().keep(self.clone(), json.len());
        forgotten.iter().for_each(|slot| drop(slot.0.lock().take()));
        Some(form)
    }
}

impl Latest {
    /// Gives the slots that are kept no longer, to be emptied outside of the lock.
    fn keep(&mut self, slot: Arc<Slot>, bytes: usize) -> Vec<Arc<Slot>> {
        self.slots.push_back((slot, bytes));
        self.bytes += bytes;
        let mut forgotten = Vec::new();
        while self.bytes > KEPT {
            let Some((slot, bytes)) = self.slots.pop_front() else { break };
            self.bytes -= bytes;
            forgotten.push(slot);
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_kept_is_bounded_by_bytes_and_the_latest() {
        let mut latest = Latest { slots: VecDeque::new(), bytes: 0 };
        let mut keep = |bytes| latest.keep(Arc::default(), bytes).len();
        assert_eq!([keep(KEPT / 2), keep(KEPT / 2), keep(1), keep(KEPT)], [0, 0, 1, 2]);
        assert_eq!(keep(KEPT + 1), 2, "one that is larger than all that may be kept is not");
        assert_eq!((latest.slots.len(), latest.bytes), (0, 0));
    }

    #[test]
    fn a_version_is_decoded_once_while_it_is_kept_and_again_after() {
        let (slot, json) = (Arc::new(Slot::default()), json!({"metadata": {"name": "a"}}).to_string());
        let read = || slot.read::<Value>(json.as_bytes()).expect("a document");
        let first = read();
        assert!(Arc::ptr_eq(&first, &read()));
        assert_eq!(slot.read::<Vec<u8>>(json.as_bytes()), None, "another type");
        slot.0.lock().take();
        let again = read();
        assert!(!Arc::ptr_eq(&first, &again));
        assert_eq!(first, again);
    }
}
