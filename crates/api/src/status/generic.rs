//! A Status for an HTTP response that carries none.

use super::{Cause, Reason, Status};
use crate::goprint::quote;
use crate::gvk::GroupResource;

/// What a client knows of a response that it cannot read.
pub struct Response<'a> {
    pub code: u16,
    /// The HTTP method.
    pub method: &'a str,
    pub resource: &'a GroupResource,
    pub name: &'a str,
    /// The body's text, cut short by the caller.
    pub body: &'a str,
    pub retry_after_seconds: u32,
}

impl Status {
    /// Upstream's `NewGenericServerResponse`. `unexpected` says that the body is not what
    /// an API server writes, and puts it in a cause.
    pub fn from_response(response: &Response<'_>, unexpected: bool) -> Self {
        let (reason, message) = judge(response);
        let mut status = Self::unclassified(with_target(message, response));
        status.code = response.code;
        status.reason = reason;
        let details = status.details_mut();
        details.group = response.resource.group.to_string();
        details.kind = response.resource.resource.to_string();
        details.name = response.name.to_owned();
        details.retry_after_seconds = response.retry_after_seconds;
        if unexpected {
            let reason = "UnexpectedServerResponse".to_owned();
            details.causes.push(Cause { reason, message: response.body.to_owned(), field: String::new() });
        }
        status
    }
}

fn judge(response: &Response<'_>) -> (Reason, String) {
    let (reason, text) = match response.code {
        409 if response.method == "POST" => (Reason::AlreadyExists, "the server reported a conflict"),
        409 => (Reason::Conflict, "the server reported a conflict"),
        404 => (Reason::NotFound, "the server could not find the requested resource"),
        400 => (Reason::BadRequest, "the server rejected our request for an unknown reason"),
        401 => (Reason::Unauthorized, "the server has asked for the client to provide credentials"),
        403 => (Reason::Forbidden, response.body),
        406 if matches!(response.body, "" | "unknown") => (
            Reason::NotAcceptable,
            "the server was unable to respond with a content type that the client supports",
        ),
        406 => (Reason::NotAcceptable, response.body),
        415 => (Reason::UnsupportedMediaType, response.body),
        405 => (Reason::MethodNotAllowed, "the server does not allow this method on the requested resource"),
        422 => (Reason::Invalid, "the server rejected our request due to an error in our request"),
        503 => (Reason::ServiceUnavailable, "the server is currently unable to handle the request"),
        504 => (
            Reason::Timeout,
            "the server was unable to return a response in the time allotted, but may still be processing the request",
        ),
        429 => (
            Reason::TooManyRequests,
            "the server has received too many requests and has asked us to try again later",
        ),
        500.. => {
            let body = quote(response.body);
            let text = format!("an error on the server ({body}) has prevented the request from succeeding");
            return (Reason::InternalError, text);
        }
        code => {
            let text = format!(
                "the server responded with the status code {code} but did not return more information"
            );
            return (Reason::Unknown, text);
        }
    };
    (reason, text.to_owned())
}

fn with_target(message: String, response: &Response<'_>) -> String {
    let verb = response.method.to_lowercase();
    let resource = response.resource;
    match (resource.resource.is_empty() && resource.group.is_empty(), response.name) {
        (true, _) => message,
        (false, "") => format!("{message} ({verb} {resource})"),
        (false, name) => format!("{message} ({verb} {resource} {name})"),
    }
}
