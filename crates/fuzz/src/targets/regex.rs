//! Patterns in Go's language, as schemas and CEL have them.

use ironclad_api::go_regex;

use super::{Target, none};

pub const TARGET: Target = Target {
    name: "regex",
    promise: "no pattern takes long to compile or to match",
    check,
    words: &[
        "(",
        ")",
        "(?i)",
        "(?P<n>",
        "(?:",
        "[",
        "]",
        "[^",
        "[[:alpha:]]",
        "\\d",
        "\\w",
        "\\s",
        "\\b",
        "\\Q",
        "\\E",
        "\\pL",
        "\\p{Greek}",
        "\\x{10FFFF}",
        "\\z",
        "{",
        "}",
        "{1000}",
        "{0,1000}",
        "{2,}",
        "*",
        "+?",
        "??",
        "|",
        "^",
        "$",
        ".",
        "-",
        "\\",
    ],
    made: none,
    short_run: 6_000,
};

fn check(input: &[u8]) {
    match go_regex::compile(&String::from_utf8_lossy(input)) {
        Ok(pattern) => drop(pattern.is_match("the quick brown fox jumps over the lazy dog 0123456789 éßΩ\n")),
        Err(error) => assert!(!error.is_empty()),
    }
}
