//! What policies tell the audit log.

use std::collections::BTreeMap;

use ironclad_engine::gate::Context;
use serde::Serialize;

use super::judgement::Denial;

/// Longer values are cut.
const MAX_VALUE: usize = 10 * 1024;
const FAILURE: &str = "validation.policy.admission.k8s.io/validation_failure";

/// Values of a policy's annotations from all its bindings and parameters.
#[derive(Default)]
pub(super) struct Collected(BTreeMap<String, Vec<String>>);

impl Collected {
    pub fn add(&mut self, key: String, mut value: String) {
        let cut = (0..=MAX_VALUE.min(value.len())).rev().find(|at| value.is_char_boundary(*at));
        value.truncate(cut.unwrap_or(0));
        let values = self.0.entry(key).or_default();
        if !values.contains(&value) {
            values.push(value);
        }
    }

    pub fn publish(self, policy: &str, context: &Context) {
        let mut audit = context.audit.lock();
        for (key, values) in self.0 {
            audit.entry(format!("{policy}/{key}")).or_insert_with(|| values.join(", "));
        }
    }
}

/// In the order in which Go writes the fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    message: &'a str,
    policy: &'a str,
    binding: &'a str,
    expression_index: usize,
    validation_actions: &'a [String],
}

/// Notes a denial of a binding with the action `Audit`. As upstream, the first one of a request stays.
pub(super) fn failure(context: &Context, policy: &str, binding: &str, actions: &[String], denial: &Denial) {
    let failure = Failure {
        message: &denial.message,
        policy,
        binding,
        expression_index: denial.index,
        validation_actions: actions,
    };
    let value = serde_json::to_string(&[failure]).unwrap_or_default();
    context.audit.lock().entry(FAILURE.to_owned()).or_insert(value);
}
