//! Match conditions: all must hold for a webhook to be asked.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use ironclad_api::field::aggregate_texts;
use ironclad_api::{FieldError, Path};
use ironclad_cel::policy::{Expression, Wanted};
use ironclad_cel::{Activation, Budget, Declared, Environment, Value};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::reviews::or_default;

const MOST: usize = 64;

/// As the file writes it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Condition {
    #[serde(deserialize_with = "or_default")]
    pub expression: String,
}

#[derive(Default)]
pub struct Conditions(Vec<Expression>);

/// The type of `request`: the `spec` of a SubjectAccessReview.
static REQUEST: LazyLock<Arc<Declared>> = LazyLock::new(|| {
    let text = Declared::string;
    let texts = || Declared::list(Declared::string());
    let selector = |name: &str| {
        let requirement = [("key", text()), ("operator", text()), ("values", texts())];
        let requirement = Declared::object("kubernetes.SelectorRequirement", requirement);
        let fields = [("rawSelector", text()), ("requirements", Declared::list(requirement))];
        Declared::object(name, fields)
    };
    let resource = [
        ("namespace", text()),
        ("verb", text()),
        ("group", text()),
        ("version", text()),
        ("resource", text()),
        ("subresource", text()),
        ("name", text()),
        ("fieldSelector", selector("kubernetes.FieldSelectorAttributes")),
        ("labelSelector", selector("kubernetes.LabelSelectorAttributes")),
    ];
    let path = Declared::object("kubernetes.NonResourceAttributes", [("path", text()), ("verb", text())]);
    Arc::new(Declared::object(
        "kubernetes.SubjectAccessReviewSpec",
        [
            ("resourceAttributes", Declared::object("kubernetes.ResourceAttributes", resource)),
            ("nonResourceAttributes", path),
            ("user", text()),
            ("groups", texts()),
            ("extra", Declared::map(texts())),
            ("uid", text()),
        ],
    ))
});

static ENVIRONMENT: LazyLock<Environment> =
    LazyLock::new(|| Environment::new().variable("request", REQUEST.cel_type()));

impl Conditions {
    pub fn compile(conditions: &[Condition], path: &Path, errors: &mut Vec<FieldError>) -> Self {
        if conditions.len() > MOST {
            errors.push(FieldError::too_many(path, conditions.len(), MOST));
            return Self::default();
        }
        let (mut seen, mut compiled) = (BTreeSet::new(), Vec::new());
        for (index, condition) in conditions.iter().enumerate() {
            let (path, text) = (path.index(index).child("expression"), condition.expression.as_str());
            if text.trim().is_empty() {
                errors.push(FieldError::required(&path, ""));
                continue;
            }
            if !seen.insert(text) {
                errors.push(FieldError::duplicate(&path, text));
                continue;
            }
            let expression = Expression::compile(&ENVIRONMENT, text, Wanted::Bool);
            match &expression.program {
                Ok(_) => compiled.push(expression),
                Err(why) => errors.push(FieldError::invalid(&path, text, why.as_str())),
            }
        }
        Self(compiled)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `request` has every field of users and attributes, empty ones too. One condition that is false is enough,
    /// whatever is wrong with the others.
    pub fn hold(&self, request: &Json) -> Result<bool, String> {
        let activation = Activation::new().bind("request", Value::typed(request, &REQUEST));
        let mut errors = Vec::new();
        for expression in &self.0 {
            let Ok(program) = &expression.program else { continue };
            match program.evaluate(&activation, &mut Budget::default()) {
                Ok(Value::Bool(false)) => return Ok(false),
                Ok(_) => {}
                Err(why) => errors.push(format!(
                    "cel evaluation error: expression '{}' resulted in error: {why}",
                    expression.text
                )),
            }
        }
        aggregate_texts(errors).map_or(Ok(true), Err)
    }
}
