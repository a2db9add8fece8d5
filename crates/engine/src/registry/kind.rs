//! A kind as it runs: its strategy, where it is stored, and its cached objects.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use ironclad_api::gvk::Name;
use ironclad_api::{
    GroupKind, GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource, ObjectKey,
};

use crate::cache::objects::Objects;
use crate::codec::scan::FieldScan;
use crate::strategy::{Column, KindSpec, SchemaRef, Scope, Strategy, Subresource, VersionSpec};

/// Where all objects are stored; upstream's root.
pub(crate) const ROOT: &str = "/registry/";

pub struct Kind {
    pub strategy: Arc<dyn Strategy>,
    /// The group and plural of the stored version: the cache's name for it.
    pub resource: GroupResource,
    /// The stored version.
    pub storage: GroupVersionKind,
    pub(crate) fields: Arc<FieldScan>,
    pub(crate) objects: Arc<Objects>,
    /// `/registry/pods/`
    prefix: String,
}

/// A kind in one of its versions. Cheap to clone.
#[derive(Clone)]
pub struct Served(Arc<ServedVersion>);

/// What a [`Served`] points to.
pub struct ServedVersion {
    pub kind: Arc<Kind>,
    pub gvr: GroupVersionResource,
    pub gvk: GroupVersionKind,
    /// Which of `spec().versions` it is.
    version: usize,
}

impl Kind {
    pub fn new(strategy: Arc<dyn Strategy>) -> Self {
        Self::with_objects(strategy, Arc::default())
    }

    pub(crate) fn with_objects(strategy: Arc<dyn Strategy>, objects: Arc<Objects>) -> Self {
        let spec = strategy.spec();
        let stored = spec.versions.iter().find(|version| version.storage).or(spec.versions.first());
        let storage =
            stored.map_or_else(|| GroupVersion::new("", ""), |version| group_version(spec, version));
        let path = spec.storage_prefix.as_ref().unwrap_or(&spec.resource);
        Self {
            resource: GroupResource::new(storage.group.clone(), spec.resource.clone()),
            storage: storage.kind(spec.kind.clone()),
            fields: Arc::new(FieldScan::new(&spec.selectable)),
            prefix: format!("{ROOT}{path}/"),
            objects,
            strategy,
        }
    }

    pub fn spec(&self) -> &KindSpec {
        self.strategy.spec()
    }

    pub fn is_namespaced(&self) -> bool {
        self.spec().scope == Scope::Namespaced
    }

    /// Whether it has objects in the store; reviews and what is told at each read have none.
    pub fn is_stored(&self) -> bool {
        self.strategy.virtual_create().is_none() && self.strategy.unstored().is_none()
    }

    /// How many objects there are.
    pub fn object_count(&self) -> usize {
        self.objects.len()
    }

    pub fn group_kind(&self) -> GroupKind {
        self.storage.group_kind()
    }

    /// The schema of a version (`apps/v1`), if there is such a one.
    pub(crate) fn version(&self, api_version: &str) -> Option<&SchemaRef> {
        let wanted = GroupVersion::parse(api_version)?;
        let spec = self.spec();
        let found = spec.versions.iter().find(|version| group_version(spec, version) == wanted);
        found.map(|version| &version.schema)
    }

    /// The store key of an object.
    pub fn store_key(&self, key: &ObjectKey) -> Bytes {
        let prefix = self.prefix.as_str();
        match key.namespace.as_str() {
            "" => [prefix, &key.name].concat(),
            namespace => [prefix, namespace, "/", &key.name].concat(),
        }
        .into()
    }

    /// What the store keys of a namespace's objects begin with; of all objects with an empty namespace.
    pub fn store_prefix(&self, namespace: &str) -> Bytes {
        match namespace {
            "" => self.prefix.clone(),
            namespace => [&self.prefix, namespace, "/"].concat(),
        }
        .into()
    }

    /// The key of the object that stands at this rest of a store key.
    pub fn object_key(&self, rest: &str) -> ObjectKey {
        match rest.split_once('/') {
            Some((namespace, name)) if self.is_namespaced() => ObjectKey::new(namespace, name),
            _ => ObjectKey::cluster(rest),
        }
    }

    /// The prefix without the root and the last slash.
    pub(super) fn path(&self) -> &str {
        self.prefix.strip_prefix(ROOT).unwrap_or_default().trim_end_matches('/')
    }
}

fn group_version(spec: &KindSpec, version: &VersionSpec) -> GroupVersion {
    let group: Name = version.group.clone().unwrap_or_else(|| spec.group.clone());
    GroupVersion { group, version: version.version.clone() }
}

impl Deref for Served {
    type Target = ServedVersion;

    fn deref(&self) -> &ServedVersion {
        &self.0
    }
}

impl Served {
    /// The served versions of a kind, most preferred first.
    pub fn all(kind: &Arc<Kind>) -> Vec<Self> {
        let spec = kind.spec();
        let served = spec.versions.iter().enumerate().filter(|(_, version)| version.served);
        let make = |(at, version): (usize, &VersionSpec)| {
            let group_version = group_version(spec, version);
            Self(Arc::new(ServedVersion {
                kind: kind.clone(),
                gvr: group_version.resource(spec.resource.clone()),
                gvk: group_version.kind(spec.kind.clone()),
                version: at,
            }))
        };
        served.map(make).collect()
    }
}

impl ServedVersion {
    pub fn strategy(&self) -> &Arc<dyn Strategy> {
        &self.kind.strategy
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.spec().schema
    }

    /// Whether objects are stored in this version.
    pub fn is_storage(&self) -> bool {
        self.gvk == self.kind.storage
    }

    fn spec(&self) -> &VersionSpec {
        &self.kind.spec().versions[self.version]
    }

    pub fn columns(&self) -> &[Column] {
        self.spec().columns.as_deref().unwrap_or(&self.kind.spec().columns)
    }

    pub fn subresources(&self) -> &[Subresource] {
        self.spec().subresources.as_deref().unwrap_or(&self.kind.spec().subresources)
    }

    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources().iter().find(|subresource| subresource.name == name)
    }

    /// What users of a deprecated version are told.
    pub fn deprecation(&self) -> Option<&str> {
        self.spec().deprecation.as_deref()
    }
}
