//! Expressions evaluated one after the other within one budget.

use ironclad_cel::{Activation, Value};

use super::{Expression, Variables};

const EXHAUSTED: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

/// What is left to spend, in units of cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget(pub i64);

/// A list of expressions being evaluated.
pub(crate) struct Run<'a> {
    pub activation: &'a Activation<'a>,
    pub variables: Option<&'a Variables<'a>>,
    pub budget: Budget,
}

/// The budget is spent: nothing more is evaluated.
#[derive(Debug)]
pub(crate) struct Exhausted;

impl std::fmt::Display for Exhausted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(EXHAUSTED)
    }
}

impl<'a> Run<'a> {
    /// The value of an expression, or upstream's text of why there is none.
    pub fn evaluate(&mut self, expression: &'a Expression) -> Result<Result<Value<'a>, String>, Exhausted> {
        let program = match &expression.program {
            Ok(program) => program,
            Err(why) => return Ok(Err(format!("compilation error: {why}"))),
        };
        let mut budget = ironclad_cel::Budget::default();
        let value = program.evaluate(self.activation, &mut budget);
        let of_variables = self.variables.map_or(0, Variables::take_cost);
        let own = i64::try_from(budget.spent()).unwrap_or(i64::MAX);
        self.budget.0 = self.budget.0.saturating_sub(of_variables).saturating_sub(own);
        if self.budget.0 < 0 {
            return Err(Exhausted);
        }
        Ok(value.map_err(|why| format!("expression '{}' resulted in error: {why}", expression.text)))
    }
}
