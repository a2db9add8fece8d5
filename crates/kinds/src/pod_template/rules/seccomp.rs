//! Filters of system calls, as fields and as annotations of old.

use ironclad_api::{FieldError, Path};
use k8s_openapi::api::core::v1 as core;

use super::{Errors, paths, required_one_of};
use crate::go_form;

pub(super) const POD_KEY: &str = "seccomp.security.alpha.kubernetes.io/pod";
pub(super) const CONTAINER_PREFIX: &str = "container.seccomp.security.alpha.kubernetes.io/";
const TYPES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];
const LOCALHOST: &str = "localhost/";
const OTHER_TYPE: &str = "seccomp type in annotation and field must match";

pub(super) fn profile(profile: Option<&core::SeccompProfile>, path: &Path) -> Errors {
    let Some(profile) = profile else { return Errors::new() };
    let at = path.child("type");
    let mut errors: Errors = match profile.type_.as_str() {
        "" => vec![FieldError::required(&at, "type is required when seccompProfile is set")],
        kind => required_one_of(&at, kind, &TYPES).into_iter().collect(),
    };
    let at = path.child("localhostProfile");
    match (profile.type_ == "Localhost", &profile.localhost_profile) {
        (true, None) => errors.push(FieldError::required(&at, "must be set when seccomp type is Localhost")),
        (true, Some(file)) => errors.extend(paths::descending(file, &at)),
        (false, Some(_)) => {
            let detail = "can only be set when seccomp type is Localhost";
            errors.push(FieldError::invalid(&at, go_form::compact("SeccompProfile", profile), detail));
        }
        (false, None) => {}
    }
    errors
}

/// The text of an annotation.
pub(super) fn annotation(text: &str, path: &Path) -> Errors {
    match text {
        "runtime/default" | "docker/default" | "unconfined" => Errors::new(),
        text => match text.strip_prefix(LOCALHOST) {
            Some(file) => paths::descending(file, path),
            None => vec![FieldError::invalid(path, text, "must be a valid seccomp profile")],
        },
    }
}

/// An annotation beside a field says the same.
pub(super) fn matches(text: &str, profile: &core::SeccompProfile, path: &Path) -> Option<FieldError> {
    let same_type = match profile.type_.as_str() {
        "Unconfined" => text == "unconfined",
        "RuntimeDefault" => matches!(text, "runtime/default" | "docker/default"),
        "Localhost" => text.starts_with(LOCALHOST),
        _ => true,
    };
    if !same_type {
        return Some(FieldError::forbidden(&path.child("type"), OTHER_TYPE));
    }
    let same_file =
        profile.type_ != "Localhost" || text.strip_prefix(LOCALHOST) == profile.localhost_profile.as_deref();
    let detail = "seccomp profile in annotation and field must match";
    (!same_file).then(|| FieldError::forbidden(&path.child("localhostProfile"), detail))
}
