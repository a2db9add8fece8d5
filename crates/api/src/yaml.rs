//! YAML to and from the tree that JSON bodies become (`sigs.k8s.io/yaml`): YAML 1.1
//! scalars, keys of any plain type, bounded nesting and aliases.

use serde_json::Value;

use crate::json;

mod emit;
mod read;
mod scalar;

pub use emit::encode;

/// The text opens as Go's does, and is Go's where the cause is one that Go knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// `line` counts from 1.
    #[error("yaml: line {line}: {message}")]
    At { line: usize, message: String },
    #[error("yaml: {0}")]
    Whole(String),
    /// NaN and the infinities have no JSON.
    #[error("json: unsupported value: {0}")]
    NoJson(&'static str),
}

impl YamlError {
    /// As clients of `yaml.Unmarshal` see it.
    pub fn converting(&self) -> String {
        format!("error converting YAML to JSON: {self}")
    }
}

/// A document, and what strict validation says of its repeated keys. The last of the same
/// keys counts.
#[derive(Debug, PartialEq)]
pub struct Decoded {
    pub value: Value,
    /// `line 3: key "a" already set in map`, which is the text of the warning too.
    pub duplicates: Vec<String>,
}

impl Decoded {
    /// All repeated keys as the one error that strict validation gives.
    pub fn strict_error(&self) -> Option<String> {
        let lines = self.duplicates.join("\n  ");
        (!self.duplicates.is_empty()).then(|| format!("yaml: unmarshal errors:\n  {lines}"))
    }
}

/// Reads the one document of a body.
pub fn decode(bytes: &[u8]) -> Result<Decoded, YamlError> {
    // Most YAML bodies are JSON (`kubectl apply --server-side`), which reads far faster as
    // what it is. What fails there may still be YAML.
    if is_json(bytes)
        && let Ok(decoded) = json::decode(bytes)
        && decoded.duplicates.is_empty()
    {
        return Ok(Decoded { value: decoded.value, duplicates: Vec::new() });
    }
    read::decode(bytes)
}

/// Whether the text starts as a JSON object does.
pub fn is_json(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

#[cfg(test)]
mod tests;
