//! One constructor per error of `k8s.io/apimachinery/pkg/api/errors` and of the API
//! server's own packages, with their texts.

use std::fmt;

use super::{Cause, Details, Outcome, Reason, Status};
use crate::field::{FieldError, aggregate};
use crate::goprint::quote;
use crate::gvk::{GroupKind, GroupResource};
use crate::list_meta::ListMeta;

const CONTINUE_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. \
    You can start a new list without the continue parameter";

/// So many errors of one object are told of: it may have hundreds of thousands, each of which is
/// printed three times.
const MOST_CAUSES: usize = 10_000;

impl Status {
    fn failure(code: u16, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Failure,
            message: message.into(),
            reason,
            details: None,
            code,
            metadata: None,
        }
    }

    fn about(mut self, resource: &GroupResource, name: &str) -> Self {
        let details = self.details_mut();
        details.group = resource.group.to_string();
        details.kind = resource.resource.to_string();
        details.name = name.to_owned();
        self
    }

    /// The details, made empty if there are none.
    pub fn details_mut(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }

    /// Asks the client to wait before it tries again.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.details_mut().retry_after_seconds = seconds;
        self
    }

    pub fn with_cause(mut self, reason: &str, message: impl Into<String>, field: impl Into<String>) -> Self {
        let cause = Cause { reason: reason.to_owned(), message: message.into(), field: field.into() };
        self.details_mut().causes.push(cause);
        self
    }

    // === success ===

    /// What a finished DELETE returns.
    pub fn deleted(resource: &GroupResource, name: &str, uid: &str) -> Self {
        let mut status = Self { outcome: Outcome::Success, ..Self::failure(0, Reason::Unknown, "") };
        status = status.about(resource, name);
        status.details_mut().uid = uid.to_owned();
        status
    }

    /// Success with a code and no details (bindings, evictions).
    pub fn success(code: u16) -> Self {
        Self { outcome: Outcome::Success, ..Self::failure(code, Reason::Unknown, "") }
    }

    // === 400 and 401 ===

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::failure(400, Reason::BadRequest, message)
    }

    /// The text that a request without valid credentials gets.
    pub fn unauthorized() -> Self {
        Self::failure(401, Reason::Unauthorized, "Unauthorized")
    }

    // === 403 ===

    /// `pods "x" is forbidden: why`. Either may be empty, as for requests that name no resource.
    pub fn forbidden(resource: &GroupResource, name: &str, why: impl fmt::Display) -> Self {
        let message = match (resource.group.is_empty() && resource.resource.is_empty(), name) {
            (true, _) => format!("forbidden: {why}"),
            (false, "") => format!("{resource} is forbidden: {why}"),
            (false, name) => format!("{resource} {} is forbidden: {why}", quote(name)),
        };
        Self::failure(403, Reason::Forbidden, message).about(resource, name)
    }

    // === 404 and 405 ===

    pub fn not_found(resource: &GroupResource, name: &str) -> Self {
        let message = format!("{resource} {} not found", quote(name));
        Self::failure(404, Reason::NotFound, message).about(resource, name)
    }

    /// No such path on this server. Upstream's mux writes a plain-text page for these;
    /// its resource handlers write this.
    pub fn unknown_path() -> Self {
        let mut status =
            Self::failure(404, Reason::NotFound, "the server could not find the requested resource");
        status.details_mut();
        status
    }

    /// `patch is not supported on resources of kind "bindings"`.
    pub fn method_not_supported(resource: &GroupResource, action: &str) -> Self {
        let message =
            format!("{action} is not supported on resources of kind {}", quote(&resource.to_string()));
        Self::failure(405, Reason::MethodNotAllowed, message).about(resource, "")
    }

    // === 406 and 415: `accepted` are media types in the server's order ===

    pub fn not_acceptable(accepted: &[&str]) -> Self {
        let message = format!("only the following media types are accepted: {}", accepted.join(", "));
        Self::failure(406, Reason::NotAcceptable, message)
    }

    /// For `as=Table` and its like; `target` is the group, version and kind asked for.
    pub fn not_acceptable_conversion(target: impl fmt::Display, accepted: &[&str]) -> Self {
        let accepted = accepted.join(", ");
        let message =
            format!("only the following media types are accepted when converting to {target}: {accepted}");
        Self::failure(406, Reason::NotAcceptable, message)
    }

    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        let accepted = accepted.join(", ");
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}"
        );
        Self::failure(415, Reason::UnsupportedMediaType, message)
    }

    // === 409 ===

    pub fn already_exists(resource: &GroupResource, name: &str) -> Self {
        let message = format!("{resource} {} already exists", quote(name));
        Self::failure(409, Reason::AlreadyExists, message).about(resource, name)
    }

    /// Every name that generateName tried was taken.
    pub fn generate_name_conflict(resource: &GroupResource, name: &str, retry_after_seconds: u32) -> Self {
        let message = format!(
            "{resource} {} already exists, the server was not able to generate a unique name for the object",
            quote(name)
        );
        Self::failure(409, Reason::AlreadyExists, message)
            .about(resource, name)
            .retry_after(retry_after_seconds)
    }

    pub fn conflict(resource: &GroupResource, name: &str, why: impl fmt::Display) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {}: {why}", quote(name));
        Self::failure(409, Reason::Conflict, message).about(resource, name)
    }

    /// The conflict of optimistic locking: a write carried an old resourceVersion.
    pub fn modified(resource: &GroupResource, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// Server-side apply met fields that other managers own; one cause per field.
    pub fn apply_conflict(message: impl Into<String>, causes: Vec<Cause>) -> Self {
        let mut status = Self::failure(409, Reason::Conflict, message);
        status.details_mut().causes = causes;
        status
    }

    // === 410 ===

    pub fn gone(message: impl Into<String>) -> Self {
        Self::failure(410, Reason::Gone, message)
    }

    pub fn resource_expired(message: impl Into<String>) -> Self {
        Self::failure(410, Reason::Expired, message)
    }

    /// A watch from before what the cache remembers; `oldest` is the oldest it can serve from.
    pub fn too_old_resource_version(requested: u64, oldest: u64) -> Self {
        Self::resource_expired(format!("too old resource version: {requested} ({oldest})"))
    }

    /// A watch from a revision that the store has compacted.
    pub fn watch_expired() -> Self {
        Self::resource_expired("The resourceVersion for the provided watch is too old.")
    }

    /// A list at a revision that the store has compacted.
    pub fn list_expired() -> Self {
        Self::resource_expired("The resourceVersion for the provided list is too old.")
    }

    /// The next page's revision is compacted. With `inconsistent`, a token that goes on
    /// at the newest revision, the client may choose that instead of starting over.
    pub fn continue_expired(inconsistent: Option<String>) -> Self {
        let Some(continue_token) = inconsistent else {
            return Self::resource_expired(format!("{CONTINUE_EXPIRED}."));
        };
        let mut status = Self::resource_expired(format!(
            "{CONTINUE_EXPIRED}, or use the continue token in this response to retrieve the remainder of the \
             results. Continuing with the provided token results in an inconsistent list - objects that were \
             created, modified, or deleted between the time the first chunk was returned and now may show up in \
             the list."
        ));
        status.metadata = Some(Box::new(ListMeta { continue_token, ..ListMeta::default() }));
        status
    }

    // === 413, 422, 429 ===

    /// `limit` in bytes.
    pub fn request_entity_too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::failure(413, Reason::RequestEntityTooLarge, message)
    }

    /// `Pod "x" is invalid: spec.containers: Required value`, with a cause per error, up to a bound.
    pub fn invalid(kind: &GroupKind, name: &str, errors: &[FieldError]) -> Self {
        let errors = errors.get(..MOST_CAUSES).unwrap_or(errors);
        let why = aggregate(errors).map(|why| format!(": {why}")).unwrap_or_default();
        let message = format!("{kind} {} is invalid{why}", quote(name));
        let mut status = Self::failure(422, Reason::Invalid, message);
        *status.details_mut() = Details {
            name: name.to_owned(),
            group: kind.group.to_string(),
            kind: kind.kind.to_string(),
            causes: errors.iter().map(Cause::from).collect(),
            ..Details::default()
        };
        status
    }

    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self::failure(429, Reason::TooManyRequests, message).retry_after(retry_after_seconds)
    }

    // === 500 and above ===

    pub fn internal_error(why: impl fmt::Display) -> Self {
        let message = format!("Internal error occurred: {why}");
        Self::failure(500, Reason::InternalError, message).with_cause("", why.to_string(), "")
    }

    /// An error of a part that has no Status of its own: code 500 and no reason.
    pub fn unclassified(message: impl Into<String>) -> Self {
        Self::failure(500, Reason::Unknown, message)
    }

    /// What the store holds cannot be read: decryption or decoding failed.
    pub fn store_read_error(message: impl Into<String>) -> Self {
        Self::failure(500, Reason::StoreReadError, message)
    }

    /// A transient failure of `operation` (a verb); the client should try again.
    pub fn server_timeout(resource: &GroupResource, operation: &str, retry_after_seconds: u32) -> Self {
        let message = format!(
            "The {operation} operation against {resource} could not be completed at this time, please try again."
        );
        Self::failure(500, Reason::ServerTimeout, message)
            .about(resource, operation)
            .retry_after(retry_after_seconds)
    }

    pub fn service_unavailable(message: impl Into<String>) -> Self {
        Self::failure(503, Reason::ServiceUnavailable, message)
    }

    /// The time allotted ran out; the operation may still complete.
    pub fn timeout(message: impl fmt::Display, retry_after_seconds: u32) -> Self {
        Self::failure(504, Reason::Timeout, format!("Timeout: {message}")).retry_after(retry_after_seconds)
    }

    /// A read at a revision that this server has not reached.
    pub fn too_large_resource_version(requested: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {requested}, current: {current}");
        Self::timeout(message, 1).with_cause("ResourceVersionTooLarge", "Too large resource version", "")
    }
}

impl From<&FieldError> for Cause {
    fn from(error: &FieldError) -> Self {
        Self { reason: error.kind.reason().to_owned(), message: error.body(), field: error.field.clone() }
    }
}
