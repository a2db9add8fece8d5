//! What webhooks and policies concern: rules over resources, and selectors over labels. Both
//! kinds of hooks write them alike.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules>

mod constraints;
mod rule;
mod selectors;
mod subject;

pub(crate) use constraints::{Constraints, MatchResources};
pub(crate) use rule::{Invocation, MatchPolicy, Rule, first_match};
pub(crate) use selectors::Selectors;
pub(crate) use subject::Subject;

use ironclad_api::GroupVersionKind;

const CONFIGURATIONS: [&str; 6] = [
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
];

/// Hooks are not asked about hooks: a bad one could forbid its own removal.
pub(crate) fn is_exempt(kind: &GroupVersionKind) -> bool {
    kind.group == "admissionregistration.k8s.io" && CONFIGURATIONS.contains(&&*kind.kind)
}
