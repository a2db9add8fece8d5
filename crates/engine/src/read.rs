//! Reads: one object, a list, and what both ask of a revision.

pub mod list;
pub mod select;
pub mod token;
mod unstored;

use std::sync::Arc;
use std::time::Duration;

use ironclad_api::entry::{EntryMeta, Fields};
use ironclad_api::object::string_map;
use ironclad_api::params::GetOptions;
use ironclad_api::status::Status;
use ironclad_api::{Entry, Object, ObjectKey};
use ironclad_client::Target;
use ironclad_env::EnvironmentExt;

use crate::codec;
use crate::engine::Engine;
use crate::registry::Served;

/// How long a read waits for a revision that this server has not reached, as upstream.
const FRESH_TIMEOUT: Duration = Duration::from_secs(3);

impl Engine {
    /// One object, as it is stored.
    pub(crate) async fn get(
        &self,
        served: &Served,
        target: &Target,
        options: &GetOptions,
    ) -> Result<Arc<Entry>, Status> {
        if let Some(objects) = served.strategy().unstored() {
            return unstored::get(served, objects, target);
        }
        self.fresh(options.resource_version).await?;
        let entry = served.kind.objects.get(&key_of(served, target));
        entry.ok_or_else(|| Status::not_found(&target.resource.group_resource(), &target.name))
    }

    /// Waits until the cache is as new as the caller may expect: `None` means as new as the store.
    pub(crate) async fn fresh(&self, revision: Option<u64>) -> Result<(), Status> {
        let applied = &self.cluster.applied;
        let wanted = revision.unwrap_or_else(|| self.store.revision());
        if applied.revision() >= wanted {
            return Ok(());
        }
        match self.env.timeout(FRESH_TIMEOUT, applied.reached(wanted)).await {
            Some(()) => Ok(()),
            None => Err(Status::too_large_resource_version(wanted, applied.revision())),
        }
    }

    /// Entries in the version that was asked for.
    pub(crate) async fn in_version(
        &self,
        served: &Served,
        mut entries: Vec<Arc<Entry>>,
    ) -> Result<Vec<Arc<Entry>>, Status> {
        let wanted = served.gvk.group_version();
        let name = wanted.to_string();
        let foreign = |entry: &Arc<Entry>| codec::api_version(&entry.json) != Some(name.as_str());
        let places: Vec<usize> =
            entries.iter().enumerate().filter(|(_, entry)| foreign(entry)).map(|(at, _)| at).collect();
        if places.is_empty() {
            return Ok(entries);
        }
        let objects: Vec<Object> = places.iter().map(|at| entries[*at].object()).collect();
        let converted = served.strategy().convert(objects, &wanted).await?;
        if converted.len() != places.len() {
            return Err(Status::internal_error("a conversion lost objects"));
        }
        for (at, object) in places.into_iter().zip(converted) {
            entries[at] = reencoded(served, &entries[at], &object);
        }
        Ok(entries)
    }
}

/// The entry of another encoding of the same version of an object.
fn reencoded(served: &Served, entry: &Entry, object: &Object) -> Arc<Entry> {
    let json = codec::stamp(&codec::encode(object), entry.revision);
    let meta = match served.strategy().converts_content() {
        true => EntryMeta {
            labels: string_map(object.metadata().and_then(|metadata| metadata.get("labels"))),
            fields: Fields::read_by(served.kind.fields.clone()),
            ..entry.meta()
        },
        // The others' selectable fields are read from the stored version only.
        false => EntryMeta { fields: Fields::default(), ..entry.meta() },
    };
    Arc::new(Entry::new(meta, entry.revision, json))
}

/// The key of an object in the cache, from its target.
pub(crate) fn key_of(served: &Served, target: &Target) -> ObjectKey {
    match served.kind.is_namespaced() {
        true => target.key(),
        false => ObjectKey::cluster(target.name.clone()),
    }
}
