//! Groups of the Kubernetes community need a sign that their API was reviewed.
//! Source: <https://github.com/kubernetes/enhancements/pull/1111>

use ironclad_api::Object;
use ironclad_api::field::{FieldError, Path};
use ironclad_api::goprint::quote;

use crate::definition::Condition;
use crate::json_schema::format::uri;

const ANNOTATION: &str = "api-approved.kubernetes.io";
const SEE: &str = "see https://github.com/kubernetes/enhancements/pull/1111";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Approval {
    Missing,
    /// Begins with `unapproved`, knowingly.
    Bypassed,
    /// The URL of a review.
    Approved,
    Invalid,
}

pub(super) fn validate(new: &Object, old: Option<&Object>, group: &str) -> Option<FieldError> {
    if !is_protected(group) {
        return None;
    }
    let approval = read(new);
    if old.is_some_and(|old| read(old) == approval) {
        return None;
    }
    let path = Path::new("metadata").child("annotations").key(ANNOTATION);
    match approval {
        Approval::Approved | Approval::Bypassed => None,
        Approval::Missing => Some(FieldError::required(&path, missing())),
        Approval::Invalid => {
            Some(FieldError::invalid(&path, new.annotation(ANNOTATION).unwrap_or_default(), invalid()))
        }
    }
}

fn is_protected(group: &str) -> bool {
    let under = |domain: &&str| {
        group.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    ["k8s.io", "kubernetes.io"].iter().any(under)
}

/// What the status of a definition in a protected group says of it.
pub(super) fn condition(object: &Object, group: &str) -> Option<Condition> {
    if !is_protected(group) {
        return None;
    }
    let text = object.annotation(ANNOTATION).unwrap_or_default();
    let (status, reason, message) = match read(object) {
        Approval::Approved => (true, "ApprovedAnnotation", format!("approved in {text}")),
        Approval::Bypassed => (false, "UnapprovedAnnotation", format!("not approved: {}", quote(text))),
        Approval::Missing => (false, "MissingAnnotation", missing()),
        Approval::Invalid => (false, "InvalidAnnotation", invalid()),
    };
    Some(Condition::new("KubernetesAPIApprovalPolicyConformant", status, reason, message))
}

fn missing() -> String {
    format!("{}, {SEE}", must())
}

fn invalid() -> String {
    format!("{} with either a URL or a reason starting with \"unapproved\", {SEE}", must())
}

fn must() -> String {
    format!("protected groups must have approval annotation {}", quote(ANNOTATION))
}

fn read(object: &Object) -> Approval {
    let text = object.annotation(ANNOTATION).unwrap_or_default();
    let is_url =
        || uri::parse_request(text).is_some_and(|url| !url.host.is_empty() && !url.scheme.is_empty());
    match text {
        "" => Approval::Missing,
        text if text.starts_with("unapproved") => Approval::Bypassed,
        _ if is_url() => Approval::Approved,
        _ => Approval::Invalid,
    }
}
