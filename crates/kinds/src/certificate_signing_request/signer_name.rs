//! `example.com/signer-name`: a domain and a path.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::goprint::quote;
use ironclad_api::validation::Faults;
use ironclad_api::validation::dns::{LABEL_MAX, SUBDOMAIN_MAX, dns1123_label, dns1123_subdomain};

/// A domain, a slash, and a path that a namespace and a name fit in.
const LONGEST: usize = SUBDOMAIN_MAX + 1 + (SUBDOMAIN_MAX + LABEL_MAX + 1);

pub(super) fn validate(name: &str, path: &Path) -> FieldErrors {
    if name.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let parts = name.split_once('/').filter(|(_, rest)| !rest.contains('/'));
    let Some((domain, rest)) = parts else {
        let detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return vec![FieldError::invalid(path, name, detail)];
    };
    let mut errors = FieldErrors::new();
    if domain.len() > SUBDOMAIN_MAX {
        errors.push(FieldError::too_long(path, SUBDOMAIN_MAX));
    }
    errors.extend(labels(domain, dns1123_label, path));
    if !domain.contains('.') {
        let detail = "should be a domain with at least two segments separated by dots";
        errors.push(FieldError::invalid(path, domain, detail));
    }
    errors.extend(labels(rest, dns1123_subdomain, path));
    if name.len() > LONGEST {
        errors.push(FieldError::too_long(path, LONGEST));
    }
    errors
}

/// The faults of the first label that has any.
fn labels(text: &str, rule: fn(&str) -> Faults, path: &Path) -> FieldErrors {
    let faulty = text.split('.').map(|label| (label, rule(label))).find(|(_, faults)| !faults.is_empty());
    let (label, faults) = faulty.unwrap_or_default();
    let each = faults.into_iter().map(|fault| format!("validating label {}: {fault}", quote(label)));
    each.map(|detail| FieldError::invalid(path, text, detail)).collect()
}
