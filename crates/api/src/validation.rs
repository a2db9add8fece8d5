//! Rules for names and values that many kinds share. Each function takes a value and
//! returns what is wrong with it in upstream's words; an empty list means valid.

pub mod condition;
pub mod dns;
pub mod ip;
pub mod label;
pub mod meta;
pub mod name;
pub mod number;
pub mod path;
pub mod word;

pub use dns::{dns1035_label, dns1123_label, dns1123_subdomain};
pub use label::{label_value, qualified_name};

/// What is wrong with a value, one sentence each.
pub type Faults = Vec<String>;

use crate::field::{FieldError, FieldErrors, Path};

/// An `Invalid` error at `path` for each fault.
pub fn invalid_each(path: &Path, value: &str, faults: Faults) -> FieldErrors {
    faults.into_iter().map(|fault| FieldError::invalid(path, value, fault)).collect()
}

/// The fault of a value that breaks `pattern`, with examples that keep it.
pub fn pattern_fault(words: &str, pattern: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{words} (regex used for validation is '{pattern}')");
    }
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{words} (e.g. {}regex used for validation is '{pattern}')", examples.join(" or "))
}

/// The fault of a value that is too long, as upstream's older rules word it.
pub fn too_many_characters(limit: usize) -> String {
    format!("must be no more than {limit} characters")
}

/// The same, as upstream's newer rules word it.
pub fn too_many_bytes(limit: usize) -> String {
    format!("must be no more than {limit} bytes")
}

pub const EMPTY: &str = "must be non-empty";

fn fault_unless(holds: bool, fault: impl FnOnce() -> String) -> Faults {
    if holds { Faults::new() } else { vec![fault()] }
}

/// Whether the text is a first character, any number of middle ones and a last one, where
/// the first and the last may be one and the same.
fn is_framed(text: &str, edge: fn(u8) -> bool, middle: fn(u8) -> bool) -> bool {
    match text.as_bytes() {
        [] => false,
        [only] => edge(*only),
        [first, inner @ .., last] => edge(*first) && edge(*last) && inner.iter().all(|b| middle(*b)),
    }
}

fn is_lower_or_digit(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}
