//! Claims of devices (dynamic resource allocation, KEP-4381).

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use super::scene::Scene;
use super::{Errors, items, text};
use crate::go_form;

/// Bytes of names in one error.
const LONGEST_LIST: usize = 1024;

/// `spec.resourceClaims`
pub(super) fn pod_claims(scene: &Scene<'_>, path: &Path) -> Errors {
    let mut errors = Errors::new();
    let mut names = BTreeSet::new();
    for (index, claim) in items(&scene.spec.resource_claims).iter().enumerate() {
        if scene.owner.is_mirror() {
            let detail = "static pods do not support resource claims";
            errors.push(FieldError::forbidden(&Path::root(), detail));
            continue;
        }
        let path = path.index(index);
        let name = path.child("name");
        match claim.name.as_str() {
            "" => errors.push(FieldError::required(&name, "")),
            given if !names.insert(given) => errors.push(FieldError::duplicate(&name, given)),
            given => errors.extend(validation::invalid_each(&name, given, validation::dns1123_label(given))),
        }
        errors.extend(source(claim, &path));
    }
    errors
}

fn source(claim: &core::PodResourceClaim, path: &Path) -> Errors {
    let (name, template) = (&claim.resource_claim_name, &claim.resource_claim_template_name);
    let fault = match (name, template) {
        (Some(_), Some(_)) => {
            Some("at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")
        }
        (None, None) => Some("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
        _ => None,
    };
    let mut errors: Errors = fault
        .into_iter()
        .map(|fault| FieldError::invalid(path, go_form::compact("PodResourceClaim", claim), fault))
        .collect();
    for (field, given) in [("resourceClaimName", name), ("resourceClaimTemplateName", template)] {
        if let Some(given) = given {
            let faults = validation::dns1123_subdomain(given);
            errors.extend(validation::invalid_each(&path.child(field), given, faults));
        }
    }
    errors
}

/// `resources.claims` of a container: each names one of the pod's, once.
pub(super) fn container_claims(claims: &[core::ResourceClaim], scene: &Scene<'_>, path: &Path) -> Errors {
    let mut errors = Errors::new();
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (index, claim) in claims.iter().enumerate() {
        let path = path.index(index);
        let (name, request) = (claim.name.as_str(), text(&claim.request));
        if name.is_empty() {
            errors.push(FieldError::required(&path, ""));
            continue;
        }
        errors.extend(repeated(name, request, &mut seen, &path));
        if !scene.claims.contains(name) {
            let mut missing = FieldError::not_found(&path, name);
            missing.detail = match scene.claims.is_empty() {
                true => "must be one of the names in pod.spec.resourceClaims which is empty".to_owned(),
                false => format!("must be one of the names in pod.spec.resourceClaims: {}", known(scene)),
            };
            errors.push(missing);
        }
    }
    errors
}

/// The names of the pod's claims. They are told with every claim that is none of them, so that
/// all of tens of thousands would be more than fits into memory.
fn known(scene: &Scene<'_>) -> String {
    let mut room = LONGEST_LIST;
    let fits = |name: &&&str| {
        room = room.saturating_sub(name.len());
        room > 0
    };
    let mut names: Vec<&str> = scene.claims.iter().take_while(fits).copied().collect();
    if names.len() < scene.claims.len() {
        names.push("...");
    }
    names.join(", ")
}

/// A claim as a whole covers each of its requests.
fn repeated<'a>(
    name: &'a str,
    request: &'a str,
    seen: &mut BTreeSet<(&'a str, &'a str)>,
    path: &Path,
) -> Errors {
    if seen.contains(&(name, "")) {
        return vec![FieldError::duplicate(path, name)];
    }
    let mut errors = Errors::new();
    if request.is_empty() {
        let requested = seen.iter().filter(|(seen, _)| *seen == name);
        errors.extend(requested.map(|_| FieldError::duplicate(path, name)));
    } else {
        let faults = validation::dns1123_label(request);
        errors.extend(validation::invalid_each(&path.child("request"), request, faults));
        if seen.contains(&(name, request)) {
            errors.push(FieldError::duplicate(path, format!("{name}/{request}")));
        }
    }
    seen.insert((name, request));
    errors
}
