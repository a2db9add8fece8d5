//! Kinds whose objects are told by their strategy at each read, and never stored.

use std::sync::Arc;

use ironclad_api::entry::EntryMeta;
use ironclad_api::list_meta::ListMeta;
use ironclad_api::params::ListOptions;
use ironclad_api::status::Status;
use ironclad_api::{Entry, GroupResource, Object};
use ironclad_client::Target;

use super::list::List;
use super::select::Selection;
use crate::registry::Served;

/// The selected ones, in one page and without a revision.
pub(super) fn list(
    served: &Served,
    objects: Vec<Object>,
    target: &Target,
    options: &ListOptions,
) -> Result<List, Status> {
    let selection = Selection::new(served, target, options)?;
    let entries = objects.into_iter().map(entry).filter(|entry| selection.matches(entry)).collect();
    Ok(List { served: served.clone(), meta: ListMeta::default(), entries })
}

/// As upstream, an error tells of the singular.
pub(super) fn get(served: &Served, objects: Vec<Object>, target: &Target) -> Result<Arc<Entry>, Status> {
    let found = objects.into_iter().find(|object| object.name() == target.name).map(entry);
    let resource = GroupResource::new(target.resource.group.clone(), served.kind.spec().singular.clone());
    found.ok_or_else(|| Status::not_found(&resource, &target.name))
}

fn entry(object: Object) -> Arc<Entry> {
    let meta = EntryMeta { key: object.key(), ..EntryMeta::default() };
    let json = serde_json::to_vec(&object).unwrap_or_default();
    Arc::new(Entry::new(meta, 0, json.into()))
}
