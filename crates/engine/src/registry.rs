//! The kinds that are served. Readers see a snapshot that is replaced whole, so custom
//! resources come and go while requests run.

mod kind;
pub mod order;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ironclad_api::{GroupKind, GroupResource, GroupVersionKind, GroupVersionResource};
use parking_lot::Mutex;

pub use kind::{Kind, Served};

use crate::strategy::Strategy;

/// All kinds at one moment.
#[derive(Default)]
pub struct Kinds {
    /// In the order they were added.
    all: Vec<Arc<Kind>>,
    by_path: HashMap<GroupVersionResource, Served>,
    by_kind: HashMap<GroupKind, Arc<Kind>>,
    by_resource: HashMap<GroupResource, Arc<Kind>>,
    by_prefix: HashMap<Box<str>, Arc<Kind>>,
}

impl Kinds {
    /// A resource in one version, as a URL names it. `None` if it is not served.
    pub fn served(&self, resource: &GroupVersionResource) -> Option<&Served> {
        self.by_path.get(resource)
    }

    /// A kind in one version, as an object names it. `None` if it is not served.
    pub fn served_kind(&self, wanted: &GroupVersionKind) -> Option<&Served> {
        let kind = self.by_kind.get(&wanted.group_kind())?;
        self.by_path.get(&wanted.group_version().resource(kind.strategy.spec().resource.clone()))
    }

    /// By its group and plural, also when its group is not the kind's first one.
    pub fn resource(&self, resource: &GroupResource) -> Option<&Arc<Kind>> {
        self.by_resource.get(resource)
    }

    pub fn kind(&self, kind: &GroupKind) -> Option<&Arc<Kind>> {
        self.by_kind.get(kind)
    }

    pub fn all(&self) -> &[Arc<Kind>] {
        &self.all
    }

    /// Every served resource in every version, in no order; see [`order`].
    pub fn all_served(&self) -> impl Iterator<Item = &Served> {
        self.by_path.values()
    }

    /// The kind whose objects live under a store key, and the rest of the key after its prefix.
    pub fn by_store_key<'k>(&self, key: &'k [u8]) -> Option<(&Arc<Kind>, &'k str)> {
        let path = std::str::from_utf8(key).ok()?.strip_prefix(kind::ROOT)?;
        let mut slashes = path.match_indices('/').map(|(at, _)| at);
        let ends = [slashes.next(), slashes.next()];
        ends.into_iter().flatten().find_map(|end| Some((self.by_prefix.get(&path[..end])?, &path[end + 1..])))
    }

    fn add(&mut self, kind: &Arc<Kind>) {
        for served in Served::all(kind) {
            let resource = served.gvr.group_resource();
            self.by_kind.entry(served.gvk.group_kind()).or_insert_with(|| kind.clone());
            self.by_resource.entry(resource).or_insert_with(|| kind.clone());
            self.by_path.insert(served.gvr.clone(), served);
        }
        self.by_resource.entry(kind.resource.clone()).or_insert_with(|| kind.clone());
        self.by_prefix.insert(kind.path().into(), kind.clone());
        self.all.push(kind.clone());
    }
}

/// The kinds, exchangeable at run time.
#[derive(Default)]
pub struct Registry {
    kinds: ArcSwap<Kinds>,
    writing: Mutex<()>,
}

impl Registry {
    /// The kinds that are there from the start. Their order is the order of their list.
    pub fn new(strategies: impl IntoIterator<Item = Arc<dyn Strategy>>) -> Self {
        let mut kinds = Kinds::default();
        strategies.into_iter().for_each(|strategy| kinds.add(&Arc::new(Kind::new(strategy))));
        Self { kinds: ArcSwap::from_pointee(kinds), writing: Mutex::default() }
    }

    pub fn kinds(&self) -> Arc<Kinds> {
        self.kinds.load_full()
    }

    /// The kinds without counting a reference; for short looks on hot paths.
    pub(crate) fn peek(&self) -> arc_swap::Guard<Arc<Kinds>> {
        self.kinds.load()
    }

    /// Adds a kind, or puts it in the place of the one with the same resource.
    pub(crate) fn put(&self, kind: &Arc<Kind>) {
        self.replace(|all| match all.iter_mut().find(|other| other.resource == kind.resource) {
            Some(place) => *place = kind.clone(),
            None => all.push(kind.clone()),
        });
    }

    pub(crate) fn remove(&self, resource: &GroupResource) {
        self.replace(|all| all.retain(|kind| kind.resource != *resource));
    }

    fn replace(&self, change: impl FnOnce(&mut Vec<Arc<Kind>>)) {
        let _one_at_a_time = self.writing.lock();
        let mut all = self.kinds.load().all.clone();
        change(&mut all);
        let mut kinds = Kinds::default();
        all.iter().for_each(|kind| kinds.add(kind));
        self.kinds.store(Arc::new(kinds));
    }
}
