//! Single words: identifiers, variables, keys, headers, port names.

use super::{EMPTY, Faults, dns, fault_unless, path, pattern_fault, too_many_characters};

fn starts_and_goes_on(text: &str, first: fn(u8) -> bool, rest: fn(u8) -> bool) -> bool {
    text.as_bytes().split_first().is_some_and(|(head, tail)| first(*head) && tail.iter().all(|b| rest(*b)))
}

/// A C identifier: `my_name`.
pub fn c_identifier(value: &str) -> Faults {
    let valid = starts_and_goes_on(
        value,
        |b| b.is_ascii_alphabetic() || b == b'_',
        |b| b.is_ascii_alphanumeric() || b == b'_',
    );
    fault_unless(valid, || {
        let words = "a valid C identifier must start with alphabetic character or '_', followed by a string of \
            alphanumeric characters or '_'";
        pattern_fault(words, "[A-Za-z_][A-Za-z0-9_]*", &["my_name", "MY_NAME", "MyName"])
    })
}

/// A variable's name in a container: printable ASCII but `=`.
pub fn env_var_name(value: &str) -> Faults {
    if value.is_empty() {
        return vec![format!("environment variable name {EMPTY}")];
    }
    let valid = value.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=');
    fault_unless(valid, || {
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
            .to_owned()
    })
}

/// The stricter rule of before 1.34, by which `envFrom` still skips keys.
pub fn strict_env_var_name(value: &str) -> Faults {
    let first = |b: u8| b.is_ascii_alphabetic() || b"-._".contains(&b);
    let valid = starts_and_goes_on(value, first, |b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let shape = fault_unless(valid, || {
        let words = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or \
            '.', and must not start with a digit";
        pattern_fault(words, "[-._a-zA-Z][-._a-zA-Z0-9]*", &["my.env-name", "MY_ENV.NAME", "MyEnvName1"])
    });
    shape.into_iter().chain(path::parent_folder(value)).collect()
}

/// A key of a ConfigMap's or Secret's data.
pub fn config_map_key(value: &str) -> Faults {
    let length = (value.len() > dns::SUBDOMAIN_MAX).then(|| too_many_characters(dns::SUBDOMAIN_MAX));
    let valid = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let shape = (!valid).then(|| {
        let words = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
        pattern_fault(words, "[-._a-zA-Z0-9]+", &["key.name", "KEY_NAME", "key-name"])
    });
    length.into_iter().chain(shape).chain(path::parent_folder(value)).collect()
}

/// A header of an HTTP probe.
pub fn http_header_name(value: &str) -> Faults {
    let valid = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    fault_unless(valid, || {
        let words = "a valid HTTP header must consist of alphanumeric characters or '-'";
        pattern_fault(words, "[-A-Za-z0-9]+", &["X-Header-Name"])
    })
}

/// An IANA service name (RFC 6335), in lower case.
pub fn port_name(value: &str) -> Faults {
    let charset = !value.is_empty() && value.bytes().all(|b| super::is_lower_or_digit(b) || b == b'-');
    let checks = [
        (value.len() <= 15, "must be no more than 15 characters"),
        (charset, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"),
        (value.bytes().any(|b| b.is_ascii_lowercase()), "must contain at least one letter (a-z)"),
        (!value.contains("--"), "must not contain consecutive hyphens"),
        (!value.starts_with('-') && !value.ends_with('-'), "must not begin or end with a hyphen"),
    ];
    checks.into_iter().filter(|(holds, _)| !holds).map(|(_, fault)| fault.to_owned()).collect()
}

/// `25%`
pub fn percent(value: &str) -> Faults {
    let digits = value.strip_suffix('%').unwrap_or_default();
    let valid = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    fault_unless(valid, || {
        let words = "a valid percent string must be a numeric string followed by an ending '%'";
        pattern_fault(words, "[0-9]+%", &["1%", "93%"])
    })
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
    fn words_are_valid_or_not() {
        check(c_identifier, &["a", "_A1"], &["", "1a", "a-b", "é"]);
        check(env_var_name, &["A", "1a", "a b", "-", "a%"], &["", "a=b", "é", "a\n"]);
        check(strict_env_var_name, &["A", "a.b-c_d", ".a"], &["", "1a", "a b", ".", "..", "..a"]);
        let long = "a".repeat(254);
        check(
            config_map_key,
            &["a", "1", ".a", "a.b_c-d", &long[..253]],
            &["", ".", "..", "..a", "a/b", "a b", &long],
        );
        check(http_header_name, &["X-A", "1"], &["", "A_B", "a b"]);
        check(
            port_name,
            &["a", "http", "123a", "a-b"],
            &["", "A", "-a", "a-", "a--b", "1", "abcdefghijklmnop"],
        );
        check(percent, &["0%", "100%", "99999%"], &["", "%", "1", "-1%", "1.5%", "1%%"]);
    }

    #[test]
    fn faults_are_worded_as_upstream_words_them() {
        assert_eq!(config_map_key("..a"), ["must not start with '..'"]);
        assert_eq!(
            config_map_key("a b"),
            [
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
            ]
        );
        assert_eq!(port_name("1"), ["must contain at least one letter (a-z)"]);
        assert_eq!(env_var_name(""), ["environment variable name must be non-empty"]);
    }
}
