//! In which form a body comes and an answer goes.
//!
//! An [`Encoding`] is what answers are written in, a [`BodyEncoding`] what bodies come in:
//! typed Go clients send protobuf and take JSON. Answers in protobuf would be a further row
//! of [`ENCODINGS`] and an arm where they are written.

pub mod accept;
mod media;

use http::HeaderMap;
use http::header::{CONTENT_TYPE, USER_AGENT};
use ironclad_api::params::Query;
use ironclad_api::protobuf;
use ironclad_api::status::Status;
use ironclad_client::PatchKind;

pub use accept::{Accepted, Conversion, Target};
pub use media::header;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    #[default]
    Json,
    Yaml,
}

/// In the server's order of preference: the first is what clients without a wish get.
const ENCODINGS: [Encoding; 2] = [Encoding::Json, Encoding::Yaml];

impl Encoding {
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
        }
    }

    fn subtype(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
        }
    }

    /// Whether watches can be framed in it.
    pub fn streams(self) -> bool {
        self == Self::Json
    }
}

fn media_types() -> [&'static str; 2] {
    ENCODINGS.map(Encoding::media_type)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEncoding {
    Json,
    Yaml,
    Protobuf,
}

const BODIES: [(&str, BodyEncoding); 3] = [
    ("application/json", BodyEncoding::Json),
    ("application/yaml", BodyEncoding::Yaml),
    (protobuf::MEDIA_TYPE, BodyEncoding::Protobuf),
];

/// The encoding of a request's body; without a Content-Type it is JSON. Custom resources
/// have no protobuf.
pub fn body(headers: &HeaderMap, builtin: bool) -> Result<BodyEncoding, Status> {
    let content_type = header(headers, &CONTENT_TYPE);
    if content_type.is_empty() {
        return Ok(BodyEncoding::Json);
    }
    let (media_type, _) = media::split(content_type);
    let served = || BODIES.into_iter().filter(|(_, encoding)| builtin || *encoding != BodyEncoding::Protobuf);
    let known = served().find(|(name, _)| *name == media_type);
    known.map(|(_, encoding)| encoding).ok_or_else(|| {
        let names: Vec<&str> = served().map(|(name, _)| name).collect();
        Status::unsupported_media_type(&names)
    })
}

const PATCHES: [(&str, PatchKind); 4] = [
    ("application/json-patch+json", PatchKind::Json),
    ("application/merge-patch+json", PatchKind::Merge),
    ("application/strategic-merge-patch+json", PatchKind::Strategic),
    ("application/apply-patch+yaml", PatchKind::Apply),
];

/// The kind of a patch. Custom resources know no strategic merge.
pub fn patch(headers: &HeaderMap, strategic: bool) -> Result<PatchKind, Status> {
    let content_type = header(headers, &CONTENT_TYPE);
    let media_type = content_type.split(';').next().unwrap_or_default();
    let served = || PATCHES.into_iter().filter(|(_, kind)| strategic || *kind != PatchKind::Strategic);
    let known = served().find(|(name, _)| *name == media_type);
    known.map(|(_, kind)| kind).ok_or_else(|| {
        let names: Vec<&str> = served().map(|(name, _)| name).collect();
        Status::unsupported_media_type(&names)
    })
}

/// Whether the reader is a person: they said so, or use what people use.
pub fn is_pretty(headers: &HeaderMap, query: &Query) -> bool {
    match query.first("pretty").filter(|wish| !wish.is_empty()) {
        Some(wish) => matches!(wish, "1" | "t" | "T" | "TRUE" | "true" | "True"),
        None => {
            let agent = header(headers, &USER_AGENT);
            ["curl", "Wget", "Mozilla/5.0"].iter().any(|tool| agent.starts_with(tool))
        }
    }
}

#[cfg(test)]
mod tests;
