//! Groups and versions that other servers serve: an `APIService` with a service leads there.
//! Source: <https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/>
//!
//! - [`remote`]: an `APIService` as a route; [`passing`]: requests on their way there.
//! - [`available`]: whether a route can be used; [`tending`]: looks at that all the time.
//! - [`documents`]: what the other servers say they serve, for discovery and OpenAPI.
//!
//! Like [`crate::connect`], this knows kinds by name: where a service leads is what it is about.

mod available;
mod documents;
mod passing;
mod remote;
mod tending;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use ironclad_api::{GroupResource, GroupVersion};
use ironclad_client::{Cache, Change, Observer};
use ironclad_pki::tls::CertificateSlot;
use ironclad_webhook::Resolver;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::request_info::RequestInfo;

pub use documents::Document;
pub use passing::pass;
pub use remote::Remote;
pub use tending::tend;

const GROUP: &str = "apiregistration.k8s.io";

/// How other servers are reached and what they are shown.
pub struct Settings {
    pub resolver: Arc<dyn Resolver>,
    /// The front proxy's client certificate: by it they believe the names in the headers.
    pub identity: Arc<CertificateSlot>,
}

/// All routes to other servers.
pub struct Aggregation {
    settings: Settings,
    remotes: ArcSwap<BTreeMap<GroupVersion, Arc<Remote>>>,
    /// One change at a time.
    changing: Mutex<()>,
    /// What those servers say of themselves.
    documents: ArcSwap<BTreeMap<GroupVersion, Arc<Document>>>,
    /// Counts changes of routes and documents.
    generation: AtomicU64,
    /// Something happened that may make a server available or not.
    woken: Notify,
}

impl Aggregation {
    /// Follows the cache's `APIService`s from now on.
    pub fn start(settings: Settings, cache: &dyn Cache) -> Arc<Self> {
        let aggregation = Arc::new(Self {
            settings,
            remotes: ArcSwap::default(),
            changing: Mutex::default(),
            documents: ArcSwap::default(),
            generation: AtomicU64::default(),
            woken: Notify::new(),
        });
        cache.observe(&[api_services(), services(), slices()], aggregation.clone());
        aggregation
    }

    /// Where a request leads, if not to this server itself.
    pub fn route(&self, info: &RequestInfo) -> Option<Arc<Remote>> {
        let remotes = self.remotes.load();
        if remotes.is_empty() {
            return None;
        }
        let wanted = match &info.resource {
            Some(resource) => GroupVersion::new(resource.group.clone(), resource.version.clone()),
            None => discovered(&info.path)?,
        };
        remotes.get(&wanted).cloned()
    }

    pub fn remote(&self, group_version: &GroupVersion) -> Option<Arc<Remote>> {
        self.remotes.load().get(group_version).cloned()
    }

    pub fn remotes(&self) -> Vec<Arc<Remote>> {
        self.remotes.load().values().cloned().collect()
    }

    /// What is known of the servers' own documents.
    pub fn documents(&self) -> Arc<BTreeMap<GroupVersion, Arc<Document>>> {
        self.documents.load_full()
    }

    /// Another number after each change of what discovery says.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn replace(&self, change: &Change) -> bool {
        let _one_at_a_time = self.changing.lock();
        let mut remotes = BTreeMap::clone(&self.remotes.load());
        let object = change.entry().object();
        let Some(group_version) = remote::group_version(&object) else { return false };
        let old = remotes.remove(&group_version);
        if change.new.is_some() {
            let new = Remote::of(&object, &self.settings.identity, old.as_deref());
            remotes.extend(new.map(|new| (group_version.clone(), Arc::new(new))));
        }
        let new = remotes.get(&group_version);
        if new.is_none() && old.is_none() {
            return false;
        }
        let matters = match (&old, new) {
            (Some(old), Some(new)) => old.available != new.available || !old.is_like(new),
            _ => true,
        };
        self.remotes.store(Arc::new(remotes));
        self.generation.fetch_add(1, Ordering::AcqRel);
        matters
    }

    /// Whether one of the routes leads to what changed.
    fn concerns(&self, change: &Change) -> bool {
        let remotes = self.remotes.load();
        if remotes.is_empty() {
            return false;
        }
        let entry = change.entry();
        let service = match *change.resource.resource == *"services" {
            true => Some(&entry.key.name),
            false => entry.labels.get(SERVICE_LABEL),
        };
        remotes.values().any(|remote| {
            remote.service.namespace == entry.key.namespace && Some(&remote.service.name) == service
        })
    }
}

impl Observer for Aggregation {
    fn changed(&self, change: &Change) {
        let matters = match &*change.resource.resource {
            "apiservices" => self.replace(change),
            _ => self.concerns(change),
        };
        if matters {
            self.woken.notify_one();
        }
    }
}

/// The group and version of a path that lists or describes their resources.
fn discovered(path: &str) -> Option<GroupVersion> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["apis", group, version] | ["openapi", "v3", "apis", group, version] => {
            Some(GroupVersion::new((*group).to_owned(), (*version).to_owned()))
        }
        ["api", version] => Some(GroupVersion::new("", (*version).to_owned())),
        _ => None,
    }
}

const SERVICE_LABEL: &str = "kubernetes.io/service-name";

fn api_services() -> GroupResource {
    GroupResource::new(GROUP, "apiservices")
}

fn services() -> GroupResource {
    GroupResource::new("", "services")
}

fn slices() -> GroupResource {
    GroupResource::new("discovery.k8s.io", "endpointslices")
}
