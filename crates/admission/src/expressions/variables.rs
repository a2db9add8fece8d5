//! A policy's own variables: each is evaluated at most once per run, when it is first read.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use ironclad_api::goprint::quote;
use ironclad_cel::policy::Definition;
use ironclad_cel::{Activation, Budget, Error, Fields, Map, Value};

/// The variables of one run over a list of expressions.
pub(crate) struct Variables<'a> {
    definitions: &'a [Definition],
    values: Vec<OnceLock<Result<Value<'a>, Error>>>,
    /// What the expressions of variables see: everything of the request, and the variables.
    activation: OnceLock<Activation<'a>>,
    /// Cost that nobody has counted yet.
    cost: AtomicI64,
}

impl<'a> Variables<'a> {
    pub fn new(definitions: &'a [Definition]) -> Self {
        Self {
            definitions,
            values: definitions.iter().map(|_| OnceLock::new()).collect(),
            activation: OnceLock::new(),
            cost: AtomicI64::new(0),
        }
    }

    /// The activation with these variables in it.
    pub fn bind(&'a self, activation: Activation<'a>) -> &'a Activation<'a> {
        self.activation.get_or_init(|| activation.bind("variables", Value::Map(Map::Lazy(self))))
    }

    /// What variables have cost since the last call.
    pub fn take_cost(&self) -> i64 {
        self.cost.swap(0, Ordering::Relaxed)
    }

    fn evaluate(&self, definition: &'a Definition) -> Result<Value<'a>, Error> {
        let name = quote(&definition.name);
        let program = definition.expression.program.as_ref();
        let program = program
            .map_err(|why| Error::new(format!("composited variable {name} fails to compile: {why}")))?;
        let Some(activation) = self.activation.get() else {
            return Err(Error::new(format!("composited variable {name} fails to evaluate: no activation")));
        };
        let mut budget = Budget::default();
        let value = program.evaluate(activation, &mut budget);
        self.cost.fetch_add(i64::try_from(budget.spent()).unwrap_or(i64::MAX), Ordering::Relaxed);
        value.map_err(|why| Error::new(format!("composited variable {name} fails to evaluate: {why}")))
    }
}

impl Fields for Variables<'_> {
    fn field(&self, name: &str) -> Option<Result<Value<'_>, Error>> {
        let at = self.definitions.iter().position(|definition| definition.name == name)?;
        let definition = self.definitions.get(at)?;
        Some(self.values.get(at)?.get_or_init(|| self.evaluate(definition)).clone())
    }
}
