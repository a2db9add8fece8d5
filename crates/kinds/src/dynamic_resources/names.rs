//! The names of drivers, pools, devices, attributes and requests.

use std::collections::{BTreeMap, BTreeSet};

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::dns::{dns1123_label, dns1123_subdomain};
use ironclad_api::validation::word::c_identifier;
use ironclad_api::validation::{invalid_each, label};
use k8s_openapi::api::resource::v1 as resource;

use super::slice;

pub(super) const LONGEST_DRIVER: usize = 63;
const LONGEST_POOL: usize = 253;
pub(super) const LONGEST_IDENTIFIER: usize = 32;
/// A domain, a slash and an identifier.
pub(super) const LONGEST_QUALIFIED: usize = LONGEST_DRIVER + 1 + LONGEST_IDENTIFIER;

/// As a CSI driver is named.
pub(super) fn driver(name: &str, path: &Path) -> FieldErrors {
    if name.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let mut errors = FieldErrors::new();
    if name.len() > LONGEST_DRIVER {
        errors.push(FieldError::too_long(path, LONGEST_DRIVER));
    }
    errors.extend(invalid_each(path, name, dns1123_subdomain(&name.to_lowercase())));
    errors
}

/// Subdomains joined by slashes.
pub(super) fn pool(name: &str, path: &Path) -> FieldErrors {
    if name.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let mut errors = FieldErrors::new();
    if name.len() > LONGEST_POOL {
        errors.push(FieldError::too_long(path, LONGEST_POOL));
    }
    errors.extend(name.split('/').flat_map(|part| invalid_each(path, part, dns1123_subdomain(part))));
    errors
}

/// Devices, requests and counters.
pub(super) fn short(name: &str, path: &Path) -> FieldErrors {
    invalid_each(path, name, dns1123_label(name))
}

pub(super) fn device_class(name: &str, path: &Path) -> FieldErrors {
    match name {
        "" => vec![FieldError::required(path, "")],
        name => invalid_each(path, name, dns1123_subdomain(name)),
    }
}

/// An identifier, with a domain before it or without.
pub(super) fn qualified(name: &str, path: &Path) -> FieldErrors {
    let Some((domain, identifier)) = name.split_once('/') else { return self::identifier(name, path) };
    // As upstream: what has more slashes passes.
    if identifier.contains('/') {
        return FieldErrors::new();
    }
    let mut errors = match domain {
        "" => vec![FieldError::invalid(path, "", "the domain must not be empty")],
        domain => driver(domain, path),
    };
    match identifier {
        "" => errors.push(FieldError::invalid(path, "", "the name must not be empty")),
        identifier => errors.extend(self::identifier(identifier, path)),
    }
    errors
}

pub(super) fn fully_qualified(name: &str, path: &Path) -> FieldErrors {
    let mut errors = qualified(name, path);
    if !name.contains('/') {
        let detail = "a fully qualified name must be a domain and a name separated by a slash";
        errors.push(FieldError::invalid(path, name, detail));
    }
    errors
}

fn identifier(name: &str, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if name.len() > LONGEST_IDENTIFIER {
        errors.push(FieldError::too_long(path, LONGEST_IDENTIFIER));
    }
    errors.extend(invalid_each(path, name, c_identifier(name)));
    errors
}

pub(super) fn label_value(value: &str, path: &Path) -> FieldErrors {
    invalid_each(path, value, label::label_value(value))
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`
pub(super) fn uid(uid: &str, path: &Path) -> FieldErrors {
    let bytes = uid.as_bytes();
    let is_dash = |index: usize| [8, 13, 18, 23].contains(&index);
    let shape = |hex: fn(&u8) -> bool| {
        bytes.len() == 36
            && bytes.iter().enumerate().all(|(index, b)| if is_dash(index) { *b == b'-' } else { hex(b) })
    };
    let detail = if shape(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()) {
        return FieldErrors::new();
    } else if shape(u8::is_ascii_hexdigit) {
        "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase \
         hexadecimal characters"
            .to_owned()
    } else if bytes.len() == 36 {
        "error validating uid: invalid UUID format".to_owned()
    } else {
        format!("error validating uid: invalid UUID length: {}", bytes.len())
    };
    vec![FieldError::invalid(path, uid, detail)]
}

/// The requests of a claim by name, each with the names of its alternatives.
pub(super) struct RequestNames<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> RequestNames<'a> {
    pub(super) fn of(claim: &'a resource::DeviceClaim) -> Self {
        let names = slice(&claim.requests).iter().map(|request| {
            let alternatives = slice(&request.first_available).iter();
            (request.name.as_str(), alternatives.map(|each| each.name.as_str()).collect())
        });
        Self(names.collect())
    }

    fn has(&self, name: &str) -> bool {
        let (request, alternative) = name.split_once('/').map_or((name, None), |(a, b)| (a, Some(b)));
        self.0.get(request).is_some_and(|known| alternative.is_none_or(|name| known.contains(name)))
    }

    /// `request` or `request/alternative` of this claim.
    pub(super) fn validate(&self, name: &str, path: &Path) -> FieldErrors {
        let unknown = || {
            let detail = "must be the name of a request in the claim or the name of a request and a subrequest \
                          separated by '/'";
            FieldError::invalid(path, name, detail)
        };
        let parts: Vec<&str> = name.split('/').collect();
        if parts.len() > 2 {
            return vec![unknown()];
        }
        let mut errors: FieldErrors = parts.iter().flat_map(|part| short(part, path)).collect();
        if !self.has(name) {
            errors.push(unknown());
        }
        errors
    }
}
