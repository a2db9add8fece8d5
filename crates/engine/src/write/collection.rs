//! Deletes of whole collections.

use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use ironclad_api::Entry;
use ironclad_api::params::{DeleteOptions, ListOptions};
use ironclad_api::status::Status;
use ironclad_client::Target;
use ironclad_env::BoxFuture;

use crate::engine::Engine;
use crate::gate::Context;
use crate::registry::Served;
use crate::response::Response;

/// So many objects are deleted at once, so that their commits share a sync.
const AT_ONCE: usize = 32;

impl Engine {
    /// Deletes what the list selects, and answers with the list.
    pub(crate) async fn delete_collection(
        self: &Arc<Self>,
        context: &Context,
        served: &Served,
        target: &Target,
        list: ListOptions,
        options: DeleteOptions,
    ) -> Result<Response, Status> {
        let list = self.list(served, target, &list).await?;
        let delete = |entry: Arc<Entry>| self.delete_listed(context, served, target, &entry, &options);
        let deletes = stream::iter(list.entries.clone()).map(delete).buffer_unordered(AT_ONCE);
        deletes.try_for_each(|()| std::future::ready(Ok(()))).await?;
        Ok(Response::List(list))
    }

    fn delete_listed<'a>(
        &'a self,
        context: &'a Context,
        served: &'a Served,
        target: &Target,
        entry: &Entry,
        options: &'a DeleteOptions,
    ) -> BoxFuture<'a, Result<(), Status>> {
        let target = Target::object(target.resource.clone(), &entry.key);
        Box::pin(async move {
            match self.delete(context, served, &target, options.clone()).await {
                Err(status) if !status.is_not_found() => Err(status),
                _ => Ok(()),
            }
        })
    }
}
