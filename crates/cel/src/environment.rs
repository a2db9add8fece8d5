//! What an expression may refer to.

use crate::check;
use crate::issue::Issues;
use crate::parser;
use crate::plan;
use crate::program::Program;
use crate::source::Source;
use crate::types::Type;

/// The variables that expressions may use. The functions are those of Kubernetes 1.36.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: Vec<(String, Type)>,
    messages: bool,
    bindings: bool,
}

/// Why an expression is refused. Prints with the words that the API's field errors begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompileError {
    /// It does not parse, or its types do not fit.
    Issues(Issues),
    /// A constant in it has no value: `int('a')`.
    Instantiation(String),
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CompileError::Issues(issues) => write!(f, "compilation failed: {issues}"),
            CompileError::Instantiation(why) => write!(f, "program instantiation failed: {why}"),
        }
    }
}

impl std::error::Error for CompileError {}

impl Environment {
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a variable.
    pub fn variable(mut self, name: impl Into<String>, of: Type) -> Self {
        self.variables.push((name.into(), of));
        self
    }

    /// Lets expressions make `Object{...}` and `JSONPatch{...}`, as mutating policies do.
    pub fn messages(mut self) -> Self {
        self.messages = true;
        self
    }

    /// Lets expressions name a value by `cel.bind(name, value, expression)`.
    pub fn bindings(mut self) -> Self {
        self.bindings = true;
        self
    }

    /// Parses, checks and plans an expression.
    pub fn compile(&self, expression: &str) -> Result<Program, CompileError> {
        let source = Source::new(expression);
        let (expr, ids) = parser::parse(&source, self.bindings).map_err(CompileError::Issues)?;
        let checked = check::check(self, &source, expr, ids).map_err(CompileError::Issues)?;
        let (node, variables) =
            plan::plan(&checked).map_err(|why| CompileError::Instantiation(why.to_string()))?;
        Ok(Program::new(checked, node, variables))
    }

    pub(crate) fn variable_type(&self, name: &str) -> Option<&Type> {
        self.variables.iter().rev().find(|(known, _)| known == name).map(|(_, of)| of)
    }

    pub(crate) fn makes_messages(&self) -> bool {
        self.messages
    }
}
