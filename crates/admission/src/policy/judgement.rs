//! What a validating policy makes of one request with one parameter.

use ironclad_cel::{Activation, Value, limits};
use serde::Deserialize;

use super::definition::{Policy, Rules};
use crate::expressions::{Budget, Expression, Matched, Run, Scope, Variables, Wanted};
use crate::reading;

/// The rules of a validating policy.
pub(super) struct Validations {
    validations: Vec<Validation>,
    annotations: Vec<Annotation>,
}

struct Validation {
    expression: Expression,
    message: String,
    message_expression: Option<Expression>,
    reason: Option<String>,
}

struct Annotation {
    key: String,
    expression: Expression,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    #[serde(deserialize_with = "reading::or_default")]
    validations: Vec<ValidationSpec>,
    #[serde(deserialize_with = "reading::or_default")]
    audit_annotations: Vec<AnnotationSpec>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ValidationSpec {
    expression: String,
    message: String,
    message_expression: String,
    reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AnnotationSpec {
    key: String,
    value_expression: String,
}

impl Rules for Validations {
    type Spec = Spec;
    const POLICIES: &'static str = "validatingadmissionpolicies";
    const BINDINGS: &'static str = "validatingadmissionpolicybindings";

    fn compile(spec: Spec, scope: &Scope) -> Self {
        let environment = scope.environment();
        // Messages must not tell what the user may do elsewhere.
        let of_messages = Scope { authorizer: false, ..scope.clone() }.environment();
        let validation = |spec: ValidationSpec| Validation {
            expression: Expression::compile(&environment, &spec.expression, Wanted::Bool),
            message_expression: (!spec.message_expression.is_empty())
                .then(|| Expression::compile(&of_messages, &spec.message_expression, Wanted::Text)),
            message: spec.message,
            reason: spec.reason,
        };
        let annotation = |spec: AnnotationSpec| Annotation {
            expression: Expression::compile(&environment, &spec.value_expression, Wanted::TextOrNull),
            key: spec.key,
        };
        Self {
            validations: spec.validations.into_iter().map(validation).collect(),
            annotations: spec.audit_annotations.into_iter().map(annotation).collect(),
        }
    }
}

/// An objection of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Denial {
    /// Which of the policy's validations objects.
    pub index: usize,
    pub message: String,
    /// Empty: upstream's default.
    pub reason: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judgement {
    pub denials: Vec<Denial>,
    /// Keys and values for the audit log.
    pub annotations: Vec<(String, String)>,
    /// Annotations that cannot be made refuse the request, whatever the binding's actions.
    pub failed_annotations: Vec<String>,
}

impl Policy<Validations> {
    /// `activation` has everything but the policy's variables.
    pub fn judge(&self, activation: &Activation<'_>) -> Judgement {
        if !self.conditions.is_empty() {
            let variables = Variables::new(&self.variables);
            match self.conditions.check(&mut self.run(&variables, activation)) {
                Matched::Yes => {}
                Matched::No => return Judgement::default(),
                Matched::Error(why) => return self.failed(why),
            }
        }
        let (mut denials, left) = match self.validate(activation) {
            Ok(validated) => validated,
            Err(why) => return self.failed(why),
        };
        self.explain(activation, &mut denials, left);
        let mut judgement = self.annotate(activation);
        if judgement.denials.is_empty() {
            judgement.denials = denials.into_iter().map(|objection| objection.denial).collect();
        }
        judgement
    }

    fn run<'a>(&'a self, variables: &'a Variables<'a>, activation: &Activation<'a>) -> Run<'a> {
        let activation = variables.bind(activation.clone());
        Run { activation, variables: Some(variables), budget: Budget(limits::RUNTIME_COST_BUDGET) }
    }

    /// An error as the only objection, unless the policy lets errors pass.
    fn failed(&self, why: String) -> Judgement {
        let denial = Denial { index: 0, message: why, reason: String::new() };
        Judgement { denials: if self.fails_open { Vec::new() } else { vec![denial] }, ..Judgement::default() }
    }

    /// The objections, and what is left of the budget.
    fn validate(&self, activation: &Activation<'_>) -> Result<(Vec<Objection>, Budget), String> {
        let variables = Variables::new(&self.variables);
        let mut run = self.run(&variables, activation);
        let mut objections = Vec::new();
        for (index, validation) in self.rules.validations.iter().enumerate() {
            let value = run.evaluate(&validation.expression).map_err(|exhausted| exhausted.to_string())?;
            let (message, reason, settled) = match value {
                Ok(Value::Bool(true)) => continue,
                Err(_) if self.fails_open => continue,
                Err(why) => (why, String::new(), true),
                Ok(_) => {
                    let reason = validation.reason.clone().unwrap_or_else(|| "Invalid".to_owned());
                    (validation.message(), reason, false)
                }
            };
            objections.push(Objection { denial: Denial { index, message, reason }, settled });
        }
        Ok((objections, run.budget))
    }

    /// Lets messageExpressions say why, in the place of the fixed messages.
    fn explain(&self, activation: &Activation<'_>, objections: &mut [Objection], left: Budget) {
        let variables = Variables::new(&self.variables);
        let mut run = self.run(&variables, activation);
        run.budget = left;
        for (index, validation) in self.rules.validations.iter().enumerate() {
            let Some(expression) = &validation.message_expression else { continue };
            let objection = objections.iter_mut().find(|objection| objection.denial.index == index);
            let value = match run.evaluate(expression) {
                Ok(value) => value,
                Err(exhausted) => {
                    let why = format!("failed messageExpression: {exhausted}");
                    return objections.iter_mut().filter(|objection| !objection.settled).for_each(
                        |objection| {
                            objection.denial.message = why.clone();
                            objection.denial.reason.clear();
                        },
                    );
                }
            };
            if let (Some(objection), Ok(value)) = (objection, value)
                && !objection.settled
                && let Some(message) = usable_message(&value)
            {
                objection.denial.message = message.to_owned();
            }
        }
    }

    fn annotate(&self, activation: &Activation<'_>) -> Judgement {
        let variables = Variables::new(&self.variables);
        let mut run = self.run(&variables, activation);
        let mut judgement = Judgement::default();
        for annotation in &self.rules.annotations {
            let value = match run.evaluate(&annotation.expression) {
                Ok(value) => value,
                Err(exhausted) => return self.failed(exhausted.to_string()),
            };
            match value {
                Ok(value) => {
                    let text = value.as_str().unwrap_or_default().trim();
                    if !text.is_empty() {
                        judgement.annotations.push((annotation.key.clone(), text.to_owned()));
                    }
                }
                Err(_) if self.fails_open => {}
                Err(why) => judgement.failed_annotations.push(why),
            }
        }
        judgement
    }
}

struct Objection {
    denial: Denial,
    /// Its message is an error, which no messageExpression replaces.
    settled: bool,
}

impl Validation {
    /// Without a messageExpression.
    fn message(&self) -> String {
        match self.message.trim() {
            "" => format!("failed expression: {}", self.expression.text.trim()),
            message => message.to_owned(),
        }
    }
}

/// A message must be one line, and not a long one.
fn usable_message<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    let message = value.as_str()?.trim();
    let usable = !message.is_empty()
        && message.len() <= limits::MAX_MESSAGE_EXPRESSION_BYTES
        && !message.contains('\n');
    usable.then_some(message)
}
