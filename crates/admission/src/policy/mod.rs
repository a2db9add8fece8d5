//! ValidatingAdmissionPolicy and MutatingAdmissionPolicy: rules about writes in CEL, which a
//! binding puts into force.
//!
//! - [`definition`]: policies and bindings, compiled once per version.
//! - [`params`]: the objects that a binding configures its policy with.
//! - [`judgement`]: what a validating policy makes of one request with one parameter.
//! - [`validating`]: its plugin; [`annotations`]: what it tells the audit log.
//! - [`mutation`]: what a mutating policy makes of an object; [`mutating`]: its plugin.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>

mod annotations;
mod definition;
mod judgement;
mod mutating;
mod mutation;
mod params;
mod validating;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_mutation;

pub(crate) use mutating::MutatingAdmissionPolicy;
pub(crate) use validating::ValidatingAdmissionPolicy;

use ironclad_engine::gate::AdmissionRequest;

use crate::matching::is_exempt;

/// Reviews that are asked, not stored: a policy about them could lock everybody out.
const EXCLUDED: [(&str, &str); 6] = [
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authentication.k8s.io", "tokenreviews"),
    ("authorization.k8s.io", "localsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
];

/// What no policy is asked about.
fn is_excluded(request: &AdmissionRequest<'_>) -> bool {
    let resource = &request.target.resource;
    let named = (&*resource.group, &*resource.resource);
    EXCLUDED.contains(&named) || is_exempt(request.kind)
}
