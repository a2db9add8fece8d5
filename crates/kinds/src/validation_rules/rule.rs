//! One rule.

use std::sync::Arc;

use ironclad_cel::{CompileError, Declared, Environment, Program, Type};
use serde_json::Value;

use super::{Keywords, path};

/// A rule, compiled.
pub(crate) struct Rule {
    pub(crate) expression: String,
    pub(super) message: String,
    pub(super) reason: Option<String>,
    /// The field that an error is about, below the one that the rule stands at.
    pub(super) field_path: Option<String>,
    pub(super) optional_old_self: bool,
    /// Absent if the rule is empty.
    pub(crate) program: Option<Result<Program, String>>,
    pub(super) message_source: String,
    pub(crate) message_program: Option<Result<Program, String>>,
}

impl Rule {
    /// Compiles a rule of a schema whose values are of the declared type.
    pub(crate) fn compile(rule: &Keywords, schema: &Value, declared: &Arc<Declared>) -> Self {
        let text = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
        let optional_old_self = rule.get("optionalOldSelf") == Some(&Value::Bool(true));
        let of = declared.cel_type();
        let old = if optional_old_self { Type::optional(of.clone()) } else { of.clone() };
        let environment = Environment::new().variable("self", of).variable("oldSelf", old);
        let (expression, message_source) = (text("rule"), text("messageExpression"));
        let program = (!expression.trim().is_empty()).then(|| condition(&environment, expression));
        // A message is only looked at if its rule is sound.
        let sound = matches!(program, Some(Ok(_))) && !message_source.is_empty();
        Self {
            expression: expression.to_owned(),
            message: text("message").to_owned(),
            reason: rule.get("reason").and_then(Value::as_str).map(str::to_owned),
            field_path: path::find(text("fieldPath"), schema, true)
                .ok()
                .map(|found| found.path)
                .filter(|path| !path.is_empty()),
            optional_old_self,
            program,
            message_source: message_source.to_owned(),
            message_program: sound.then(|| message(&environment, message_source)),
        }
    }

    /// Whether the rule compares with the old value.
    pub(crate) fn uses_old_self(&self) -> bool {
        matches!(&self.program, Some(Ok(program)) if program.uses("oldSelf"))
    }

    /// What names the rule in error texts.
    pub(super) fn name(&self) -> &str {
        if self.message.is_empty() { self.expression.trim() } else { self.message.trim() }
    }
}

fn condition(environment: &Environment, expression: &str) -> Result<Program, String> {
    let program = environment.compile(expression).map_err(|error| error.to_string())?;
    match program.output_type() {
        Type::Bool => Ok(program),
        _ => Err("cel expression must evaluate to a bool".to_owned()),
    }
}

fn message(environment: &Environment, expression: &str) -> Result<Program, String> {
    let program = environment.compile(expression).map_err(|error| match error {
        CompileError::Issues(issues) => format!("messageExpression compilation failed: {issues}"),
        CompileError::Instantiation(why) => format!("messageExpression instantiation failed: {why}"),
    })?;
    match program.output_type() {
        Type::String => Ok(program),
        _ => Err("messageExpression must evaluate to a string".to_owned()),
    }
}
