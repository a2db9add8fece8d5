//! The targets: one file each, and the list of them.

mod apply;
mod cel;
mod fields;
mod json;
mod jsonpath;
mod jwt;
mod kubeconfig;
mod patch;
mod protobuf;
mod quantity;
mod regex;
mod schema;
mod selector;
mod strategic;
mod time;
mod url;
mod write;
mod x509;
mod yaml;

/// A decoder, and what it promises.
pub struct Target {
    pub name: &'static str,
    /// What holds for every input, besides that nothing panics and nothing takes long.
    pub promise: &'static str,
    /// Panics if it does not hold.
    pub check: fn(&[u8]),
    /// Words of the decoder's language.
    pub words: &'static [&'static str],
    /// Inputs to start from that no file can hold: binary ones, signed ones.
    pub made: fn() -> Vec<Vec<u8>>,
    /// So many inputs take a second or two without optimisation.
    pub short_run: u64,
}

pub const ALL: &[Target] = &[
    json::TARGET,
    yaml::TARGET,
    protobuf::TARGET,
    patch::TARGET,
    strategic::TARGET,
    apply::TARGET,
    fields::TARGET,
    selector::TARGET,
    cel::TARGET,
    jsonpath::TARGET,
    schema::TARGET,
    quantity::TARGET,
    time::TARGET,
    regex::TARGET,
    url::TARGET,
    jwt::TARGET,
    x509::TARGET,
    kubeconfig::TARGET,
    write::TARGET,
];

/// No inputs but those in files.
fn none() -> Vec<Vec<u8>> {
    Vec::new()
}

/// The two halves of an input that holds two documents, with a line `---` between them.
fn halves(input: &[u8]) -> Option<(&[u8], &[u8])> {
    const LINE: &[u8] = b"\n---\n";
    let at = input.windows(LINE.len()).position(|window| window == LINE)?;
    Some((input.get(..at)?, input.get(at + LINE.len()..)?))
}

/// An input as JSON, as the server reads it.
fn decoded(input: &[u8]) -> Option<serde_json::Value> {
    ironclad_api::json::decode(input).ok().map(|decoded| decoded.value)
}
