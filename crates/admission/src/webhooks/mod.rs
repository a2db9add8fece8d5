//! MutatingAdmissionWebhook and ValidatingAdmissionWebhook: HTTPS servers that are asked about
//! writes, because a configuration object says so.
//!
//! - [`hook`]: a webhook, as configurations write it, and the list of all of them.
//! - [`review`]: the question and the answer (`admission.k8s.io`).
//! - [`call`]: one question asked, and what came of it.
//! - [`mutating`]: one after the other, each may patch the object; [`validating`]: all at once.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>

mod call;
mod hook;
mod mutating;
pub(crate) mod review;
mod validating;

#[cfg(test)]
mod tests;

pub(crate) use call::Refusal;
pub(crate) use mutating::MutatingAdmissionWebhook;
pub(crate) use validating::ValidatingAdmissionWebhook;
