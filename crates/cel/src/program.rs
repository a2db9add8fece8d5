//! A compiled expression.

use crate::check::Checked;
use crate::cost::{self, Estimate, Sizes};
use crate::error::Error;
use crate::eval::{self, Activation, Budget};
use crate::plan::Node;
use crate::types::Type;
use crate::value::Value;

/// An expression that has been checked and can be run, by many threads at once.
pub struct Program {
    checked: Checked,
    node: Node,
    /// The variables of the environment that it reads.
    variables: Vec<String>,
}

impl Program {
    pub(crate) fn new(checked: Checked, node: Node, variables: Vec<String>) -> Self {
        Self { checked, node, variables }
    }

    /// The type of its results.
    pub fn output_type(&self) -> &Type {
        self.checked.type_of(&self.checked.expr)
    }

    /// Whether it reads a variable.
    pub fn uses(&self, variable: &str) -> bool {
        self.variables.iter().any(|name| name == variable)
    }

    /// The least and the most that an evaluation can cost, as far as `sizes` knows how large
    /// the values of variables may be.
    pub fn cost_estimate(&self, sizes: &dyn Sizes) -> Estimate {
        cost::estimate(&self.checked, sizes)
    }

    /// Evaluates the expression. What it cost is added to the budget, result or not.
    pub fn evaluate<'a>(
        &'a self,
        variables: &Activation<'a>,
        budget: &mut Budget,
    ) -> Result<Value<'a>, Error> {
        eval::evaluate(&self.node, &self.variables, variables, budget)
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("type", self.output_type()).finish_non_exhaustive()
    }
}
