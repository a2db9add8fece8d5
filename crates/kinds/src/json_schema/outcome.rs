//! What a check found, and how it is told.

use std::collections::HashSet;

use ironclad_api::field::{BadValue, FieldError, FieldErrors, Path};
use ironclad_api::goprint;
use serde_json::Value;

use crate::fields::MOST_ERRORS;

/// How upstream prints the path of a whole object.
const NO_PATH: &str = "<nil>";

/// Errors, and how many checks were met: of several schemas that failed, the one that met
/// most is told of.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    problems: Vec<Problem>,
    pub matches: usize,
}

/// One error.
#[derive(Debug)]
pub(super) struct Problem {
    /// The text by which repetitions are told.
    message: String,
    /// Where it is; `None` if it is not about one field.
    at: Option<String>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Required,
    NotSupported { value: Value, allowed: Vec<String> },
    TooLong { max: i64 },
    TooMany { actual: i64, max: i64 },
    Type { value: Value },
    Invalid { value: BadValue },
}

impl Outcome {
    /// One check that was met.
    pub(super) fn met() -> Self {
        Self { problems: Vec::new(), matches: 1 }
    }

    pub(super) fn failed(problem: Problem) -> Self {
        Self { problems: vec![problem], matches: 0 }
    }

    pub(super) fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn add(&mut self, problem: Problem) {
        if self.problems.len() < MOST_ERRORS {
            self.problems.push(problem);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.matches += other.matches;
        other.problems.into_iter().for_each(|problem| self.add(problem));
    }

    /// Lets pass what was found.
    pub(super) fn forgiven(self) -> Self {
        Self { problems: Vec::new(), ..self }
    }

    /// What several schemas say in the same words is told once.
    pub(super) fn into_field_errors(self, base: Option<&Path>) -> FieldErrors {
        let mut told = HashSet::new();
        let mut problems = self.problems;
        problems.retain(|problem| told.insert(problem.message.clone()));
        problems.into_iter().map(|problem| problem.into_field_error(base)).collect()
    }
}

impl Problem {
    /// A text that is not about one field's value.
    pub(super) fn whole(message: String) -> Self {
        Self { message, at: None, kind: Kind::Invalid { value: "".into() } }
    }

    pub(super) fn required(at: String) -> Self {
        Self { message: format!("{at} in body is required"), at: Some(at), kind: Kind::Required }
    }

    pub(super) fn not_supported(at: String, value: &Value, members: &[Value]) -> Self {
        let text = |member: &Value| member.as_str().map_or_else(|| goprint::json(member), str::to_owned);
        let allowed: Vec<String> = members.iter().map(text).collect();
        let message = format!("{at} in body should be one of [{}]", allowed.join(" "));
        Self { message, at: Some(at), kind: Kind::NotSupported { value: value.clone(), allowed } }
    }

    pub(super) fn too_long(at: String, max: i64) -> Self {
        let message = format!("{at} in body should be at most {max} chars long");
        Self { message, at: Some(at), kind: Kind::TooLong { max } }
    }

    pub(super) fn too_many(at: String, actual: i64, max: i64, what: &str) -> Self {
        let message = format!("{at} in body should have at most {max} {what}");
        Self { message, at: Some(at), kind: Kind::TooMany { actual, max } }
    }

    /// `found` is the type or the text that was found.
    pub(super) fn of_type(at: String, wanted: &str, found: &str) -> Self {
        let message = format!("{at} in body must be of type {wanted}: {}", goprint::quote(found));
        Self { message, at: Some(at), kind: Kind::Type { value: found.into() } }
    }

    /// Anything else about a value; the message follows the path and `in body`.
    pub(super) fn invalid(at: String, value: impl Into<BadValue>, why: &str) -> Self {
        let message = format!("{at} in body {why}");
        Self { message, at: Some(at), kind: Kind::Invalid { value: value.into() } }
    }

    /// The same with a message of its own.
    pub(super) fn worded(at: String, value: impl Into<BadValue>, message: String) -> Self {
        Self { message, at: Some(at), kind: Kind::Invalid { value: value.into() } }
    }

    fn into_field_error(self, base: Option<&Path>) -> FieldError {
        let name = self.at.as_deref().unwrap_or_default();
        let name = name.strip_prefix('.').unwrap_or(name);
        let path = match (base, name) {
            (base, "") => base.cloned().unwrap_or_else(|| Path::new(NO_PATH)),
            (Some(base), name) => base.child(name),
            (None, name) => Path::new(name),
        };
        let max_of = |max: i64| usize::try_from(max).unwrap_or(0);
        match self.kind {
            Kind::Required => FieldError::required(&path, ""),
            Kind::NotSupported { value, allowed } => {
                FieldError::not_supported(&path, value, allowed.iter().map(String::as_str))
            }
            Kind::TooLong { max } => FieldError::too_long(&path, max_of(max)),
            Kind::TooMany { actual, max } => FieldError::too_many(&path, max_of(actual), max_of(max)),
            Kind::Type { value } => FieldError::type_invalid(&path, value, self.message),
            Kind::Invalid { value } => FieldError::invalid(&path, value, self.message),
        }
    }
}
