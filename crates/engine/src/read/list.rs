//! Lists: consistent at one revision, in pages.

use std::sync::Arc;

use ironclad_api::field::{FieldError, Path};
use ironclad_api::goprint::quote;
use ironclad_api::list_meta::ListMeta;
use ironclad_api::params::{ListOptions, ResourceVersionMatch};
use ironclad_api::status::Status;
use ironclad_api::{Entry, GroupKind, Object, ObjectKey};
use ironclad_client::Target;
use ironclad_store::{Range, StoreError};

use super::select::Selection;
use super::token::Token;
use super::unstored;
use crate::cache::objects::Snapshot;
use crate::engine::Engine;
use crate::registry::Served;

/// So many stored values are read at once while a page of a selective list is gathered.
const STORE_PAGE: usize = 500;

/// A page of a list, as the HTTP shell writes it: a head, the entries' bytes, a tail.
pub struct List {
    /// Of the items.
    pub served: Served,
    pub meta: ListMeta,
    pub entries: Vec<Arc<Entry>>,
}

impl List {
    /// What stands before the first item's JSON.
    pub fn head(&self) -> String {
        let meta = serde_json::to_string(&self.meta).unwrap_or_default();
        let (kind, version) = (self.served.strategy().list_kind(), self.served.gvk.api_version());
        format!(r#"{{"kind":"{kind}","apiVersion":"{version}","metadata":{meta},"items":["#)
    }

    /// What stands after the last item; items are separated by commas.
    pub const TAIL: &'static str = "]}\n";

    /// The list as a tree.
    pub fn object(&self) -> Object {
        let mut object = Object::default();
        object.0.insert("kind".into(), self.served.strategy().list_kind().into());
        object.0.insert("apiVersion".into(), self.served.gvk.api_version().into());
        object.0.insert("metadata".into(), serde_json::to_value(&self.meta).unwrap_or_default());
        let items: Vec<_> = self.entries.iter().map(|entry| entry.object().into_value()).collect();
        object.0.insert("items".into(), items.into());
        object
    }
}

/// Which state a list shows.
enum At {
    /// Whatever the cache has, or newer than a revision.
    Newest,
    Exactly(u64),
}

/// A page, before conversion or after it.
struct Page {
    revision: u64,
    entries: Vec<Arc<Entry>>,
    /// How many objects of the namespace follow the page, selected or not.
    remaining: usize,
}

impl Engine {
    pub(crate) async fn list(
        &self,
        served: &Served,
        target: &Target,
        options: &ListOptions,
    ) -> Result<List, Status> {
        check_options(options)?;
        if let Some(objects) = served.strategy().unstored() {
            return unstored::list(served, objects, target, options);
        }
        let selection = Selection::new(served, target, options)?;
        let (at, after, limit) = self.list_start(served, &selection, options).await?;
        let page = match selection.is_of_converted() {
            true => self.page_of_converted(served, &selection, at, after, limit).await?,
            false => self.page(served, &selection, at, after, limit).await?,
        };
        let mut meta = ListMeta { resource_version: page.revision.to_string(), ..ListMeta::default() };
        if let Some(last) = page.entries.last().filter(|_| page.remaining > 0) {
            let after = token_key(&selection, &last.key);
            meta.continue_token = Token { revision: Some(page.revision), after }.encode();
            meta.remaining_item_count =
                selection.is_everything().then(|| i64::try_from(page.remaining).unwrap_or(i64::MAX));
        }
        let entries = self.in_version(served, page.entries).await?;
        Ok(List { served: served.clone(), meta, entries })
    }

    /// The state, the key to go on after, and the limit (0: none) of a list. Source:
    /// <https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>
    async fn list_start(
        &self,
        served: &Served,
        selection: &Selection,
        options: &ListOptions,
    ) -> Result<(At, Option<ObjectKey>, usize), Status> {
        if !options.continue_token.is_empty() {
            let token = Token::decode(&options.continue_token)?;
            if options.resource_version.is_some_and(|revision| revision != 0) {
                let why = "specifying resource version is not allowed when using continue";
                return Err(Status::bad_request(why));
            }
            self.fresh(token.revision).await?;
            let after = match &selection.namespace {
                Some(namespace) => ObjectKey::new(namespace.clone(), token.after),
                None => served.kind.object_key(&token.after),
            };
            let at = token.revision.map_or(At::Newest, At::Exactly);
            return Ok((at, Some(after), options.limit));
        }
        self.fresh(options.resource_version).await?;
        Ok(match (options.resource_version, options.resource_version_match) {
            // "Any version" is answered whole, as upstream's cache does.
            (Some(0), _) => (At::Newest, None, 0),
            (Some(revision), Some(ResourceVersionMatch::Exact)) => {
                (At::Exactly(revision), None, options.limit)
            }
            // Pages of "not older than" are exact, from before the parameter to say so existed.
            (Some(revision), None) if options.limit > 0 => (At::Exactly(revision), None, options.limit),
            _ => (At::Newest, None, options.limit),
        })
    }

    async fn page(
        &self,
        served: &Served,
        selection: &Selection,
        at: At,
        after: Option<ObjectKey>,
        limit: usize,
    ) -> Result<Page, Status> {
        let now = || served.kind.objects.snapshot(&self.cluster.applied);
        match at {
            At::Newest => Ok(cached(&now(), selection, after.as_ref(), limit)),
            At::Exactly(revision) => self.page_at(served, selection, revision, after, limit).await,
        }
    }

    /// A page out of objects that are converted, in batches, before they are selected.
    async fn page_of_converted(
        &self,
        served: &Served,
        selection: &Selection,
        mut at: At,
        mut after: Option<ObjectKey>,
        limit: usize,
    ) -> Result<Page, Status> {
        let candidates = selection.of_stored();
        let batch = if limit == 0 { 0 } else { limit.max(STORE_PAGE) };
        let mut selected = Vec::new();
        loop {
            let page = self.page(served, &candidates, at, after, batch).await?;
            let (revision, read) = (page.revision, page.entries.len());
            after = page.entries.last().map(|last| last.key.clone());
            for (index, entry) in self.in_version(served, page.entries).await?.into_iter().enumerate() {
                if selection.matches(&entry) {
                    selected.push(entry);
                }
                if limit > 0 && selected.len() == limit {
                    let remaining = page.remaining + (read - index - 1);
                    return Ok(Page { revision, entries: selected, remaining });
                }
            }
            if page.remaining == 0 {
                return Ok(Page { revision, entries: selected, remaining: 0 });
            }
            at = At::Exactly(revision);
        }
    }

    /// A page of the state at a revision: from the cache if nothing changed since, else from the store.
    async fn page_at(
        &self,
        served: &Served,
        selection: &Selection,
        revision: u64,
        after: Option<ObjectKey>,
        limit: usize,
    ) -> Result<Page, Status> {
        let snapshot = served.kind.objects.snapshot(&self.cluster.applied);
        let remembered = revision >= self.compacted.revision();
        if remembered && snapshot.changed <= revision && revision <= snapshot.revision {
            return Ok(Page { revision, ..cached(&snapshot, selection, after.as_ref(), limit) });
        }
        let page = self.stored(served, selection, revision, after.as_ref(), limit).await;
        page.map_err(|error| match (error, after) {
            (StoreError::Compacted { .. }, Some(after)) => {
                let token = Token { revision: None, after: token_key(selection, &after) };
                Status::continue_expired(Some(token.encode()))
            }
            (StoreError::Compacted { .. }, None) => Status::list_expired(),
            (StoreError::Future { requested, newest }, _) => {
                Status::too_large_resource_version(requested, newest)
            }
            (error, _) => crate::write::commit::store_failed(&error),
        })
    }

    async fn stored(
        &self,
        served: &Served,
        selection: &Selection,
        revision: u64,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let kind = &served.kind;
        let mut page = Page { revision, entries: Vec::new(), remaining: 0 };
        let mut after = after.map(|key| kind.store_key(key));
        loop {
            let range = Range {
                prefix: kind.store_prefix(selection.namespace.as_deref().unwrap_or_default()),
                after: after.take(),
                limit: STORE_PAGE,
                revision: Some(revision),
            };
            let found = self.store.range(range).await?;
            after = found.items.last().map(|last| last.key.clone());
            let read = found.items.len();
            for (at, item) in found.items.into_iter().enumerate() {
                let entry = self.cluster.entry(kind, item);
                let entry = entry.map_err(|error| StoreError::Unavailable(error.to_string()))?;
                if selection.matches(&entry) {
                    page.entries.push(entry);
                }
                if limit > 0 && page.entries.len() == limit {
                    page.remaining = found.remaining + (read - at - 1);
                    return Ok(page);
                }
            }
            if found.remaining == 0 {
                return Ok(page);
            }
        }
    }
}

/// A page out of a snapshot.
fn cached(snapshot: &Snapshot, selection: &Selection, after: Option<&ObjectKey>, limit: usize) -> Page {
    let namespace = selection.namespace.as_deref();
    let mut page = Page { revision: snapshot.revision, entries: Vec::new(), remaining: 0 };
    if let (Some(name), Some(namespace), None) = (selection.single_name(), namespace, after) {
        let only = snapshot.sorted.get(&ObjectKey::new(namespace, name));
        page.entries.extend(only.filter(|entry| selection.matches(entry)).cloned());
        return page;
    }
    let mut all = snapshot.sorted.range(namespace, after);
    for entry in all.by_ref() {
        if selection.matches(entry) {
            page.entries.push(entry.clone());
        }
        if limit > 0 && page.entries.len() == limit {
            page.remaining = all.count();
            return page;
        }
    }
    page
}

/// A key as a token carries it: below the list's prefix.
fn token_key(selection: &Selection, key: &ObjectKey) -> String {
    match selection.namespace {
        Some(_) => key.name.clone(),
        None => key.to_string(),
    }
}

fn check_options(options: &ListOptions) -> Result<(), Status> {
    let mut errors = Vec::new();
    let path = Path::new("resourceVersionMatch");
    if let Some(matching) = options.resource_version_match {
        if options.resource_version.is_none() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.push(FieldError::forbidden(&path, why));
        }
        if !options.continue_token.is_empty() {
            let why = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(&path, why));
        }
        if matching == ResourceVersionMatch::Exact && options.resource_version == Some(0) {
            let why = format!(
                "resourceVersionMatch {} is forbidden for resourceVersion {}",
                quote("exact"),
                quote("0")
            );
            errors.push(FieldError::forbidden(&path, why));
        }
    }
    if options.send_initial_events.is_some() {
        let why = "sendInitialEvents is forbidden for list";
        errors.push(FieldError::forbidden(&Path::new("sendInitialEvents"), why));
    }
    invalid_options(errors)
}

/// Upstream's answer to options that contradict each other.
pub(crate) fn invalid_options(errors: Vec<FieldError>) -> Result<(), Status> {
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Status::invalid(&GroupKind::new("meta.k8s.io", "ListOptions"), "", &errors)),
    }
}
