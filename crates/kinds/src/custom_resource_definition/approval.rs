//! Groups of the Kubernetes community need a sign that their API was reviewed.
//! Source: <https://github.com/kubernetes/enhancements/pull/1111>

use ironclad_api::Object;
use ironclad_api::field::{FieldError, Path};
use ironclad_api::goprint::quote;

use crate::json_schema::format::uri;

const ANNOTATION: &str = "api-approved.kubernetes.io";

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
    let protected = ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|domain| group.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
    if !protected {
        return None;
    }
    let approval = read(new);
    if old.is_some_and(|old| read(old) == approval) {
        return None;
    }
    let path = Path::new("metadata").child("annotations").key(ANNOTATION);
    let see = "see https://github.com/kubernetes/enhancements/pull/1111";
    let must = format!("protected groups must have approval annotation {}", quote(ANNOTATION));
    match approval {
        Approval::Approved | Approval::Bypassed => None,
        Approval::Missing => Some(FieldError::required(&path, format!("{must}, {see}"))),
        Approval::Invalid => {
            let what = "with either a URL or a reason starting with \"unapproved\"";
            let value = new.annotation(ANNOTATION).unwrap_or_default();
            Some(FieldError::invalid(&path, value, format!("{must} {what}, {see}")))
        }
    }
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
