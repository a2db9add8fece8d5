//! The embedded store.

use ironclad_env::BoxFuture;
use ironclad_store::{Store, StoreError};
use ironclad_store_embedded::{EmbeddedStore, Options};

use super::{Component, Context};
use crate::failure::{Exit, Failure};

pub struct OpenStore;

impl Component for OpenStore {
    fn name(&self) -> &'static str {
        "store"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let folder = context.config.store();
            let opened =
                tokio::task::spawn_blocking(move || EmbeddedStore::open(&folder, Options::default()));
            let store = opened.await.map_err(Failure::panicked)?.map_err(failure)?;
            let detail = format!("revision {}", store.revision());
            context.made.store = Some(store);
            Ok(detail)
        })
    }
}

fn failure(error: StoreError) -> Failure {
    match error {
        StoreError::Full { .. } => Failure::new(Exit::Machine, error, "then start again"),
        // The text names the file and what to do.
        StoreError::Corrupt { .. } => Failure::failed(error, "nothing has been changed"),
        _ => Failure::failed(error, ""),
    }
}
