//! `metav1.LabelSelector`: the selector as objects carry it.

use serde::{Deserialize, Serialize};

use super::{Labels, Operator, Requirement, Selector, joined};
use crate::field::{FieldError, FieldErrors, Path};
use crate::goprint::quote;
use crate::validation::{invalid_each, label, label_value};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    #[serde(skip_serializing_if = "Labels::is_empty", deserialize_with = "null_is_default")]
    pub match_labels: Labels,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelSelectorRequirement {
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub values: Vec<String>,
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl LabelSelector {
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// For matching. An empty selector selects everything; the selector of a field that is
    /// absent selects nothing (`Selector::nothing`). The error is upstream's text.
    pub fn to_selector(&self) -> Result<Selector, String> {
        let equals = self.match_labels.iter().map(|(key, value)| {
            Requirement::new(key, Operator::Equals, vec![value.clone()]).map_err(|errors| joined(&errors))
        });
        let expressions = self.match_expressions.iter().map(LabelSelectorRequirement::to_requirement);
        equals.chain(expressions).collect::<Result<_, _>>().map(Selector::new)
    }

    pub fn validate(&self, path: &Path) -> FieldErrors {
        self.check(path, false)
    }

    /// For updates of objects whose stored selector has invalid values already.
    pub fn validate_allowing_invalid_values(&self, path: &Path) -> FieldErrors {
        self.check(path, true)
    }

    /// Whether an expression has a value that is no label value.
    pub fn has_invalid_value(&self) -> bool {
        let values = self.match_expressions.iter().flat_map(|expression| &expression.values);
        values.into_iter().any(|value| !label_value(value).is_empty())
    }

    fn check(&self, path: &Path, allow_invalid_values: bool) -> FieldErrors {
        let mut errors = label::labels(&path.child("matchLabels"), &self.match_labels);
        let path = path.child("matchExpressions");
        for (index, expression) in self.match_expressions.iter().enumerate() {
            errors.extend(expression.validate(&path.index(index), allow_invalid_values));
        }
        errors
    }
}

impl LabelSelectorRequirement {
    pub fn to_requirement(&self) -> Result<Requirement, String> {
        let operator = match self.operator.as_str() {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => return Err(format!("{} is not a valid label selector operator", quote(other))),
        };
        Requirement::new(&self.key, operator, self.values.clone()).map_err(|errors| joined(&errors))
    }

    pub fn validate(&self, path: &Path, allow_invalid_values: bool) -> FieldErrors {
        let mut errors = FieldErrors::new();
        let values = path.child("values");
        match self.operator.as_str() {
            "In" | "NotIn" if self.values.is_empty() => {
                let detail = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.push(FieldError::required(&values, detail));
            }
            "Exists" | "DoesNotExist" if !self.values.is_empty() => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.push(FieldError::forbidden(&values, detail));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                let detail = "not a valid selector operator";
                errors.push(FieldError::invalid(&path.child("operator"), other, detail));
            }
        }
        errors.extend(label::label_key(&path.child("key"), &self.key));
        if !allow_invalid_values {
            for (index, value) in self.values.iter().enumerate() {
                errors.extend(invalid_each(&values.index(index), value, label_value(value)));
            }
        }
        errors
    }
}
