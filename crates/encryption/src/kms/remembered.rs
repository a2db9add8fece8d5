//! Unwrapped keys, so that the service is asked once for each.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::dek::Dek;
use super::envelope::Source;

/// So many are kept. There is one for each start of a server and each key of the service that wrote something
/// still stored; a migration leaves one.
const MOST: usize = 1024;

#[derive(Default)]
pub struct Remembered(Mutex<HashMap<Source, Arc<Dek>>>);

impl Remembered {
    pub fn get(&self, source: &Source) -> Option<Arc<Dek>> {
        self.0.lock().get(source).cloned()
    }

    /// Any other one makes room: it can be asked for again. Says how many there are now.
    pub fn put(&self, source: Source, dek: Arc<Dek>) -> usize {
        let mut known = self.0.lock();
        if known.len() >= MOST
            && !known.contains_key(&source)
            && let Some(other) = known.keys().next().cloned()
        {
            known.remove(&other);
        }
        known.insert(source, dek);
        known.len()
    }
}
