//! `IntOrString`: ports by number or name, counts by number or percentage.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::goprint::quote;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrString {
    Int(i32),
    String(String),
}

/// Which way a share of a whole is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    Up,
    Down,
}

/// The texts are upstream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntOrStringError {
    #[error("invalid value for IntOrString: invalid type: string is not a percentage")]
    NotPercent,
    #[error("invalid value for IntOrString: invalid value {}: strconv.Atoi: parsing {}: {why}", quote(.text), quote(.digits))]
    NotNumber { text: String, digits: String, why: &'static str },
}

impl IntOrString {
    /// From an object's field; `None` for what is neither.
    pub fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::String(text.clone())),
            number => Some(Self::Int(i32::try_from(number.as_i64()?).ok()?)),
        }
    }

    /// Numbers that fit become numbers.
    pub fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::String(text.to_owned()), Self::Int)
    }

    /// The number, or the number that the string spells, or 0.
    pub fn int_value(&self) -> i64 {
        match self {
            Self::Int(number) => (*number).into(),
            Self::String(text) => text.parse().unwrap_or(0),
        }
    }

    /// A number as it is, a percentage as its share of `total`.
    pub fn scaled(&self, total: i64, round: Round) -> Result<i64, IntOrStringError> {
        let text = match self {
            Self::Int(number) => return Ok((*number).into()),
            Self::String(text) => text,
        };
        let digits = text.strip_suffix('%').ok_or(IntOrStringError::NotPercent)?;
        let percent = atoi(digits).map_err(|why| {
            let (text, digits) = (text.clone(), digits.to_owned());
            IntOrStringError::NotNumber { text, digits, why }
        })?;
        // Upstream computes in floats; for its range of values whole numbers give the same.
        let product = i128::from(percent) * i128::from(total);
        let share = match round {
            Round::Up => -((-product).div_euclid(100)),
            Round::Down => product.div_euclid(100),
        };
        Ok(i64::try_from(share).unwrap_or(if share < 0 { i64::MIN } else { i64::MAX }))
    }

    /// The number of a percentage (`25` of `25%`); `None` for anything else.
    pub fn percent(&self) -> Option<i64> {
        match self {
            Self::Int(_) => None,
            Self::String(text) => atoi(text.strip_suffix('%')?).ok(),
        }
    }
}

fn atoi(digits: &str) -> Result<i64, &'static str> {
    digits.parse().map_err(|error: std::num::ParseIntError| match error.kind() {
        std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    })
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::String(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn percentages_are_shares_of_the_total() {
        let check = |value: Value, total: i64, up: i64, down: i64| {
            let value = IntOrString::from_json(&value).unwrap();
            assert_eq!(
                (value.scaled(total, Round::Up), value.scaled(total, Round::Down)),
                (Ok(up), Ok(down))
            );
        };
        check(json!(123), 456, 123, 123);
        check(json!("90%"), 100, 90, 90);
        check(json!("90%"), 95, 86, 85);
        check(json!("25%"), 3, 1, 0);
        check(json!("100%"), 7, 7, 7);
        check(json!("200%"), 7, 14, 14);
        check(json!("-5%"), 10, 0, -1);
    }

    #[test]
    fn other_strings_are_refused_in_upstreams_words() {
        let check = |text: &str, want: &str| {
            let error = IntOrString::String(text.to_owned()).scaled(100, Round::Up).unwrap_err();
            assert_eq!(error.to_string(), want);
        };
        check("3", "invalid value for IntOrString: invalid type: string is not a percentage");
        check(
            "30%%",
            "invalid value for IntOrString: invalid value \"30%%\": strconv.Atoi: parsing \"30%\": invalid syntax",
        );
        check(
            "%",
            "invalid value for IntOrString: invalid value \"%\": strconv.Atoi: parsing \"\": invalid syntax",
        );
        check(
            "99999999999999999999%",
            "invalid value for IntOrString: invalid value \"99999999999999999999%\": strconv.Atoi: parsing \"99999999999999999999\": value out of range",
        );
    }

    #[test]
    fn fields_are_numbers_or_strings() {
        let check = |value: Value, want: Option<&str>| {
            let got = IntOrString::from_json(&value);
            assert_eq!(got.as_ref().map(ToString::to_string).as_deref(), want);
            if let Some(got) = got {
                assert_eq!(serde_json::to_value(&got).unwrap(), value);
            }
        };
        check(json!(80), Some("80"));
        check(json!("http"), Some("http"));
        check(json!(1.5), None);
        check(json!(4294967296i64), None);
        check(json!(null), None);
        assert_eq!(IntOrString::parse("80"), IntOrString::Int(80));
        assert_eq!(IntOrString::parse("80x").int_value(), 0);
        assert_eq!(IntOrString::parse("25%").percent(), Some(25));
    }
}
