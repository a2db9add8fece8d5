//! Names inside URLs and file systems.

use super::{Faults, dns, invalid_each, pattern_fault};
use crate::field::{FieldError, FieldErrors, Path};

const HTTP_PATH: &str = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+";

/// A name that can be one segment of a URL.
pub fn path_segment_name(name: &str) -> Faults {
    match name {
        "." | ".." => vec![format!("may not be '{name}'")],
        _ => path_segment_prefix(name),
    }
}

/// The beginning of such a name.
pub fn path_segment_prefix(name: &str) -> Faults {
    let banned = ["/", "%"].into_iter().filter(|banned| name.contains(banned));
    banned.map(|banned| format!("may not contain '{banned}'")).collect()
}

/// Keys that become file names must not climb out of their folder.
pub(super) fn parent_folder(name: &str) -> Option<String> {
    match name {
        "." => Some("must not be '.'".to_owned()),
        ".." => Some("must not be '..'".to_owned()),
        _ => name.starts_with("..").then(|| "must not start with '..'".to_owned()),
    }
}

/// A domain and an HTTP path: `acme.io/foo`.
pub fn domain_prefixed_path(path: &Path, value: &str) -> FieldErrors {
    if value.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let parts = value.split_once('/').filter(|(host, rest)| !host.is_empty() && !rest.is_empty());
    let Some((host, rest)) = parts else {
        let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        return vec![FieldError::invalid(path, value, detail)];
    };
    let mut errors = invalid_each(path, host, dns::dns1123_subdomain(host));
    let allowed = |b: u8| b.is_ascii_alphanumeric() || br"/-._~%!$&'()*+,;=:".contains(&b);
    if !rest.bytes().all(allowed) {
        errors.push(FieldError::invalid(path, rest, pattern_fault("Invalid path", HTTP_PATH, &[])));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_of_urls_are_checked() {
        let check = |name: &str, want: &[&str]| assert_eq!(path_segment_name(name), want);
        check("a.b:c", &[]);
        check(".", &["may not be '.'"]);
        check("a/b%", &["may not contain '/'", "may not contain '%'"]);
    }

    #[test]
    fn prefixed_paths_have_a_domain_and_a_path() {
        let check = |value: &str, valid: bool| {
            assert_eq!(domain_prefixed_path(&Path::new("p"), value).is_empty(), valid, "{value}");
        };
        check("acme.io/foo/bar%20", true);
        check("acme.io/", false);
        check("/foo", false);
        check("acme", false);
        check("", false);
        check("Acme/foo", false);
        check("acme.io/a b", false);
    }
}
