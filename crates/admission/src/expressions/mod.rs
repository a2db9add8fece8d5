//! CEL in webhooks and policies: the variables that expressions see, and how many of them are
//! evaluated within one budget.
//!
//! What they see and must evaluate to is in `ironclad_cel::policy`.
//!
//! - [`authority`]: what `authorizer` answers.
//! - [`inputs`]: the variables' values for one request; [`variables`]: a policy's own ones.
//! - [`conditions`]: match conditions.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-expression>

mod authority;
mod conditions;
mod inputs;
mod run;
mod variables;

pub(crate) use authority::Authority;
pub(crate) use conditions::{Condition, Conditions, Matched};
pub(crate) use inputs::{Inputs, namespace_object};
pub(crate) use ironclad_cel::policy::{Definitions, Expression, Scope, Wanted, compile_variables};
pub(crate) use run::{Budget, Run};
pub(crate) use variables::Variables;
