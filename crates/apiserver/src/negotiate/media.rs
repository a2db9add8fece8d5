//! Media types and their parameters (RFC 9110 sections 8.3 and 12.5.1), as far as clients
//! of the API use them.

use http::HeaderMap;
use http::header::HeaderName;

/// The first value of a header; empty if it is absent or not readable as text.
pub fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A clause of an Accept header.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause<'a> {
    pub kind: &'a str,
    pub subtype: &'a str,
    pub parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

/// The media type in lower case, and its parameters.
pub fn split(text: &str) -> (String, Vec<(&str, &str)>) {
    let mut parts = text.split(';');
    let media_type = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    (media_type, parts.filter_map(parameter).collect())
}

fn parameter(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim(), value.trim().trim_matches('"')))
}

/// What a client takes, best first: by quality, and what is spelled out before wildcards.
pub fn clauses(accept: &str) -> Vec<Clause<'_>> {
    let mut clauses: Vec<Clause<'_>> = accept.split(',').filter_map(clause).collect();
    let wildcards = |clause: &Clause<'_>| (clause.kind == "*", clause.subtype == "*");
    clauses.sort_by(|a, b| b.quality.total_cmp(&a.quality).then_with(|| wildcards(a).cmp(&wildcards(b))));
    clauses
}

fn clause(text: &str) -> Option<Clause<'_>> {
    let mut parts = text.split(';');
    let media_type = parts.next()?.trim();
    let (kind, subtype) = match media_type.split_once('/') {
        Some((kind, subtype)) => (kind, subtype),
        // A bare `*` is written by some clients for everything.
        None if media_type == "*" => ("*", "*"),
        None => return None,
    };
    let (quality, parameters): (Vec<_>, Vec<_>) =
        parts.filter_map(parameter).partition(|(name, _)| *name == "q");
    let quality = quality.first().and_then(|(_, q)| q.parse().ok()).unwrap_or(1.0);
    Some(Clause { kind, subtype, parameters, quality })
}
