//! The expressions of admission webhooks and policies: which variables they see, and what they
//! have to evaluate to. Here, because they are compiled both when the objects that hold them are
//! validated and when they are evaluated.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-expression>

mod environment;
mod expression;
mod variables;

pub use environment::{NAMESPACE, REQUEST, REQUEST_RESOURCE, Scope};
pub use expression::{Expression, Wanted};
pub use variables::{Definition, Definitions, compile as compile_variables};
