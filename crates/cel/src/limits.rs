//! The limits that Kubernetes puts on expressions, in units of cost: one unit is about 50 ns.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/cel/#runtime-cost-budget>

/// One evaluation of one expression.
pub const PER_CALL_LIMIT: u64 = 1_000_000;
/// All rules of one object in one request.
pub const RUNTIME_COST_BUDGET: i64 = 10_000_000;
/// All match conditions of one webhook or policy in one request.
pub const RUNTIME_COST_BUDGET_MATCH_CONDITIONS: i64 = 2_500_000;
/// The largest request body, in bytes: what estimates take for the size of an unbounded value.
pub const MAX_REQUEST_SIZE_BYTES: i64 = 3 * 1024 * 1024;
/// The longest result of a messageExpression, in bytes.
pub const MAX_MESSAGE_EXPRESSION_BYTES: usize = 5 * 1024;
