//! Label keys and values, and the annotations that share the keys' rule.

use std::collections::BTreeMap;

use super::dns::dns1123_subdomain_in_bytes;
use super::{EMPTY, Faults, invalid_each, is_framed, pattern_fault, too_many_bytes};
use crate::field::{FieldError, FieldErrors, Path};

pub const NAME_MAX: usize = 63;
pub const VALUE_MAX: usize = 63;
/// Keys and values of all annotations of an object together, in bytes.
pub const ANNOTATIONS_MAX: usize = 256 << 10;

const NAME: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const NAME_WORDS: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with \
    an alphanumeric character";
const NAME_EXAMPLES: [&str; 3] = ["MyName", "my.name", "123-abc"];
const VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const VALUE_WORDS: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' \
    or '.', and must start and end with an alphanumeric character";

fn is_name(text: &str) -> bool {
    is_framed(text, |b| b.is_ascii_alphanumeric(), |b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// `[prefix/]name`: a DNS subdomain, and up to 63 letters, digits, `-`, `_` and `.`.
/// Label keys, annotation keys, finalizers, resource names.
pub fn qualified_name(value: &str) -> Faults {
    match value.split_once('/') {
        None => name_part(value).collect(),
        Some((_, name)) if name.contains('/') => {
            let words = format!("a valid label key {NAME_WORDS}");
            let fault = pattern_fault(&words, NAME, &NAME_EXAMPLES);
            vec![format!("{fault} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")]
        }
        Some(("", name)) => [format!("prefix part {EMPTY}")].into_iter().chain(name_part(name)).collect(),
        Some((prefix, name)) => {
            let faults = dns1123_subdomain_in_bytes(prefix);
            faults.into_iter().map(|fault| format!("prefix part {fault}")).chain(name_part(name)).collect()
        }
    }
}

fn name_part(name: &str) -> impl Iterator<Item = String> {
    let length = match name.len() {
        0 => Some(EMPTY.to_owned()),
        length => (length > NAME_MAX).then(|| too_many_bytes(NAME_MAX)),
    };
    let shape = (!is_name(name)).then(|| pattern_fault(NAME_WORDS, NAME, &NAME_EXAMPLES));
    length.into_iter().chain(shape).map(|fault| format!("name part {fault}"))
}

/// Empty, or up to 63 characters of those in a name.
pub fn label_value(value: &str) -> Faults {
    let length = (value.len() > VALUE_MAX).then(|| too_many_bytes(VALUE_MAX));
    let valid = value.is_empty() || is_name(value);
    let shape = (!valid).then(|| pattern_fault(VALUE_WORDS, VALUE, &["MyValue", "my_value", "12345"]));
    length.into_iter().chain(shape).collect()
}

pub fn label_key(path: &Path, key: &str) -> FieldErrors {
    invalid_each(path, key, qualified_name(key))
}

pub fn labels(path: &Path, labels: &BTreeMap<String, String>) -> FieldErrors {
    let pairs = labels.iter();
    pairs
        .flat_map(|(key, value)| {
            [label_key(path, key), invalid_each(path, value, label_value(value))].concat()
        })
        .collect()
}

/// Keys are qualified names but for their case; the total size is bounded.
pub fn annotations(path: &Path, annotations: &BTreeMap<String, String>) -> FieldErrors {
    let keys = annotations.keys();
    let mut errors: FieldErrors =
        keys.flat_map(|key| invalid_each(path, key, qualified_name(&key.to_lowercase()))).collect();
    if annotations_size(annotations) > ANNOTATIONS_MAX {
        errors.push(FieldError::too_long(path, ANNOTATIONS_MAX));
    }
    errors
}

/// Bytes of all keys and values.
pub fn annotations_size(annotations: &BTreeMap<String, String>) -> usize {
    annotations.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// A key with a prefix: `example.com/name`.
pub fn domain_prefixed_key(path: &Path, key: &str) -> FieldErrors {
    if key.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let errors = label_key(path, key);
    if !errors.is_empty() || key.contains('/') {
        return errors;
    }
    vec![FieldError::invalid(path, key, "must be a domain-prefixed key (such as \"acme.io/foo\")")]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Upstream's cases of TestIsLabelKey.
    #[test]
    fn keys_are_qualified_names() {
        let (name, prefix) = ("b".repeat(64), "a".repeat(254));
        let longest = format!("{}/{}", &prefix[..253], &name[..63]);
        for key in [
            "simple",
            "1234",
            "now.with.dots/simple",
            "1.2.3.4/5678",
            "example.com/Uppercase_Is_OK_123",
            &longest,
        ] {
            assert_eq!(qualified_name(key), Faults::new(), "{key}");
        }
        let long_prefix = format!("{prefix}/abc");
        for key in [
            "nospecialchars%^=@",
            "cantendwithadash-",
            "-cantstartwithadash-",
            "only/one/slash",
            "Example.com/abc",
            "example_com/abc",
            "example.com/",
            "/simple",
            "",
            &name,
            &long_prefix,
        ] {
            assert!(!qualified_name(key).is_empty(), "{key}");
        }
    }

    #[test]
    fn faults_of_keys_are_worded_as_upstream_words_them() {
        let shape = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
        assert_eq!(qualified_name("a b"), [shape]);
        assert_eq!(qualified_name(""), ["name part must be non-empty", shape]);
        assert_eq!(qualified_name("/a"), ["prefix part must be non-empty"]);
        assert_eq!(qualified_name(&"a".repeat(64)), ["name part must be no more than 63 bytes"]);
        assert_eq!(
            qualified_name("a/b/c"),
            [
                "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            ]
        );
    }

    #[test]
    fn values_may_be_empty_and_are_bounded() {
        let long = "a".repeat(64);
        for value in ["simple", "end-with-num-1", "1234", "", "a_b.c", &long[..63]] {
            assert_eq!(label_value(value), Faults::new(), "{value}");
        }
        for value in ["a b", "Māori", "-a", "a-", ".a", "a.", &long] {
            assert!(!label_value(value).is_empty(), "{value}");
        }
        assert_eq!(label_value(&long), ["must be no more than 63 bytes"]);
    }

    #[test]
    fn annotations_are_bounded_together() {
        let path = Path::new("metadata.annotations");
        let of = |size: usize| BTreeMap::from([("A.b/C".to_owned(), "x".repeat(size))]);
        assert!(annotations(&path, &of(ANNOTATIONS_MAX - 5)).is_empty());
        let errors = annotations(&path, &of(ANNOTATIONS_MAX - 4));
        assert_eq!(
            errors[0].to_string(),
            "metadata.annotations: Too long: may not be more than 262144 bytes"
        );
    }
}
