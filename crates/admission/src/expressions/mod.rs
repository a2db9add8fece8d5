//! CEL in webhooks and policies: the variables that expressions see, and how many of them are
//! evaluated within one budget.
//!
//! - [`environment`]: names and types of the variables.
//! - [`expression`]: a compiled expression, or why it does not compile.
//! - [`authority`]: what `authorizer` answers.
//! - [`inputs`]: the variables' values for one request; [`variables`]: a policy's own ones.
//! - [`conditions`]: match conditions.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-expression>

mod authority;
mod conditions;
mod environment;
mod expression;
mod inputs;
mod run;
mod variables;

pub(crate) use authority::Authority;
pub(crate) use conditions::{Condition, Conditions, Matched};
pub(crate) use environment::Scope;
pub(crate) use expression::{Expression, Wanted};
pub(crate) use inputs::{Inputs, namespace_object};
pub(crate) use run::{Budget, Run};
pub(crate) use variables::{Definitions, Variables, compile as compile_variables};
