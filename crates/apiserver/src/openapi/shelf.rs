//! Documents that were asked for lately.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use ironclad_api::status::Status;
use ironclad_engine::Kinds;
use ironclad_env::Env;
use tokio::sync::Mutex;

use super::Wanted;

/// A document that nobody asked for this long is dropped.
const IDLE: Duration = Duration::from_secs(60);

pub struct Shelf {
    env: Env,
    documents: Arc<Mutex<Documents>>,
}

#[derive(Default)]
struct Documents {
    /// The state of the registry that they are of, kept weakly: kinds that are gone take
    /// their objects with them.
    kinds: Weak<Kinds>,
    all: HashMap<Wanted, Document>,
    /// Whether a task is looking after them.
    tended: bool,
}

struct Document {
    bytes: Bytes,
    used: Duration,
}

impl Shelf {
    pub fn new(env: Env) -> Self {
        Self { env, documents: Arc::default() }
    }

    /// The document, made if it is not there. One is made at a time; the others wait.
    pub async fn get(
        &self,
        kinds: &Arc<Kinds>,
        wanted: Wanted,
        make: impl FnOnce() -> Vec<u8> + Send + 'static,
    ) -> Result<Bytes, Status> {
        let mut documents = self.documents.lock().await;
        let current = Arc::downgrade(kinds);
        if !documents.kinds.ptr_eq(&current) {
            documents.all.clear();
            documents.kinds = current;
        }
        let used = self.env.elapsed();
        if let Some(document) = documents.all.get_mut(&wanted) {
            document.used = used;
            return Ok(document.bytes.clone());
        }
        let made = tokio::task::spawn_blocking(make).await.map_err(Status::internal_error)?;
        let bytes = Bytes::from(made);
        documents.all.insert(wanted, Document { bytes: bytes.clone(), used });
        if !std::mem::replace(&mut documents.tended, true) {
            let task = tend(self.env.clone(), Arc::downgrade(&self.documents));
            self.env.spawn("openapi", Box::pin(task));
        }
        Ok(bytes)
    }
}

/// Drops what is idle until nothing is left.
async fn tend(env: Env, documents: Weak<Mutex<Documents>>) {
    loop {
        env.sleep(IDLE / 2).await;
        let Some(documents) = documents.upgrade() else { return };
        let mut documents = documents.lock().await;
        let now = env.elapsed();
        documents.all.retain(|_, document| now < document.used + IDLE);
        if documents.all.is_empty() {
            *documents = Documents::default();
            return;
        }
    }
}
