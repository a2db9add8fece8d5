//! Names that can stand in DNS (RFC 1035, RFC 1123).

use super::{Faults, is_framed, is_lower_or_digit, pattern_fault, too_many_bytes, too_many_characters};
use crate::field::{FieldError, FieldErrors, Path};

pub const LABEL_MAX: usize = 63;
pub const SUBDOMAIN_MAX: usize = 253;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const UNDERSCORED_SUBDOMAIN: &str = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*";
const LABEL_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const WILDCARD: &str = r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

const LABEL_WORDS: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
    and must start and end with an alphanumeric character";
const SUBDOMAIN_WORDS: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
    '-' or '.', and must start and end with an alphanumeric character";
const UNDERSCORED_WORDS: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
    characters, '_', '-' or '.', and must start and end with an alphanumeric character";
const LABEL_1035_WORDS: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start \
    with an alphabetic character, and end with an alphanumeric character";
const WILDCARD_WORDS: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS \
    subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an \
    alphanumeric character";

pub(crate) fn is_label(text: &str) -> bool {
    is_framed(text, is_lower_or_digit, |b| is_lower_or_digit(b) || b == b'-')
}

fn is_underscored_label(text: &str) -> bool {
    let text = text.strip_prefix('_').unwrap_or(text);
    is_framed(text, is_lower_or_digit, |b| is_lower_or_digit(b) || b == b'-' || b == b'_')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_label_1035(text: &str) -> bool {
    is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// A label of at most 63 characters: `my-name`, `123-abc`.
pub fn dns1123_label(value: &str) -> Faults {
    bounded(value, LABEL_MAX, too_many_characters, label_fault)
}

/// The same in the words of upstream's declarative validation.
pub fn dns1123_label_in_bytes(value: &str) -> Faults {
    bounded(value, LABEL_MAX, too_many_bytes, label_fault)
}

fn label_fault(value: &str) -> Option<String> {
    match value {
        label if is_label(label) => None,
        dotted if is_subdomain(dotted) => Some("must not contain dots".to_owned()),
        _ => Some(pattern_fault(LABEL_WORDS, LABEL, &["my-name", "123-abc"])),
    }
}

/// Labels joined by dots, at most 253 characters: `example.com`.
pub fn dns1123_subdomain(value: &str) -> Faults {
    bounded(value, SUBDOMAIN_MAX, too_many_characters, subdomain_fault)
}

/// The same in the words of upstream's declarative validation.
pub fn dns1123_subdomain_in_bytes(value: &str) -> Faults {
    bounded(value, SUBDOMAIN_MAX, too_many_bytes, subdomain_fault)
}

fn subdomain_fault(value: &str) -> Option<String> {
    (!is_subdomain(value)).then(|| pattern_fault(SUBDOMAIN_WORDS, SUBDOMAIN, &["example.com"]))
}

/// DNS search domains may contain underscores.
pub fn dns1123_subdomain_with_underscore(value: &str) -> Faults {
    bounded(value, SUBDOMAIN_MAX, too_many_characters, |value| {
        let valid = value.split('.').all(is_underscored_label);
        (!valid).then(|| pattern_fault(UNDERSCORED_WORDS, UNDERSCORED_SUBDOMAIN, &["example.com"]))
    })
}

/// A label that starts with a letter: `my-name`, `abc-123`.
pub fn dns1035_label(value: &str) -> Faults {
    bounded(value, LABEL_MAX, too_many_characters, |value| {
        (!is_label_1035(value)).then(|| pattern_fault(LABEL_1035_WORDS, LABEL_1035, &["my-name", "abc-123"]))
    })
}

/// `*.example.com` (RFC 1034 section 4.3.3).
pub fn wildcard_dns1123_subdomain(value: &str) -> Faults {
    bounded(value, SUBDOMAIN_MAX, too_many_characters, |value| {
        let valid = value.strip_prefix("*.").is_some_and(is_subdomain);
        (!valid).then(|| pattern_fault(WILDCARD_WORDS, WILDCARD, &["*.example.com"]))
    })
}

fn bounded(
    value: &str,
    limit: usize,
    too_long: fn(usize) -> String,
    malformed: impl Fn(&str) -> Option<String>,
) -> Faults {
    let length = (value.len() > limit).then(|| too_long(limit));
    length.into_iter().chain(malformed(value)).collect()
}

/// A subdomain of three segments or more (`group.example.com`): the old rule for signers
/// and finalizers of third parties.
pub fn fully_qualified_name(path: &Path, name: &str) -> FieldErrors {
    if name.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let faults = dns1123_subdomain(name);
    if !faults.is_empty() {
        return vec![FieldError::invalid(path, name, faults.join(","))];
    }
    if name.split('.').count() < 3 {
        let detail = "should be a domain with at least three segments separated by dots";
        return vec![FieldError::invalid(path, name, detail)];
    }
    FieldErrors::new()
}

/// A subdomain of two segments or more, each a label; a final dot is allowed.
pub fn fully_qualified_domain_name(path: &Path, name: &str) -> FieldErrors {
    if name.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let faults = dns1123_subdomain(name);
    if !faults.is_empty() {
        return vec![FieldError::invalid(path, name, faults.join(","))];
    }
    if name.split('.').count() < 2 {
        let detail = "should be a domain with at least two segments separated by dots";
        return vec![FieldError::invalid(path, name, detail)];
    }
    let too_long = name.split('.').map(|label| (label, dns1123_label(label))).find(|(_, f)| !f.is_empty());
    too_long.map(|(label, faults)| FieldError::invalid(path, label, faults.join(","))).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&str) -> Faults, valid: &[&str], invalid: &[&str]) {
        for value in valid {
            assert_eq!(rule(value), Faults::new(), "{value:?}");
        }
        for value in invalid {
            assert!(!rule(value).is_empty(), "{value:?}");
        }
    }

    #[test]
    fn labels_follow_rfc_1123() {
        let long = "a".repeat(64);
        check(
            dns1123_label,
            &["a", "ab", "a-1", "a--1", "0", "01", "0-a", &long[..63]],
            &["", "A", "-", "a-", "-a", "_", "a_b", ".", "a.b", " ", "a b", "é", &long],
        );
        assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
        assert_eq!(dns1123_label(&long), ["must be no more than 63 characters"]);
        assert_eq!(dns1123_label_in_bytes(&long), ["must be no more than 63 bytes"]);
        assert_eq!(
            dns1123_label("A"),
            [
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            ]
        );
    }

    #[test]
    fn subdomains_follow_rfc_1123() {
        let long = "a".repeat(254);
        check(
            dns1123_subdomain,
            &["a", "0.0.0", "a-1.b-2", "a.b.c.d.e", &long[..253]],
            &["", "A.b", ".a", "a.", "a..b", "a-.b", "a.-b", "a_b", "*.a", "1 ", &long],
        );
        assert_eq!(
            dns1123_subdomain("foo_bar"),
            [
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ]
        );
        check(dns1123_subdomain_with_underscore, &["_a.b_c", "a"], &["_", "a_.b", "A", "-a"]);
        check(wildcard_dns1123_subdomain, &["*.example.com", "*.a"], &["*", "*.*.a", "*a.b", "a.*.b", "a.b"]);
    }

    #[test]
    fn labels_of_rfc_1035_start_with_a_letter() {
        check(dns1035_label, &["a", "abc-123", "a--1"], &["", "0", "1a", "a.b", "A", "a-"]);
    }

    #[test]
    fn qualified_domains_have_enough_segments() {
        let path = Path::new("p");
        let ok = |errors: FieldErrors| errors.is_empty();
        assert!(ok(fully_qualified_name(&path, "a.b.c")) && !ok(fully_qualified_name(&path, "a.b")));
        assert!(
            ok(fully_qualified_domain_name(&path, "a.b.")) && !ok(fully_qualified_domain_name(&path, "a"))
        );
        assert_eq!(fully_qualified_domain_name(&path, "")[0].to_string(), "p: Required value");
        let long = format!("{}.b", "a".repeat(64));
        assert!(!ok(fully_qualified_domain_name(&path, &long)));
    }
}
