//! The API's error (and, for deletes, its success): `metav1.Status`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::list_meta::ListMeta;

mod construct;
mod generic;

pub use generic::Response;

/// An answer of the API that is not an object. As an error its text is the message.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    pub outcome: Outcome,
    pub message: String,
    pub reason: Reason,
    pub details: Option<Box<Details>>,
    /// The HTTP status code; 0 when the Status does not say.
    pub code: u16,
    /// Empty but in one case: an expired list continuation carries the token to go on with.
    pub metadata: Option<Box<ListMeta>>,
}

/// What an API operation returns.
pub type Result<T, E = Status> = std::result::Result<T, E>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Success,
    #[default]
    Failure,
}

/// Why a request failed, in one word that programs compare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reason {
    #[default]
    Unknown,
    Unauthorized,
    Forbidden,
    NotFound,
    AlreadyExists,
    Conflict,
    Gone,
    Invalid,
    ServerTimeout,
    StoreReadError,
    Timeout,
    TooManyRequests,
    BadRequest,
    MethodNotAllowed,
    NotAcceptable,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    InternalError,
    Expired,
    ServiceUnavailable,
    /// A word that is not upstream's, from an extension server or a webhook.
    Other(Box<str>),
}

const REASONS: [(&str, Reason); 20] = [
    ("", Reason::Unknown),
    ("Unauthorized", Reason::Unauthorized),
    ("Forbidden", Reason::Forbidden),
    ("NotFound", Reason::NotFound),
    ("AlreadyExists", Reason::AlreadyExists),
    ("Conflict", Reason::Conflict),
    ("Gone", Reason::Gone),
    ("Invalid", Reason::Invalid),
    ("ServerTimeout", Reason::ServerTimeout),
    ("StorageReadError", Reason::StoreReadError),
    ("Timeout", Reason::Timeout),
    ("TooManyRequests", Reason::TooManyRequests),
    ("BadRequest", Reason::BadRequest),
    ("MethodNotAllowed", Reason::MethodNotAllowed),
    ("NotAcceptable", Reason::NotAcceptable),
    ("RequestEntityTooLarge", Reason::RequestEntityTooLarge),
    ("UnsupportedMediaType", Reason::UnsupportedMediaType),
    ("InternalError", Reason::InternalError),
    ("Expired", Reason::Expired),
    ("ServiceUnavailable", Reason::ServiceUnavailable),
];

impl Reason {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(word) => word,
            known => REASONS.iter().find(|(_, reason)| reason == known).map_or("", |(word, _)| word),
        }
    }
}

impl From<&str> for Reason {
    fn from(word: &str) -> Self {
        let known = REASONS.iter().find(|(known, _)| *known == word);
        known.map_or_else(|| Self::Other(word.into()), |(_, reason)| reason.clone())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the failure is about. `kind` is the resource's plural in most errors and the
/// kind's own name in Invalid ones, as upstream has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub causes: Vec<Cause>,
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_after_seconds: u32,
}

/// One of several reasons, usually a field's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cause {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Vec<Cause>, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

impl Status {
    /// Whether the reason is this one, or the reason says nothing known and the code is `code`.
    fn is(&self, reason: Reason, code: u16) -> bool {
        let unknown = matches!(self.reason, Reason::Unknown | Reason::Other(_));
        self.reason == reason || (unknown && self.code == code)
    }

    pub fn is_not_found(&self) -> bool {
        self.is(Reason::NotFound, 404)
    }

    pub fn is_already_exists(&self) -> bool {
        self.reason == Reason::AlreadyExists
    }

    pub fn is_conflict(&self) -> bool {
        self.is(Reason::Conflict, 409)
    }

    pub fn is_invalid(&self) -> bool {
        self.is(Reason::Invalid, 422)
    }

    pub fn is_gone(&self) -> bool {
        self.is(Reason::Gone, 410)
    }

    /// The resourceVersion asked for is no longer kept: list again.
    pub fn is_expired(&self) -> bool {
        self.reason == Reason::Expired
    }

    pub fn is_forbidden(&self) -> bool {
        self.is(Reason::Forbidden, 403)
    }

    pub fn is_unauthorized(&self) -> bool {
        self.is(Reason::Unauthorized, 401)
    }

    pub fn is_bad_request(&self) -> bool {
        self.is(Reason::BadRequest, 400)
    }

    pub fn is_method_not_supported(&self) -> bool {
        self.is(Reason::MethodNotAllowed, 405)
    }

    pub fn is_timeout(&self) -> bool {
        self.is(Reason::Timeout, 504)
    }

    pub fn is_server_timeout(&self) -> bool {
        self.reason == Reason::ServerTimeout
    }

    pub fn is_internal_error(&self) -> bool {
        self.is(Reason::InternalError, 500)
    }

    pub fn is_service_unavailable(&self) -> bool {
        self.is(Reason::ServiceUnavailable, 503)
    }

    pub fn is_too_many_requests(&self) -> bool {
        self.reason == Reason::TooManyRequests || self.code == 429
    }

    pub fn is_too_large_resource_version(&self) -> bool {
        self.is_timeout() && self.has_cause("ResourceVersionTooLarge")
    }

    pub fn has_cause(&self, reason: &str) -> bool {
        self.causes().iter().any(|cause| cause.reason == reason)
    }

    pub fn causes(&self) -> &[Cause] {
        self.details.as_ref().map_or(&[], |details| &details.causes)
    }

    /// How long the server asks the client to wait before it tries again.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        let seconds = self.details.as_ref()?.retry_after_seconds;
        (seconds > 0 || self.is_server_timeout()).then_some(seconds)
    }

    /// The JSON body of a response.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

// === the JSON form ===

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: &'a ListMeta,
    status: Outcome,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
}

impl Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let none = ListMeta::default();
        let written = Written {
            kind: "Status",
            api_version: "v1",
            metadata: self.metadata.as_deref().unwrap_or(&none),
            status: self.outcome,
            message: &self.message,
            reason: self.reason.as_str(),
            details: self.details.as_deref(),
            code: (self.code != 0).then_some(self.code),
        };
        written.serialize(serializer)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Read {
    metadata: Option<Box<ListMeta>>,
    status: String,
    message: String,
    reason: String,
    details: Option<Box<Details>>,
    code: u16,
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let read = Read::deserialize(deserializer)?;
        Ok(Self {
            outcome: if read.status == "Success" { Outcome::Success } else { Outcome::Failure },
            message: read.message,
            reason: read.reason.as_str().into(),
            details: read.details,
            code: read.code,
            metadata: read.metadata.filter(|metadata| **metadata != ListMeta::default()),
        })
    }
}

#[cfg(test)]
mod tests;
