//! JSON as the API reads and writes it: Go's error texts, duplicate fields noticed,
//! integers kept apart from floats, nesting bounded (`sigs.k8s.io/json`).

use serde_json::Value;

use crate::goprint::quote;

mod decode;
mod encode;
mod kind;

pub use encode::{encode, encode_pretty};
pub use kind::{TypeError, bad_body, summarize, type_of};

/// Objects and lists within each other. Upstream allows 10,000; readers of JSON in Rust
/// stop at 128, and a list and a watch event wrap the object in levels of their own.
pub const MAX_DEPTH: usize = 100;

/// Duplicate fields that are reported of one document.
const MAX_DUPLICATES: usize = 100;

/// A document, and the paths of fields that stand in it more than once. The last one counts.
#[derive(Debug, PartialEq)]
pub struct Decoded {
    pub value: Value,
    /// `metadata.name`, `spec.containers[0].image`.
    pub duplicates: Vec<String>,
}

impl Decoded {
    /// `duplicate field "metadata.name"`, for warnings and strict errors.
    pub fn duplicate_errors(&self) -> impl Iterator<Item = String> {
        self.duplicates.iter().map(|path| format!("duplicate field {}", quote(path)))
    }
}

/// What strict validation minds of a document, in the order in which Go's decoder comes across
/// it: a field that the type does not have where it first stands, a repeated one where it stands
/// again. The arguments are paths.
pub fn strict_errors(bytes: &[u8], duplicates: &[String], unknown: &[String]) -> Vec<String> {
    let name = |what: &str, path: &String| format!("{what} field {}", quote(path));
    let order = match duplicates.len() + unknown.len() {
        // Nothing to put in order, so nothing to read again.
        0 | 1 => Vec::new(),
        _ => decode::positions(bytes, duplicates, unknown),
    };
    let place = |path: &String, nth: usize| {
        order.iter().enumerate().filter(|(_, found)| *found == path).nth(nth).map_or(usize::MAX, |(at, _)| at)
    };
    let mut errors: Vec<_> = unknown.iter().map(|path| (place(path, 0), name("unknown", path))).collect();
    errors.extend(duplicates.iter().map(|path| (place(path, 1), name("duplicate", path))));
    errors.sort_by_key(|(at, _)| *at);
    errors.into_iter().map(|(_, error)| error).collect()
}

/// The texts are those of Go's decoder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON. `offset` counts the bytes read when that showed.
    #[error("{message}")]
    Syntax { message: String, offset: usize },
    /// A number beyond what a float holds.
    #[error("json: cannot unmarshal number {0} into Go value of type float64")]
    Overflow(String),
}

/// Reads one document. Numbers without a point that fit are i64, all others f64. Bytes
/// that are not UTF-8 become U+FFFD, as in Go.
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    decode::decode(bytes)
}

#[cfg(test)]
mod tests;
