//! Whether expressions compile, and give what they must give.

use ironclad_api::field::{FieldError, Path};
use ironclad_cel::policy::{Definitions, Expression, Scope, Wanted, compile_variables};

use super::Phase;
use super::shape::PolicySpec;

/// Upstream takes it for a fault of its own.
const INTERNAL: &str = "program instantiation failed";

/// The expressions of one object.
pub(super) struct Compiler {
    /// With the policy's variables.
    scope: Scope,
    definitions: Definitions,
}

impl Compiler {
    /// For match conditions of webhooks.
    pub(super) fn of_webhook() -> Self {
        let scope = Scope { authorizer: true, ..Scope::default() };
        Self { scope, definitions: Definitions::new() }
    }

    pub(super) fn of_policy(phase: Phase, spec: &PolicySpec) -> Self {
        let scope = Scope { params: spec.param_kind.is_some(), authorizer: true, ..Scope::default() };
        // A validating policy without variables does not know the word.
        if phase == Phase::Validating && spec.variables.is_empty() {
            return Self { scope, definitions: Definitions::new() };
        }
        let given = spec.variables.iter().filter(|variable| !variable.expression.trim().is_empty());
        let variables = given.map(|variable| (variable.name.clone(), variable.expression.clone())).collect();
        let (definitions, scope) = compile_variables(variables, scope);
        Self { scope, definitions }
    }

    pub(super) fn match_condition(&self, text: &str, path: &Path) -> Option<FieldError> {
        let scope = Scope { variables: None, ..self.scope.clone() };
        error(&Expression::compile(&scope.environment(), text, Wanted::Bool), text, path)
    }

    /// The error of a variable, by its name.
    pub(super) fn variable(&self, name: &str, path: &Path) -> Option<FieldError> {
        let definition = self.definitions.iter().find(|definition| definition.name == name)?;
        error(&definition.expression, &definition.expression.text, path)
    }

    pub(super) fn validation(&self, text: &str, path: &Path) -> Option<FieldError> {
        error(&Expression::compile(&self.scope.environment(), text, Wanted::Bool), text, path)
    }

    pub(super) fn message(&self, text: &str, path: &Path) -> Option<FieldError> {
        let scope = Scope { authorizer: false, ..self.scope.clone() };
        error(&Expression::compile(&scope.environment(), text, Wanted::Text), text, path)
    }

    pub(super) fn audit_annotation(&self, text: &str, path: &Path) -> Option<FieldError> {
        let expression = Expression::compile(&self.scope.environment(), text.trim(), Wanted::TextOrNull);
        error(&expression, text, path)
    }

    /// What makes a patch, which must be of the wanted type.
    pub(super) fn patch(&self, text: &str, wanted: Wanted, path: &Path) -> Option<FieldError> {
        let scope = Scope { messages: true, ..self.scope.clone() };
        let text = text.trim();
        error(&Expression::compile(&scope.environment(), text, wanted), text, path)
    }
}

/// The one place where it is decided how an expression that does not compile is told of.
fn error(expression: &Expression, text: &str, path: &Path) -> Option<FieldError> {
    let why = expression.program.as_ref().err()?;
    Some(match why.starts_with(INTERNAL) {
        true => FieldError::internal(path, why),
        false => FieldError::invalid(path, text, why.as_str()),
    })
}
