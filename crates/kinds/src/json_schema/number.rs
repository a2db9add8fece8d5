//! Limits of numbers. Limits are floats in the API; integers are compared as integers.

use ironclad_api::goprint;
use serde_json::{Number, Value};

use super::outcome::{Outcome, Problem};
use super::trail::Trail;

#[derive(Debug, Default)]
pub(super) struct Limits {
    /// Where the type is the one word `integer`.
    pub integer: bool,
    /// `int32`, `int64`, `float` or `double`, where it fits the type.
    pub format: Option<String>,
    pub multiple_of: Option<f64>,
    pub maximum: Option<f64>,
    pub exclusive_maximum: bool,
    pub minimum: Option<f64>,
    pub exclusive_minimum: bool,
}

/// A JSON number as Go decodes it.
#[derive(Clone, Copy)]
enum Found {
    Integer(i64),
    Float(f64),
}

/// What a limit finds wrong.
enum Fault {
    Value(String),
    /// The limit itself makes no sense.
    Factor(String),
}

impl Found {
    fn read(number: &Number) -> Self {
        number.as_i64().map_or_else(|| Self::Float(number.as_f64().unwrap_or_default()), Self::Integer)
    }

    fn float(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }

    fn value(self) -> Value {
        match self {
            Self::Integer(integer) => integer.into(),
            Self::Float(float) => float.into(),
        }
    }
}

impl Limits {
    pub(super) fn check(&self, number: &Number, trail: &Trail<'_>) -> Outcome {
        let mut outcome = Outcome::met();
        let found = Found::read(number);
        let out_of_range = |found: Found, what: &str| self.out_of_range(found, what, trail);
        out_of_range(found, "Checked").into_iter().for_each(|problem| outcome.add(problem));
        type Check = fn(Found, f64, bool) -> Option<Fault>;
        let limits: [(Option<f64>, &str, Check, bool); 3] = [
            (self.multiple_of, "MultipleOf", not_multiple, false),
            (self.minimum, "Minimum boundary", below, self.exclusive_minimum),
            (self.maximum, "Maximum boundary", above, self.exclusive_maximum),
        ];
        for (limit, name, check, exclusive) in limits {
            let Some(limit) = limit else { continue };
            let unfit = out_of_range(Found::Float(limit), name);
            // A limit that the type cannot hold is compared as a float.
            let compared = if unfit.is_some() { Found::Float(found.float()) } else { found };
            unfit.into_iter().for_each(|problem| outcome.add(problem));
            let at = trail.to_string();
            match check(compared, limit, exclusive) {
                Some(Fault::Value(why)) => outcome.add(Problem::invalid(at, compared.value(), &why)),
                Some(Fault::Factor(factor)) => {
                    let message = format!("factor MultipleOf declared for {at} must be positive: {factor}");
                    outcome.add(Problem::worded(at, limit, message));
                }
                None => {}
            }
        }
        outcome
    }

    fn out_of_range(&self, found: Found, what: &str, trail: &Trail<'_>) -> Option<Problem> {
        let format = self.format.as_deref();
        let fits = match (self.integer, format) {
            (true, Some("int32")) => integer_of(found).is_some_and(|n| i32::try_from(n).is_ok()),
            (true, _) => integer_of(found).is_some(),
            (false, Some("float")) => found.float().abs() <= f64::from(f32::MAX),
            (false, _) => true,
        };
        if fits {
            return None;
        }
        let kind = if self.integer { "integer" } else { "number" };
        Some(Problem::whole(match format {
            Some(format) => format!("{what} value must be of type {kind} with format {format} in {trail}"),
            None => format!("{what} value must be of type {kind} (default format) in {trail}"),
        }))
    }
}

/// The integer that a number stands for exactly.
fn integer_of(found: Found) -> Option<i64> {
    match found {
        Found::Integer(integer) => Some(integer),
        Found::Float(float) => exact(float),
    }
}

fn exact(float: f64) -> Option<i64> {
    let in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&float);
    (in_range && float.fract() == 0.0).then_some(float as i64)
}

fn printed(limit: f64, found: Found) -> String {
    match found {
        Found::Integer(_) => (limit as i64).to_string(),
        Found::Float(_) => goprint::plain(&limit.into()),
    }
}

fn above(found: Found, limit: f64, exclusive: bool) -> Option<Fault> {
    let (over, same) = match found {
        Found::Integer(integer) => (integer > limit as i64, integer == limit as i64),
        Found::Float(float) => (float > limit, float == limit),
    };
    let words = if exclusive { "less than" } else { "less than or equal to" };
    (over || (exclusive && same))
        .then(|| Fault::Value(format!("should be {words} {}", printed(limit, found))))
}

fn below(found: Found, limit: f64, exclusive: bool) -> Option<Fault> {
    let (under, same) = match found {
        Found::Integer(integer) => (integer < limit as i64, integer == limit as i64),
        Found::Float(float) => (float < limit, float == limit),
    };
    let words = if exclusive { "greater than" } else { "greater than or equal to" };
    (under || (exclusive && same))
        .then(|| Fault::Value(format!("should be {words} {}", printed(limit, found))))
}

fn not_multiple(found: Found, factor: f64, _: bool) -> Option<Fault> {
    let multiple = match found {
        Found::Integer(_) if factor as i64 <= 0 => None,
        Found::Integer(integer) => Some(integer.checked_rem(factor as i64) == Some(0)),
        Found::Float(_) if factor <= 0.0 => None,
        Found::Float(float) => {
            let times = if factor < 1.0 { 1.0 / factor * float } else { float / factor };
            Some((times - times.round()).abs() <= 1e-9 * times.abs().max(1.0))
        }
    };
    let printed = printed(factor, found);
    match multiple {
        Some(true) => None,
        Some(false) => Some(Fault::Value(format!("should be a multiple of {printed}"))),
        None => Some(Fault::Factor(printed)),
    }
}
