//! Numbers of pods that may be percentages.

use ironclad_api::intstr::{self, Round};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// A number as it is, a percentage as its share of `total`; what reads as neither is 0.
pub fn scaled(amount: &IntOrString, total: usize, round: Round) -> usize {
    let amount = match amount {
        IntOrString::Int(number) => intstr::IntOrString::Int(*number),
        IntOrString::String(text) => intstr::IntOrString::String(text.clone()),
    };
    let total = i64::try_from(total).unwrap_or(i64::MAX);
    usize::try_from(amount.scaled(total, round).unwrap_or(0)).unwrap_or(0)
}

/// A count as a status has it.
pub fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
