//! Projected volumes: several sources in one folder.
//!
//! The sources `clusterTrustBundle` and `podCertificate` have no rules here: their features are off,
//! and [`gates`](crate::pod_template::gates) drops them.

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Path};
use k8s_openapi::api::core::v1 as core;

use super::{Errors, items, paths, required, text, volumes};

const TWO_FILES: &str = "conflicting duplicate paths";
const MIN_TOKEN_SECONDS: i64 = 600;
const MAX_TOKEN_SECONDS: i64 = 1 << 32;

pub(super) fn projected(source: &core::ProjectedVolumeSource, path: &Path) -> Errors {
    let mut errors: Errors =
        paths::mode(source.default_mode, &path.child("defaultMode")).into_iter().collect();
    let mut files = BTreeSet::new();
    for (index, source) in items(&source.sources).iter().enumerate() {
        let at = path.child("sources").index(index);
        if let Some(secret) = &source.secret {
            let keys = Keys { name: &secret.name, items: items(&secret.items) };
            errors.extend(keys.validate(&mut files, &at.child("secret"), path));
        }
        if let Some(map) = &source.config_map {
            let keys = Keys { name: &map.name, items: items(&map.items) };
            errors.extend(keys.validate(&mut files, &at.child("configMap"), path));
        }
        for file in source.downward_api.iter().flat_map(|downward| items(&downward.items)) {
            errors.extend(volumes::downward_file(file, &at.child("downwardAPI")));
            errors.extend(taken(&file.path, &file.path, &mut files, path));
        }
        if let Some(token) = &source.service_account_token {
            errors.extend(self::token(token, &at.child("serviceAccountToken"), path));
        }
        let given = [
            source.secret.is_some(),
            source.config_map.is_some(),
            source.downward_api.is_some(),
            source.service_account_token.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() > 1 {
            let detail = "may not specify more than 1 volume type per source";
            errors.push(FieldError::forbidden(&at, detail));
        }
    }
    errors
}

struct Keys<'a> {
    name: &'a str,
    items: &'a [core::KeyToPath],
}

impl<'a> Keys<'a> {
    fn validate(&self, files: &mut BTreeSet<&'a str>, path: &Path, volume: &Path) -> Errors {
        let mut errors: Errors = required(path, "name", self.name).into_iter().collect();
        errors.extend(volumes::keys(self.items, &path.child("items")));
        for key in self.items {
            errors.extend(taken(&key.path, self.name, files, volume));
        }
        errors
    }
}

/// Two sources cannot write one file; `shown` is what upstream prints of the second.
fn taken<'a>(file: &'a str, shown: &str, files: &mut BTreeSet<&'a str>, path: &Path) -> Option<FieldError> {
    let new = file.is_empty() || files.insert(file);
    (!new).then(|| FieldError::invalid(path, shown, TWO_FILES))
}

/// Upstream tells of the path without the source (`volume`).
fn token(token: &core::ServiceAccountTokenProjection, path: &Path, volume: &Path) -> Errors {
    let at = path.child("expirationSeconds");
    let seconds = token.expiration_seconds.unwrap_or(0);
    let fault = match seconds {
        ..MIN_TOKEN_SECONDS => Some("may not specify a duration less than 10 minutes"),
        MIN_TOKEN_SECONDS..=MAX_TOKEN_SECONDS => None,
        _ => Some("may not specify a duration larger than 2^32 seconds"),
    };
    let mut errors: Errors =
        fault.into_iter().map(|fault| FieldError::invalid(&at, seconds, fault)).collect();
    errors.extend(required(volume, "path", &token.path));
    errors.extend(paths::unreserved(&token.path, &volume.child("path")));
    errors
}

/// A pod without a service account has no tokens.
pub(super) fn tokens_without_account(spec: &core::PodSpec, path: &Path) -> Errors {
    if !text(&spec.service_account_name).is_empty() {
        return Errors::new();
    }
    let mut errors = Errors::new();
    for (at, volume) in items(&spec.volumes).iter().enumerate() {
        let sources =
            volume.projected.as_ref().map(|projected| items(&projected.sources)).unwrap_or_default();
        for (index, source) in sources.iter().enumerate() {
            if source.service_account_token.is_some() {
                let path = path.child("volumes").index(at).child("projected.sources").index(index);
                let detail = "must not be specified when serviceAccountName is not set";
                errors.push(FieldError::forbidden(&path.child("serviceAccountToken"), detail));
            }
        }
    }
    errors
}
