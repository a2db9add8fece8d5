//! Match conditions: all must hold for a webhook or policy to be asked.

use ironclad_api::field::aggregate_texts;
use ironclad_cel::{Environment, Value, limits};
use serde::Deserialize;

use super::{Budget, Expression, Run, Wanted};

/// As configurations write it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Condition {
    pub expression: String,
}

#[derive(Debug, Default)]
pub(crate) struct Conditions {
    list: Vec<Expression>,
    /// Errors count as a condition that does not hold.
    fails_open: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Matched {
    Yes,
    No,
    /// Nobody can say, and the failure policy is to fail.
    Error(String),
}

impl Conditions {
    pub fn compile(environment: &Environment, conditions: &[Condition], fails_open: bool) -> Self {
        let compile =
            |condition: &Condition| Expression::compile(environment, &condition.expression, Wanted::Bool);
        Self { list: conditions.iter().map(compile).collect(), fails_open }
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// One condition that is false is enough, whatever is wrong with the others.
    pub fn check<'a>(&'a self, run: &mut Run<'a>) -> Matched {
        run.budget = Budget(limits::RUNTIME_COST_BUDGET_MATCH_CONDITIONS);
        let mut values = Vec::new();
        for condition in &self.list {
            match run.evaluate(condition) {
                Ok(value) => values.push(value),
                Err(exhausted) => return self.undecided(vec![exhausted.to_string()]),
            }
        }
        if values.iter().any(|value| matches!(value, Ok(Value::Bool(false)))) {
            return Matched::No;
        }
        self.undecided(values.into_iter().filter_map(Result::err).collect())
    }

    fn undecided(&self, errors: Vec<String>) -> Matched {
        match aggregate_texts(errors) {
            None => Matched::Yes,
            Some(_) if self.fails_open => Matched::No,
            Some(error) => Matched::Error(error),
        }
    }
}
