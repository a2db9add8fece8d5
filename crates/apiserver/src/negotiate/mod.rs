//! In which form a body comes and an answer goes.
//!
//! An [`Encoding`] is one row of [`ENCODINGS`] and an arm where bodies are read and answers
//! are written. Protobuf is for compiled-in kinds only, and for any kind's metadata.

pub mod accept;
mod media;
pub mod page;

use http::HeaderMap;
use http::header::{CONTENT_TYPE, USER_AGENT};
use ironclad_api::params::Query;
use ironclad_api::protobuf;
use ironclad_api::status::{Reason, Status};
use ironclad_client::PatchKind;

use accept::matches;
pub use accept::{Accepted, Conversion, Target};
pub use media::header;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    #[default]
    Json,
    Yaml,
    Protobuf,
}

/// In the server's order of preference: the first is what clients without a wish get.
const ENCODINGS: [Encoding; 3] = [Encoding::Json, Encoding::Yaml, Encoding::Protobuf];

impl Encoding {
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => protobuf::MEDIA_TYPE,
        }
    }

    fn subtype(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Protobuf => "vnd.kubernetes.protobuf",
        }
    }

    /// Whether watches can be framed in it.
    pub fn streams(self) -> bool {
        self != Self::Yaml
    }

    /// What a watch in it calls itself.
    pub fn stream_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
            other => other.media_type(),
        }
    }
}

fn media_types() -> [&'static str; 3] {
    ENCODINGS.map(Encoding::media_type)
}

/// The encoding of a request's body; without a Content-Type it is JSON. Custom resources
/// have no protobuf.
pub fn body(headers: &HeaderMap, builtin: bool) -> Result<Encoding, Status> {
    let content_type = header(headers, &CONTENT_TYPE);
    if content_type.is_empty() {
        return Ok(Encoding::default());
    }
    let (media_type, _) = media::split(content_type);
    let served = || ENCODINGS.into_iter().filter(|encoding| builtin || *encoding != Encoding::Protobuf);
    served().find(|encoding| encoding.media_type() == media_type).ok_or_else(|| {
        let names: Vec<&str> = served().map(Encoding::media_type).collect();
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
        if strategic {
            return refused_by_router(
                415,
                Reason::UnsupportedMediaType,
                "415: Unsupported Media Type".to_owned(),
            );
        }
        let names: Vec<&str> = served().map(|(name, _)| name).collect();
        Status::unsupported_media_type(&names)
    })
}

/// What upstream's router says of a request to a built-in resource before its handler sees it.
fn refused_by_router(code: u16, reason: Reason, message: String) -> Status {
    let mut status = Status { message, reason, code, ..Status::not_acceptable(&[]) };
    status.details_mut();
    status
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
