//! What objects cost and what a quota allows: pure, shared by the admission plugin that charges
//! and the controller that recounts.
//!
//! An [`Evaluator`] knows one resource: under which names of a quota its objects are charged, and
//! how much each of them uses. [`charge`] holds one write against a namespace's quotas; [`recount`]
//! sums up what there is.
//!
//! Source: <https://kubernetes.io/docs/concepts/policy/resource-quotas/>.

mod amounts;
mod charge;
mod device_claims;
mod evaluator;
mod item;
mod pod_resources;
mod pods;
mod quota;
mod recount;
mod scope;
mod services;
mod volume_claims;

pub use amounts::Amounts;
pub use charge::{Charge, charge};
pub use evaluator::Evaluator;
pub use item::Item;
pub use quota::Quota;
pub use recount::recount;
pub use scope::{Operator, Scope};
