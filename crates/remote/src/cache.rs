//! A copy of a part of the cluster, kept by list and watch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use ironclad_api::params::ListOptions;
use ironclad_api::status::Status;
use ironclad_api::{Entry, GroupResource, GroupVersionKind, GroupVersionResource, ObjectKey};
use ironclad_client::{Cache, CachedResource, Client, Observer, Operation, Request, Target};
use ironclad_env::{Env, EnvironmentExt, Task};
use serde_json::Value;
use tokio::sync::Notify;

use crate::client::{Asked, RemoteClient, url};
use crate::contents::{Contents, entry};
use crate::path;
use crate::watch::{Event, Events};

const PAGE: usize = 500;
const FIRST_BACK_OFF: Duration = Duration::from_millis(200);
const MAX_BACK_OFF: Duration = Duration::from_secs(10);
/// A watch without a sign of life for this long is given up: bookmarks come each minute.
const SILENCE_LIMIT: Duration = Duration::from_secs(150);
/// How long the server is asked to keep a watch open, at least.
const WATCH_SECONDS: u64 = 300;

/// What to keep a copy of.
#[derive(Clone, Debug)]
pub struct WatchSpec {
    pub resource: GroupVersionResource,
    pub kind: GroupVersionKind,
    pub namespaced: bool,
    /// Only this namespace; all with `None`.
    pub namespace: Option<String>,
    pub field_selector: ironclad_api::fields::Selector,
}

impl WatchSpec {
    /// All objects of a resource.
    pub fn all(kind: GroupVersionKind, resource: &'static str, namespaced: bool) -> Self {
        let resource = kind.group_version().resource(resource);
        Self { resource, kind, namespaced, namespace: None, field_selector: Default::default() }
    }

    pub fn selecting(mut self, field: &str, value: &str) -> Self {
        self.field_selector = ironclad_api::fields::Selector::equals(field, value);
        self
    }
}

/// Follows some resources until it is dropped. Survives any absence of the server: what
/// was last seen stays, and is brought up to date by a new list.
pub struct RemoteCache {
    contents: Arc<Contents>,
    specs: Vec<WatchSpec>,
    unsynced: Arc<AtomicUsize>,
    synced: Arc<Notify>,
    tasks: Vec<Task>,
}

impl Drop for RemoteCache {
    fn drop(&mut self) {
        self.tasks.iter().for_each(Task::abort);
    }
}

impl RemoteCache {
    pub fn start(env: &Env, client: &Arc<RemoteClient>, specs: Vec<WatchSpec>) -> Arc<Self> {
        let contents = Arc::new(Contents::default());
        let (unsynced, synced) = (Arc::new(AtomicUsize::new(specs.len())), Arc::new(Notify::new()));
        let follow = |spec: &WatchSpec| {
            let follower = Follower {
                env: env.clone(),
                client: client.clone(),
                contents: contents.clone(),
                spec: spec.clone(),
                unsynced: unsynced.clone(),
                synced: synced.clone(),
            };
            env.spawn("list-watch", Box::pin(follower.run()))
        };
        let tasks = specs.iter().map(follow).collect();
        Arc::new(Self { contents, specs, unsynced, synced, tasks })
    }

    /// Returns once every resource has been listed.
    pub async fn synced(&self) {
        loop {
            let notified = self.synced.notified();
            if self.unsynced.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Cache for RemoteCache {
    fn get(&self, resource: &GroupResource, key: &ObjectKey) -> Option<Arc<Entry>> {
        self.contents.get(resource, key)
    }

    fn list(&self, resource: &GroupResource, namespace: Option<&str>) -> Vec<Arc<Entry>> {
        self.contents.list(resource, namespace)
    }

    fn observe(&self, resources: &[GroupResource], observer: Arc<dyn Observer>) {
        self.contents.observe(resources, observer);
    }

    fn resources(&self) -> Vec<CachedResource> {
        let cached = |spec: &WatchSpec| CachedResource {
            resource: spec.resource.clone(),
            kind: spec.kind.clone(),
            namespaced: spec.namespaced,
        };
        self.specs.iter().map(cached).collect()
    }

    fn revision(&self) -> u64 {
        self.contents.revision()
    }
}

/// Lists and watches one resource, for ever.
struct Follower {
    env: Env,
    client: Arc<RemoteClient>,
    contents: Arc<Contents>,
    spec: WatchSpec,
    unsynced: Arc<AtomicUsize>,
    synced: Arc<Notify>,
}

/// Why a watch is over, and so what comes next.
enum End {
    /// The server ended it in good order: go on where it stopped.
    Resume,
    /// The history is gone: list anew.
    Expired,
    Failed(String),
}

impl Follower {
    async fn run(self) {
        let mut back_off = FIRST_BACK_OFF;
        let mut first = true;
        loop {
            match self.list().await {
                Ok(revision) => {
                    back_off = FIRST_BACK_OFF;
                    if std::mem::take(&mut first) && self.unsynced.fetch_sub(1, Ordering::AcqRel) == 1 {
                        self.synced.notify_waiters();
                    }
                    self.watch_from(revision).await;
                }
                Err(status) => {
                    tracing::debug!(resource = %self.spec.resource.resource, error = %status, "list failed");
                    self.pause(&mut back_off).await;
                }
            }
        }
    }

    /// Waits between half of and the whole back-off, and doubles it.
    async fn pause(&self, back_off: &mut Duration) {
        let jitter = (self.env.random_u64() % 1000) as u32;
        self.env.sleep(*back_off / 2 + *back_off * jitter / 2000).await;
        *back_off = (*back_off * 2).min(MAX_BACK_OFF);
    }

    fn target(&self) -> Target {
        Target::collection(self.spec.resource.clone(), self.spec.namespace.clone().unwrap_or_default())
    }

    /// Takes over the whole list, page by page; its revision.
    async fn list(&self) -> Result<u64, Status> {
        let mut options = ListOptions {
            field_selector: self.spec.field_selector.clone(),
            limit: PAGE,
            ..ListOptions::default()
        };
        let mut entries = Vec::new();
        loop {
            let request = Request { target: self.target(), operation: Operation::List(options.clone()) };
            let mut list = self.client.call(request).await?;
            if let Some(Value::Array(items)) = list.0.remove("items") {
                entries.extend(items.into_iter().filter_map(|item| self.typed(item)));
            }
            options.continue_token = list.meta_str("continue").to_owned();
            if options.continue_token.is_empty() {
                let revision = list.resource_version().parse().unwrap_or(0);
                self.contents.replace(&self.spec.resource.group_resource(), entries, revision);
                return Ok(revision);
            }
        }
    }

    /// Items of a list lack apiVersion and kind where upstream leaves them out.
    fn typed(&self, mut item: Value) -> Option<Arc<Entry>> {
        let object = item.as_object_mut()?;
        object.insert("apiVersion".into(), self.spec.kind.api_version().into());
        object.insert("kind".into(), self.spec.kind.kind.to_string().into());
        entry(ironclad_api::json::encode(&item).into())
    }

    /// Watches, and watches again, until the list must be made anew.
    async fn watch_from(&self, mut revision: u64) {
        let mut back_off = FIRST_BACK_OFF;
        loop {
            let before = revision;
            match self.watch(&mut revision).await {
                End::Resume => {}
                End::Expired => return,
                End::Failed(error) => {
                    tracing::debug!(resource = %self.spec.resource.resource, error, "watch failed");
                    if revision != before {
                        back_off = FIRST_BACK_OFF;
                    }
                    self.pause(&mut back_off).await;
                }
            }
        }
    }

    async fn watch(&self, revision: &mut u64) -> End {
        let options = ListOptions {
            field_selector: self.spec.field_selector.clone(),
            resource_version: Some(*revision),
            allow_watch_bookmarks: true,
            timeout_seconds: Some(WATCH_SECONDS + self.env.random_u64() % WATCH_SECONDS),
            ..ListOptions::default()
        };
        let path = url(&path::path(&self.target()), &options.to_query(true).to_string());
        let response = match self.client.send(Method::GET, &path, None).await {
            Ok(response) if response.status().is_success() => response,
            Ok(response) => return self.refused(response).await,
            Err(status) => return End::Failed(status.to_string()),
        };
        let mut events = Events::new(response);
        loop {
            let event = match self.env.timeout(SILENCE_LIMIT, events.next()).await {
                None => return End::Failed(format!("no sign of life for {SILENCE_LIMIT:?}")),
                Some(None) => return End::Resume,
                Some(Some(Err(error))) => return End::Failed(error),
                Some(Some(Ok(event))) => event,
            };
            if let Some(end) = self.apply(event, revision) {
                return end;
            }
        }
    }

    async fn refused(&self, response: http::Response<hyper::body::Incoming>) -> End {
        let asked =
            Asked { method: Method::GET, resource: self.spec.resource.group_resource(), name: String::new() };
        match asked.read(response).await {
            Err(status) if is_expired(&status) => End::Expired,
            Err(status) => End::Failed(status.to_string()),
            Ok(_) => End::Failed("an answer that is no watch".into()),
        }
    }

    fn apply(&self, event: Event, revision: &mut u64) -> Option<End> {
        let resource = self.spec.resource.group_resource();
        let (json, is_delete) = match event {
            Event::Error(status) if is_expired(&status) => return Some(End::Expired),
            Event::Error(status) => return Some(End::Failed(status.to_string())),
            Event::Bookmark(json) => {
                if let Some(entry) = entry(json) {
                    *revision = (*revision).max(entry.revision);
                    self.contents.reached(&resource, entry.revision);
                }
                return None;
            }
            Event::Put(json) => (json, false),
            Event::Delete(json) => (json, true),
        };
        let Some(entry) = entry(json) else { return Some(End::Failed("an event without an object".into())) };
        *revision = (*revision).max(entry.revision);
        match is_delete {
            true => self.contents.delete(&resource, &entry),
            false => self.contents.put(&resource, entry),
        }
        None
    }
}

fn is_expired(status: &Status) -> bool {
    status.code == 410
}
