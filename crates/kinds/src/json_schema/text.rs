//! Limits of strings.

use super::Pattern;
use super::outcome::{Outcome, Problem};
use super::trail::Trail;

#[derive(Debug, Default)]
pub(super) struct Limits {
    /// In characters.
    pub max_length: Option<i64>,
    pub min_length: Option<i64>,
    pub pattern: Option<Pattern>,
}

impl Limits {
    /// Only the first limit that is not kept is told of.
    pub(super) fn check(&self, text: &str, trail: &Trail<'_>) -> Outcome {
        let problem = self.length(text, trail).or_else(|| self.pattern(text, trail));
        problem.map_or_else(Outcome::default, Outcome::failed)
    }

    fn length(&self, text: &str, trail: &Trail<'_>) -> Option<Problem> {
        if self.max_length.is_none() && self.min_length.is_none() {
            return None;
        }
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if let Some(max) = self.max_length.filter(|max| length > *max) {
            return Some(Problem::too_long(trail.to_string(), max));
        }
        let min = self.min_length.filter(|min| length < *min)?;
        Some(Problem::invalid(trail.to_string(), text, &format!("should be at least {min} chars long")))
    }

    fn pattern(&self, text: &str, trail: &Trail<'_>) -> Option<Problem> {
        let pattern = self.pattern.as_ref()?;
        let source = &pattern.source;
        let why = match &pattern.regex {
            Ok(regex) if regex.is_match(text) => return None,
            Ok(_) => format!("should match '{source}'"),
            Err(error) => format!("should match '{source}, but pattern is invalid: {error}'"),
        };
        Some(Problem::invalid(trail.to_string(), text, &why))
    }
}
