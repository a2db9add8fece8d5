//! What is asked of the API, without any HTTP in it.

use bytes::Bytes;
use ironclad_api::params::{DeleteOptions, GetOptions, ListOptions, WriteOptions};
use ironclad_api::{GroupVersionResource, Object, ObjectKey};

/// The object, collection or subresource that a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub resource: GroupVersionResource,
    /// Empty for cluster-scoped resources and for collections across all namespaces.
    pub namespace: String,
    /// Empty for collections and creates.
    pub name: String,
    /// Empty, or `status`, `scale`, `binding`, ...
    pub subresource: String,
}

impl Target {
    pub fn collection(resource: GroupVersionResource, namespace: impl Into<String>) -> Self {
        Self { resource, namespace: namespace.into(), name: String::new(), subresource: String::new() }
    }

    pub fn object(resource: GroupVersionResource, key: &ObjectKey) -> Self {
        Self {
            resource,
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            subresource: String::new(),
        }
    }

    pub fn subresource(mut self, subresource: impl Into<String>) -> Self {
        self.subresource = subresource.into();
        self
    }

    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(self.namespace.clone(), self.name.clone())
    }
}

/// An object on its way in: encoded as a client sent it, or a tree from inside.
#[derive(Clone, Debug)]
pub enum Body {
    Json(Bytes),
    Yaml(Bytes),
    Tree(Object),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 6902, `application/json-patch+json`.
    Json,
    /// RFC 7386, `application/merge-patch+json`.
    Merge,
    /// `application/strategic-merge-patch+json`.
    Strategic,
    /// Server-side apply, `application/apply-patch+yaml`.
    Apply,
}

#[derive(Clone, Debug)]
pub struct Patch {
    pub kind: PatchKind,
    pub body: Bytes,
}

#[derive(Clone, Debug)]
pub enum Operation {
    Get(GetOptions),
    List(ListOptions),
    Watch(ListOptions),
    Create(Body, WriteOptions),
    Update(Body, WriteOptions),
    Patch(Patch, WriteOptions),
    Delete(DeleteOptions),
    DeleteCollection(ListOptions, DeleteOptions),
}

impl Operation {
    /// The verb as RBAC knows it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Get(_) => "get",
            Self::List(_) => "list",
            Self::Watch(_) => "watch",
            Self::Create(..) => "create",
            Self::Update(..) => "update",
            Self::Patch(..) => "patch",
            Self::Delete(_) => "delete",
            Self::DeleteCollection(..) => "deletecollection",
        }
    }

    /// Which objects it is about, where it is about a collection.
    pub fn selection(&self) -> Option<&ListOptions> {
        match self {
            Self::List(options) | Self::Watch(options) | Self::DeleteCollection(options, _) => Some(options),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Request {
    pub target: Target,
    pub operation: Operation,
}

impl Request {
    pub fn get(target: Target) -> Self {
        Self { target, operation: Operation::Get(GetOptions::default()) }
    }

    pub fn create(target: Target, object: Object) -> Self {
        Self { target, operation: Operation::Create(Body::Tree(object), WriteOptions::default()) }
    }

    pub fn update(target: Target, object: Object) -> Self {
        Self { target, operation: Operation::Update(Body::Tree(object), WriteOptions::default()) }
    }

    pub fn patch(target: Target, kind: PatchKind, body: impl Into<Bytes>) -> Self {
        let patch = Patch { kind, body: body.into() };
        Self { target, operation: Operation::Patch(patch, WriteOptions::default()) }
    }

    pub fn delete(target: Target, options: DeleteOptions) -> Self {
        Self { target, operation: Operation::Delete(options) }
    }
}
