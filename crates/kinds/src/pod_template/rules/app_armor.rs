//! AppArmor profiles, as fields and as annotations of old (KEP-24).

use ironclad_api::{FieldError, Path};
use k8s_openapi::api::core::v1 as core;

use super::{Errors, required_one_of};

pub(super) const CONTAINER_PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
const TYPES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];
const LOCALHOST: &str = "localhost/";
/// A path's longest length but one.
const MAX_PROFILE: usize = 4095;
const NO_PROFILE: &str = "must be set when AppArmor type is Localhost";

pub(super) fn profile(profile: Option<&core::AppArmorProfile>, path: &Path) -> Errors {
    let Some(profile) = profile else { return Errors::new() };
    let at = path.child("localhostProfile");
    match (profile.type_.as_str(), profile.localhost_profile.as_deref()) {
        ("Localhost", None) => vec![FieldError::required(&at, NO_PROFILE)],
        ("Localhost", Some(name)) => local(name, &at),
        ("RuntimeDefault" | "Unconfined", Some(name)) => {
            vec![FieldError::invalid(&at, name, "can only be set when AppArmor type is Localhost")]
        }
        ("", _) => {
            vec![FieldError::required(&path.child("type"), "type is required when appArmorProfile is set")]
        }
        (kind, _) => required_one_of(&path.child("type"), kind, &TYPES).into_iter().collect(),
    }
}

fn local(name: &str, path: &Path) -> Errors {
    let mut errors = Errors::new();
    if name.trim() != name {
        errors.push(FieldError::invalid(path, name, "must not be padded with whitespace"));
    } else if name.is_empty() {
        errors.push(FieldError::required(path, NO_PROFILE));
    }
    if name.len() > MAX_PROFILE {
        errors.push(FieldError::too_long(path, MAX_PROFILE));
    }
    errors
}

/// What is wrong with an annotation's text.
pub(super) fn annotation(text: &str) -> Option<String> {
    let known = matches!(text, "" | "runtime/default" | "unconfined") || text.starts_with(LOCALHOST);
    (!known).then(|| format!("invalid AppArmor profile name: {}", ironclad_api::goprint::quote(text)))
}

/// An annotation beside a field says the same.
pub(super) fn matches(text: &str, profile: &core::AppArmorProfile, path: &Path) -> Option<FieldError> {
    let same_type = match profile.type_.as_str() {
        "Unconfined" => text == "unconfined",
        "RuntimeDefault" => text == "runtime/default",
        "Localhost" => text.starts_with(LOCALHOST),
        _ => true,
    };
    if !same_type {
        let detail = "apparmor type in annotation and field must match";
        return Some(FieldError::forbidden(&path.child("type"), detail));
    }
    let same_name =
        profile.type_ != "Localhost" || text.strip_prefix(LOCALHOST) == profile.localhost_profile.as_deref();
    let detail = "apparmor profile in annotation and field must match";
    (!same_name).then(|| FieldError::forbidden(&path.child("localhostProfile"), detail))
}
