//! Label selectors: the text of query parameters (`a=b,c in (x,y),!d`) and the
//! `LabelSelector` of objects, matched against an object's labels.

use std::collections::BTreeMap;
use std::fmt;

use crate::field::{BadValue, FieldError, FieldErrors, Path, aggregate};
use crate::validation::{label_value, qualified_name};

mod parse;
mod selector;

pub use parse::ParseError;
pub use selector::{LabelSelector, LabelSelectorRequirement};

pub type Labels = BTreeMap<String, String>;

/// Requirements that must all hold, sorted by key. The default selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
    /// Selects no object at all: the selector of an absent `LabelSelector`.
    nothing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub key: String,
    pub operator: Operator,
    /// Sorted.
    pub values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equals,
    DoubleEquals,
    NotEquals,
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

impl Selector {
    pub fn everything() -> Self {
        Self::default()
    }

    pub fn nothing() -> Self {
        Self { requirements: Vec::new(), nothing: true }
    }

    pub fn new(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self { requirements, nothing: false }
    }

    /// Exactly these values, which are not validated.
    pub fn from_labels(labels: &Labels) -> Self {
        let equals = |(key, value): (&String, &String)| Requirement {
            key: key.clone(),
            operator: Operator::Equals,
            values: vec![value.clone()],
        };
        Self::new(labels.iter().map(equals).collect())
    }

    /// The text of a `labelSelector` parameter.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text).map(Self::new)
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        !self.nothing && self.requirements.iter().all(|requirement| requirement.matches(labels))
    }

    /// Whether every object is selected.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Adds requirements to those there are.
    pub fn and(self, more: impl IntoIterator<Item = Requirement>) -> Self {
        let nothing = self.nothing;
        let all = self.requirements.into_iter().chain(more).collect();
        Self { nothing, ..Self::new(all) }
    }

    /// The one value that `key` must have, for looking it up in an index.
    pub fn exact_value(&self, key: &str) -> Option<&str> {
        let requirement = self.requirements.iter().find(|requirement| requirement.key == key)?;
        match (requirement.operator, requirement.values.as_slice()) {
            (Operator::Equals | Operator::DoubleEquals | Operator::In, [value]) => Some(value),
            _ => None,
        }
    }
}

impl Requirement {
    /// Validated as upstream's `NewRequirement` does.
    pub fn new(key: &str, operator: Operator, values: Vec<String>) -> Result<Self, FieldErrors> {
        let mut requirement = Self { key: key.to_owned(), operator, values };
        let errors = requirement.validate();
        requirement.values.sort_unstable();
        if errors.is_empty() { Ok(requirement) } else { Err(errors) }
    }

    fn validate(&self) -> FieldErrors {
        let mut errors = FieldErrors::new();
        let faults = qualified_name(&self.key);
        if !faults.is_empty() {
            errors.push(FieldError::invalid(&Path::new("key"), &self.key, faults.join("; ")));
        }
        let path = Path::new("values");
        if let Some(detail) = self.operator.count_fault(self.values.len()) {
            let values = BadValue::Json(self.values.as_slice().into());
            errors.push(FieldError::invalid(&path, values, detail));
        }
        for (index, value) in self.values.iter().enumerate() {
            let numeric = matches!(self.operator, Operator::GreaterThan | Operator::LessThan);
            if numeric && value.parse::<i64>().is_err() {
                let detail = "for 'Gt', 'Lt' operators, the value must be an integer";
                errors.push(FieldError::invalid(&path.index(index), value, detail));
            }
        }
        for (index, value) in self.values.iter().enumerate() {
            let faults = label_value(value);
            if !faults.is_empty() {
                let path = path.index(index).key(&self.key);
                errors.push(FieldError::invalid(&path, value, faults.join("; ")));
            }
        }
        errors
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        let actual = labels.get(&self.key);
        let listed = |value: &String| self.values.binary_search(value).is_ok();
        match self.operator {
            Operator::Equals | Operator::DoubleEquals | Operator::In => actual.is_some_and(listed),
            Operator::NotEquals | Operator::NotIn => !actual.is_some_and(listed),
            Operator::Exists => actual.is_some(),
            Operator::DoesNotExist => actual.is_none(),
            Operator::GreaterThan => self.compares(actual, |actual, bound| actual > bound),
            Operator::LessThan => self.compares(actual, |actual, bound| actual < bound),
        }
    }

    fn compares(&self, actual: Option<&String>, holds: fn(i64, i64) -> bool) -> bool {
        let [bound] = self.values.as_slice() else { return false };
        let number = |text: &String| text.parse::<i64>().ok();
        actual.and_then(number).zip(number(bound)).is_some_and(|(actual, bound)| holds(actual, bound))
    }
}

impl Operator {
    /// As it stands in upstream's list of operators.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equals => "=",
            Self::DoubleEquals => "==",
            Self::NotEquals => "!=",
            Self::In => "in",
            Self::NotIn => "notin",
            Self::Exists => "exists",
            Self::DoesNotExist => "!",
            Self::GreaterThan => "gt",
            Self::LessThan => "lt",
        }
    }

    fn count_fault(self, count: usize) -> Option<&'static str> {
        match self {
            Self::In | Self::NotIn => {
                (count == 0).then_some("for 'in', 'notin' operators, values set can't be empty")
            }
            Self::Equals | Self::DoubleEquals | Self::NotEquals => {
                (count != 1).then_some("exact-match compatibility requires one single value")
            }
            Self::Exists | Self::DoesNotExist => {
                (count != 0).then_some("values set must be empty for exists and does not exist")
            }
            Self::GreaterThan | Self::LessThan => {
                (count != 1).then_some("for 'Gt', 'Lt' operators, exactly one value is required")
            }
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            write!(f, "{}{requirement}", if index > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        let values = values.join(",");
        match self.operator {
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::In | Operator::NotIn => write!(f, "{key} {} ({values})", self.operator.as_str()),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
            exact => write!(f, "{key}{}{values}", exact.as_str()),
        }
    }
}

/// The errors of one requirement in one text.
fn joined(errors: &[FieldError]) -> String {
    aggregate(errors).unwrap_or_default()
}

#[cfg(test)]
mod tests;
