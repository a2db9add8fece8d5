//! What containers and pods ask for, and are limited to.

use std::collections::BTreeMap;

use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Path};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use super::claims::container_claims;
use super::scene::Scene;
use super::{Errors, items, text};
use crate::pod_template::container_resources::{
    Amounts, Part, Role, aggregate, amounts, huge_page_size, is_huge_page, is_pod_level, may_overcommit,
};
use crate::resource_names;

const COMPUTE: [&str; 2] = ["cpu", "memory"];

type NameRule = fn(&str, &Path) -> Errors;
type Texts = BTreeMap<String, Text>;

pub(super) fn of_container(resources: &core::ResourceRequirements, scene: &Scene<'_>, path: &Path) -> Errors {
    let mut errors = requirements(
        resources.limits.as_ref(),
        resources.requests.as_ref(),
        resource_names::container_resource,
        path,
    );
    errors.extend(container_claims(items(&resources.claims), scene, &path.child("claims")));
    errors
}

/// What running the pod costs beyond its containers.
pub(crate) fn overhead(overhead: &Texts, path: &Path) -> Errors {
    requirements(Some(overhead), None, resource_names::container_resource, path)
}

fn requirements(limits: Option<&Texts>, requests: Option<&Texts>, name: NameRule, path: &Path) -> Errors {
    let (limits, requests) = (amounts(limits), amounts(requests));
    let (limits_path, requests_path) = (path.child("limits"), path.child("requests"));
    let mut errors = Errors::new();
    for (resource, amount) in &limits {
        let path = limits_path.key(resource);
        errors.extend(name(resource, &path));
        errors.extend(resource_names::amount(resource, amount, &path));
        errors.extend(whole_pages(resource, amount, &path));
    }
    for (resource, amount) in &requests {
        let path = requests_path.key(resource);
        errors.extend(name(resource, &path));
        errors.extend(resource_names::amount(resource, amount, &path));
        errors.extend(within_limit(resource, amount, limits.get(resource), &requests_path, &limits_path));
        errors.extend(whole_pages(resource, amount, &path));
    }
    let mut names = limits.keys().chain(requests.keys());
    let has_pages = names.clone().any(|name| is_huge_page(name));
    if has_pages && !names.any(|name| COMPUTE.contains(&name.as_str())) {
        errors.push(FieldError::forbidden(path, "HugePages require cpu or memory"));
    }
    errors
}

/// A request is at most its limit, and is its limit where the node cannot lend.
fn within_limit(
    resource: &str,
    request: &Quantity,
    limit: Option<&Quantity>,
    requests: &Path,
    limits: &Path,
) -> Option<FieldError> {
    let lends = may_overcommit(resource);
    match limit {
        Some(limit) if !lends && request != limit => {
            let detail = format!("must be equal to {resource} limit of {limit}");
            Some(FieldError::invalid(requests, request.to_string(), detail))
        }
        Some(limit) if request > limit => {
            let detail = format!("must be less than or equal to {resource} limit of {limit}");
            Some(FieldError::invalid(requests, request.to_string(), detail))
        }
        None if !lends => {
            Some(FieldError::required(limits, "Limit must be set for non overcommitable resources"))
        }
        _ => None,
    }
}

fn whole_pages(resource: &str, amount: &Quantity, path: &Path) -> Option<FieldError> {
    if !is_huge_page(resource) {
        return None;
    }
    let size = huge_page_size(resource).filter(|size| size.sign() > 0 && size.milli_value() % 1000 == 0);
    let divides = size.is_some_and(|size| amount.value() % size.value() == 0);
    let detail = format!("{amount} is not positive integer multiple of {resource}");
    (!divides).then(|| FieldError::invalid(path, amount.to_string(), detail))
}

// === names ===

fn pod_resource(name: &str, path: &Path) -> Errors {
    let errors = resource_names::resource(name, path);
    if errors.is_empty() && !is_pod_level(name) {
        return vec![FieldError::not_supported(path, name, ["cpu", "hugepages-", "memory"])];
    }
    errors
}

// === the pod as a whole (KEP-2837) ===

pub(super) fn pod_level(scene: &Scene<'_>, path: &Path) -> Errors {
    let Some(resources) = &scene.spec.resources else { return Errors::new() };
    let path = path.child("resources");
    if scene.os() == Some("windows") {
        return vec![FieldError::forbidden(&path, "may not be set for a windows pod")];
    }
    let mut errors = Errors::new();
    if resources.claims.is_some() {
        let detail = "claims may not be set for Resources at pod-level";
        errors.push(FieldError::forbidden(&path.child("claims"), detail));
    }
    errors.extend(requirements(resources.limits.as_ref(), resources.requests.as_ref(), pod_resource, &path));
    errors.extend(container_claims(items(&resources.claims), scene, &path.child("claims")));
    errors.extend(covers_containers(scene, resources, &path));
    errors
}

/// The pod's amounts hold those of its containers.
fn covers_containers(scene: &Scene<'_>, of_pod: &core::ResourceRequirements, path: &Path) -> Errors {
    let (limits, requests) = (amounts(of_pod.limits.as_ref()), amounts(of_pod.requests.as_ref()));
    let mut errors = Errors::new();
    for (name, together) in aggregate(parts(scene, |resources| resources.requests.as_ref())) {
        if let Some(given) = requests.get(&name).filter(|given| together > **given) {
            let detail =
                format!("must be greater than or equal to aggregate container requests of {together}");
            errors.push(FieldError::invalid(&path.child("requests").key(&name), given.to_string(), detail));
        }
    }
    for (name, together) in aggregate(parts(scene, |resources| resources.limits.as_ref())) {
        if let Some(given) = limits.get(&name).filter(|given| is_huge_page(&name) && together > **given) {
            let detail = format!("must be greater than or equal to aggregate container limits of {together}");
            errors.push(FieldError::invalid(&path.child("limits").key(&name), given.to_string(), detail));
        }
    }
    for (index, container) in scene.spec.containers.iter().enumerate() {
        let own = amounts(container.resources.as_ref().and_then(|resources| resources.limits.as_ref()));
        for (name, limit) in own {
            if let Some(given) = limits.get(&name).filter(|given| limit > **given) {
                let path = path.child("containers").index(index).key(&name).child("limits");
                let detail = format!("must be less than or equal to pod limits of {given}");
                errors.push(FieldError::invalid(&path, limit.to_string(), detail));
            }
        }
    }
    errors
}

fn parts<'a>(
    scene: &'a Scene<'_>,
    list: fn(&core::ResourceRequirements) -> Option<&Texts>,
) -> impl Iterator<Item = Part> + 'a {
    let of = move |container: &core::Container| -> Amounts {
        amounts(container.resources.as_ref().and_then(list))
    };
    let regular = scene
        .spec
        .containers
        .iter()
        .map(move |container| Part { amounts: of(container), role: Role::Regular });
    let initial = scene.init_containers().iter().map(move |container| {
        let sidecar = text(&container.restart_policy) == "Always";
        Part { amounts: of(container), role: if sidecar { Role::Sidecar } else { Role::Init } }
    });
    regular.chain(initial)
}
