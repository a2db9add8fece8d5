//! How many pods a budget's owners ask for together, and how many of them must be well.

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_api::intstr::{self, Round};
use ironclad_api::{GroupResource, GroupVersion, Object, ObjectKey};
use ironclad_client::{Cache, CachedResource};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use crate::ownership::controller_of;

const DEFINITIONS: (&str, &str) = ("apiextensions.k8s.io", "customresourcedefinitions");

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// How many pods there should be.
    pub pods: i64,
    /// How many of them must be well.
    pub healthy: i64,
    /// Whether there are pods that nobody manages, where the owners' sizes are what counts.
    pub has_unmanaged: bool,
}

impl Expected {
    /// The error is upstream's text.
    pub fn of(cache: &dyn Cache, budget: &PodDisruptionBudget, pods: &[Arc<Pod>]) -> Result<Self, String> {
        let Some(spec) = &budget.spec else { return Ok(Self::default()) };
        let count = i64::try_from(pods.len()).unwrap_or(i64::MAX);
        match (&spec.max_unavailable, &spec.min_available) {
            (Some(max), _) => {
                let (pods, has_unmanaged) = sizes(cache, pods)?;
                let healthy = pods.saturating_sub(scaled(max, pods)?).max(0);
                Ok(Self { pods, healthy, has_unmanaged })
            }
            (None, Some(IntOrString::Int(min))) => {
                Ok(Self { pods: count, healthy: (*min).into(), has_unmanaged: false })
            }
            (None, Some(min)) => {
                let (pods, has_unmanaged) = sizes(cache, pods)?;
                Ok(Self { pods, healthy: scaled(min, pods)?, has_unmanaged })
            }
            (None, None) => Ok(Self::default()),
        }
    }
}

fn scaled(amount: &IntOrString, total: i64) -> Result<i64, String> {
    let amount = match amount {
        IntOrString::Int(number) => intstr::IntOrString::Int(*number),
        IntOrString::String(text) => intstr::IntOrString::String(text.clone()),
    };
    amount.scaled(total, Round::Up).map_err(|error| error.to_string())
}

/// The sizes of all that manage the pods, added up; whether some pods have no manager.
fn sizes(cache: &dyn Cache, pods: &[Arc<Pod>]) -> Result<(i64, bool), String> {
    let mut sizes = BTreeMap::<String, i64>::new();
    let mut unmanaged = false;
    for pod in pods {
        let Some(owner) = controller_of(&pod.metadata) else {
            unmanaged = true;
            continue;
        };
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let (uid, size) = size(cache, namespace, owner)?.ok_or_else(|| {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            format!("found no controllers for pod {}", ironclad_api::goprint::quote(name))
        })?;
        sizes.insert(uid, size);
    }
    Ok((sizes.values().sum(), unmanaged))
}

/// The size of what manages a pod, under the uid of whom the size is: of a Deployment instead of its
/// ReplicaSet, so that a rollout does not count twice.
fn size(cache: &dyn Cache, namespace: &str, owner: &OwnerReference) -> Result<Option<(String, i64)>, String> {
    let version = GroupVersion::parse(&owner.api_version)
        .ok_or_else(|| format!("unexpected GroupVersion string: {}", owner.api_version))?;
    let group = if version.group == "extensions" { "apps" } else { &*version.group };
    let found = match (group, owner.kind.as_str()) {
        ("", "ReplicationController") => known(cache, "", "replicationcontrollers", namespace, owner),
        ("apps", "StatefulSet") => known(cache, "apps", "statefulsets", namespace, owner),
        ("apps", "ReplicaSet") => {
            let Some(set) = known(cache, "apps", "replicasets", namespace, owner) else { return Ok(None) };
            match controller(&set).filter(|owner| owner.kind == "Deployment") {
                Some(owner) => known(cache, "apps", "deployments", namespace, &owner),
                None => Some(set),
            }
        }
        (group, kind) => return scaled_by_subresource(cache, group, kind, namespace, owner),
    };
    Ok(found.map(|object| (object.uid().to_owned(), number(&object, &["spec", "replicas"]))))
}

fn controller(object: &Object) -> Option<OwnerReference> {
    let owners = object.metadata()?.get("ownerReferences")?.clone();
    let owners: Vec<OwnerReference> = serde_json::from_value(owners).ok()?;
    owners.into_iter().find(|owner| owner.controller == Some(true))
}

fn known(
    cache: &dyn Cache,
    group: &'static str,
    plural: &'static str,
    namespace: &str,
    owner: &OwnerReference,
) -> Option<Object> {
    named(cache, &GroupResource::new(group, plural), namespace, owner)
}

/// The object that the reference means, not another one of its name.
fn named(
    cache: &dyn Cache,
    resource: &GroupResource,
    namespace: &str,
    owner: &OwnerReference,
) -> Option<Object> {
    let object = cache.get(resource, &ObjectKey::new(namespace, owner.name.clone()))?.object();
    (object.uid() == owner.uid).then_some(object)
}

fn number(object: &Object, path: &[&str]) -> i64 {
    object.at(path).and_then(Value::as_i64).unwrap_or(0)
}

/// Anything else says its size through its scale subresource, if it has one.
fn scaled_by_subresource(
    cache: &dyn Cache,
    group: &str,
    kind: &str,
    namespace: &str,
    owner: &OwnerReference,
) -> Result<Option<(String, i64)>, String> {
    let of_kind = |cached: &CachedResource| cached.kind.kind == kind && cached.kind.group == group;
    let Some(cached) = cache.resources().into_iter().find(of_kind) else {
        return Err(format!(
            "no matches for kind {} in version {}",
            ironclad_api::goprint::quote(kind),
            ironclad_api::goprint::quote(&owner.api_version)
        ));
    };
    let resource = GroupResource::new(cached.resource.group, cached.resource.resource);
    let Some(path) = replicas_path(cache, &resource) else {
        return Err(format!("{resource} does not implement the scale subresource"));
    };
    let path: Vec<&str> = path.split('.').filter(|field| !field.is_empty()).collect();
    let object = named(cache, &resource, namespace, owner);
    Ok(object.map(|object| (object.uid().to_owned(), number(&object, &path))))
}

/// Where a custom resource has its size.
fn replicas_path(cache: &dyn Cache, resource: &GroupResource) -> Option<String> {
    let (group, plural) = DEFINITIONS;
    let key = ObjectKey::cluster(format!("{}.{}", resource.resource, resource.group));
    let definition = cache.get(&GroupResource::new(group, plural), &key)?.object();
    let versions = definition.at(&["spec", "versions"])?.as_array()?.clone();
    let mut paths = versions.iter().filter_map(|version| {
        version.pointer("/subresources/scale/specReplicasPath")?.as_str().map(str::to_owned)
    });
    paths.next()
}
