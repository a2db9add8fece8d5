//! Rules held against an object.

use std::cell::OnceCell;

use ironclad_api::field::{BadValue, FieldError, FieldErrors, Path};
use ironclad_cel::limits::{MAX_MESSAGE_EXPRESSION_BYTES, RUNTIME_COST_BUDGET};
use ironclad_cel::{Activation, Budget, Declared, Error, Value as Cel};
use serde_json::Value;

use super::correlation::Correlation;
use super::{Rule, RuleTree};
use crate::fields::add;
use crate::keyed_list::KeyedList;

/// How upstream prints the path of a whole object.
const NO_PATH: &str = "<nil>";
const OUT_OF_BUDGET: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

/// What rules say of an object.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) errors: FieldErrors,
    /// What was wrong before and has not changed.
    pub(crate) ratcheted: FieldErrors,
}

/// The rest of the budget has been used up, or nothing more may be run.
struct Stop;

struct Run {
    verdict: Verdict,
    /// What the rules that are left may cost.
    remaining: i64,
}

impl RuleTree {
    /// Holds the rules against a value that stands at `path`.
    pub(crate) fn check(&self, new: &Value, old: Option<&Value>, path: &Path) -> Verdict {
        let mut run = Run { verdict: Verdict::default(), remaining: RUNTIME_COST_BUDGET };
        let correlation = Correlation::root(new, old);
        // Whoever stopped has said why.
        let _ = run.tree(self, new, old, path, correlation);
        run.verdict
    }
}

impl Run {
    fn tree(
        &mut self,
        tree: &RuleTree,
        new: &Value,
        old: Option<&Value>,
        path: &Path,
        correlation: Correlation<'_>,
    ) -> Result<(), Stop> {
        let old = old.filter(|old| !old.is_null());
        if new.is_null() {
            return Ok(());
        }
        for rule in &tree.rules {
            self.rule(tree, rule, new, old, path, correlation)?;
        }
        match new {
            Value::Array(items) => self.items(tree, items, old, path, correlation),
            Value::Object(fields) => {
                for (name, value) in fields {
                    let (inner, at) = match (tree.properties.get(name), &tree.values) {
                        (Some(inner), _) => (inner, path.child(name)),
                        (None, Some(inner)) => (inner.as_ref(), path.key(name)),
                        (None, None) => continue,
                    };
                    let before = old.and_then(|old| old.get(name));
                    self.tree(inner, value, before, &at, correlation.field(name))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn items(
        &mut self,
        tree: &RuleTree,
        items: &[Value],
        old: Option<&Value>,
        path: &Path,
        correlation: Correlation<'_>,
    ) -> Result<(), Stop> {
        let Some(inner) = &tree.items else { return Ok(()) };
        let old = old.and_then(Value::as_array).filter(|_| !tree.list_keys.is_empty());
        let old = old.map(|old| KeyedList::new(old, &tree.list_keys));
        let same = OnceCell::new();
        let correlation = correlation.compared_once(&same);
        for (index, item) in items.iter().enumerate() {
            let before = old.as_ref().and_then(|old| old.find(item));
            self.tree(inner, item, before, &path.index(index), correlation.element(item, before))?;
        }
        Ok(())
    }

    fn rule(
        &mut self,
        tree: &RuleTree,
        rule: &Rule,
        new: &Value,
        old: Option<&Value>,
        path: &Path,
        correlation: Correlation<'_>,
    ) -> Result<(), Stop> {
        let mut refuse = |detail: String| {
            add(
                &mut self.verdict.errors,
                [FieldError::invalid(&named(path), tree.type_name.as_str(), detail)],
            );
        };
        if self.remaining <= 0 {
            refuse(OUT_OF_BUDGET.to_owned());
            return Err(Stop);
        }
        let program = match &rule.program {
            None => return Ok(()),
            Some(Err(why)) => {
                refuse(format!("rule compile error: {why}"));
                return Ok(());
            }
            Some(Ok(program)) => program,
        };
        let compares = program.uses("oldSelf");
        if compares && old.is_none() && !rule.optional_old_self {
            return Ok(());
        }
        let variables = variables(&tree.declared, rule, new, old);
        let mut budget = Budget::default();
        let answer = program.evaluate(&variables, &mut budget);
        let spent = i64::try_from(budget.spent()).unwrap_or(i64::MAX);
        if spent > self.remaining {
            refuse(OUT_OF_BUDGET.to_owned());
            return Err(Stop);
        }
        self.remaining -= spent;
        match answer {
            Ok(Cel::Bool(true)) => Ok(()),
            Ok(_) => {
                let error = self.failure(tree, rule, new, path, &variables)?;
                match !compares && correlation.is_unchanged() {
                    true => add(&mut self.verdict.ratcheted, [error]),
                    false => add(&mut self.verdict.errors, [error]),
                }
                Ok(())
            }
            Err(error) => {
                refuse(unevaluated(&error, rule));
                if error == Error::CostLimit { Err(Stop) } else { Ok(()) }
            }
        }
    }

    /// The error of a rule that does not hold.
    fn failure(
        &mut self,
        tree: &RuleTree,
        rule: &Rule,
        new: &Value,
        path: &Path,
        variables: &Activation<'_>,
    ) -> Result<FieldError, Stop> {
        let at = named(&rule.field_path.as_ref().map_or_else(|| path.clone(), |field| path.child(field)));
        let detail = match self.message(rule, variables) {
            Ok(Some(message)) => message,
            Ok(None) if rule.message.is_empty() => format!("failed rule: {}", rule.name()),
            Ok(None) => rule.name().to_owned(),
            Err(why) => {
                self.verdict.errors.push(FieldError::invalid(&at, tree.type_name.as_str(), why));
                return Err(Stop);
            }
        };
        let value = match tree.type_name.as_str() {
            "object" | "array" => BadValue::Omitted,
            _ => BadValue::from(new),
        };
        Ok(match rule.reason.as_deref() {
            Some("FieldValueForbidden") => FieldError::forbidden(&at, detail),
            Some("FieldValueRequired") => FieldError::required(&at, detail),
            Some("FieldValueDuplicate") => FieldError::duplicate(&at, value),
            _ => FieldError::invalid(&at, value, detail),
        })
    }

    /// What the rule's messageExpression says. `None` if it has none or says nothing that can
    /// be shown; `Err` if nothing more may be run.
    fn message(&mut self, rule: &Rule, variables: &Activation<'_>) -> Result<Option<String>, String> {
        let Some(Ok(program)) = &rule.message_program else { return Ok(None) };
        let source = ironclad_api::goprint::quote(&rule.message_source);
        let mut budget = Budget::default();
        let answer = program.evaluate(variables, &mut budget);
        let spent = i64::try_from(budget.spent()).unwrap_or(i64::MAX);
        if spent > self.remaining {
            return Err("messageExpression evaluation failed due to running out of cost budget, no further \
                        validation rules will be run"
                .to_owned());
        }
        if answer == Err(Error::CostLimit) {
            return Err(format!(
                "no further validation rules will be run due to call cost exceeds limit for messageExpression: {source}"
            ));
        }
        self.remaining -= spent;
        let text = answer.ok().and_then(|value| value.as_str().map(|text| text.trim().to_owned()));
        Ok(text.filter(|text| {
            !text.is_empty() && text.len() <= MAX_MESSAGE_EXPRESSION_BYTES && !text.contains('\n')
        }))
    }
}

fn named(path: &Path) -> Path {
    if path.as_str().is_empty() { Path::new(NO_PATH) } else { path.clone() }
}

fn variables<'a>(
    declared: &'a Declared,
    rule: &Rule,
    new: &'a Value,
    old: Option<&'a Value>,
) -> Activation<'a> {
    let variables = Activation::new().bind("self", Cel::typed(new, declared));
    let old = old.map(|old| Cel::typed(old, declared));
    match (rule.optional_old_self, old) {
        (true, old) => variables.bind("oldSelf", Cel::optional(old)),
        (false, Some(old)) => variables.bind("oldSelf", old),
        (false, None) => variables,
    }
}

fn unevaluated(error: &Error, rule: &Rule) -> String {
    let name = rule.name();
    match error {
        Error::CostLimit => {
            format!(
                "'{error}': no further validation rules will be run due to call cost exceeds limit for rule: {name}"
            )
        }
        error if error.is_no_such_overload() => format!(
            "'{error}': call arguments did not match a supported operator, function or macro signature for rule: {name}"
        ),
        error => format!("{error} evaluating rule: {name}"),
    }
}
