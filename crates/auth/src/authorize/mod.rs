//! Who is asked whether somebody may do something, and in which order: a file of upstream's
//! (`apiserver.config.k8s.io/v1 AuthorizationConfiguration`), which may change while the program runs.
//!
//! - [`configuration`]: the file, with upstream's texts of what is wrong with it.
//! - [`question`]: what is asked, as a SubjectAccessReview.
//! - [`conditions`]: whether a webhook is asked at all, by CEL.
//! - [`webhook`]: an authorizer elsewhere.
//! - [`chain`]: the authorizers of a file in their order, until there is another file.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/authorization/#using-configuration-file-for-authorization>

pub mod chain;
mod conditions;
pub mod configuration;
mod question;
#[cfg(test)]
mod tests;
mod webhook;

pub use chain::{BuiltIn, Chain, LoadError, Member};
