//! Amounts of resources: `1500m`, `1.5Gi`, `12e6` (`k8s.io/apimachinery/pkg/api/resource`).
//!
//! A quantity is an exact decimal and the notation it was written in. What was parsed
//! prints as it was written where upstream keeps the text, and canonically otherwise.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use decimal::Decimal;

mod decimal;
mod format;
mod parse;

/// Powers of ten for `scaled_value` and `round_up`.
pub const NANO: i32 = -9;
pub const MICRO: i32 = -6;
pub const MILLI: i32 = -3;

/// The notation a quantity prints in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notation {
    /// `12M`
    #[default]
    DecimalSi,
    /// `12Mi`
    BinarySi,
    /// `12e6`
    DecimalExponent,
}

/// Compares and hashes by value: `1` equals `1000m`. Holds up to 36 significant digits;
/// beyond them arithmetic rounds away from zero.
#[derive(Clone, Debug, Default)]
pub struct Quantity {
    amount: Decimal,
    notation: Notation,
    /// The text as parsed, where upstream prints that again instead of the canonical form.
    text: Option<Box<str>>,
}

/// Why a text is no quantity. The texts are upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

impl Quantity {
    pub const ZERO: Self =
        Self { amount: Decimal { mantissa: 0, exponent: 0 }, notation: Notation::DecimalSi, text: None };

    /// `value` whole units.
    pub fn new(value: i64, notation: Notation) -> Self {
        Self::scaled(value, 0, notation)
    }

    /// `value` thousandths, printed as decimal SI.
    pub fn from_milli(value: i64) -> Self {
        Self::scaled(value, MILLI, Notation::DecimalSi)
    }

    /// `value` whole units, printed with binary suffixes where they fit exactly.
    pub fn from_bytes(value: i64) -> Self {
        Self::new(value, Notation::BinarySi)
    }

    /// `value * 10^scale`.
    pub fn scaled(value: i64, scale: i32, notation: Notation) -> Self {
        Self { amount: Decimal { mantissa: value.into(), exponent: scale }, notation, text: None }
    }

    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        parse::parse(text)
    }

    /// From an API object's field: a string, surrounding spaces allowed, or a number.
    /// `null` is zero.
    pub fn from_json(value: &Value) -> Result<Self, QuantityError> {
        match value {
            Value::Null => Ok(Self::ZERO),
            Value::String(text) => Self::parse(text.trim()),
            Value::Number(number) => Self::parse(&number_text(number)),
            _ => Err(QuantityError::Format),
        }
    }

    pub fn notation(&self) -> Notation {
        self.notation
    }

    pub fn is_zero(&self) -> bool {
        self.amount.mantissa == 0
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i32 {
        self.amount.sign()
    }

    /// Whole units, rounded away from zero, held within i64.
    pub fn value(&self) -> i64 {
        self.scaled_value(0)
    }

    /// Thousandths, rounded away from zero, held within i64.
    pub fn milli_value(&self) -> i64 {
        self.scaled_value(MILLI)
    }

    /// In units of `10^scale`, rounded away from zero, held within i64.
    pub fn scaled_value(&self, scale: i32) -> i64 {
        self.amount.in_units_of(scale)
    }

    /// The value as an integer; `None` if it is not whole or beyond i64.
    pub fn as_i64(&self) -> Option<i64> {
        let (rounded, exact) = self.amount.rounded_up(0);
        let value = rounded.in_units_of(0);
        let fits = (Decimal { mantissa: value.into(), exponent: 0 }).cmp(&rounded) == Ordering::Equal;
        (exact && fits).then_some(value)
    }

    pub fn as_f64(&self) -> f64 {
        self.amount.as_f64()
    }

    /// Rounds away from zero to a multiple of `10^scale`; false if that changed the value.
    pub fn round_up(&mut self, scale: i32) -> bool {
        let (rounded, exact) = self.amount.rounded_up(scale);
        if self.amount != rounded {
            self.text = None;
        }
        self.amount = rounded;
        exact
    }

    pub fn mul(&self, factor: i64) -> Self {
        Self { amount: self.amount.mul(factor), notation: self.notation, text: None }
    }

    /// The canonical text, whatever was parsed.
    pub fn canonical(&self) -> String {
        format::canonical(&self.amount, self.notation)
    }

    /// Zero takes the notation of what is added to it.
    fn combine(&mut self, other: &Self, amount: Decimal) {
        if self.is_zero() {
            self.notation = other.notation;
        }
        self.amount = amount;
        self.text = None;
    }
}

/// The decimal text of a JSON number, in the form a client most likely wrote.
fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(f) if number.is_f64() => format!("{f}"),
        _ => number.to_string(),
    }
}

impl AddAssign<&Quantity> for Quantity {
    fn add_assign(&mut self, other: &Self) {
        self.combine(other, self.amount.add(&other.amount));
    }
}

impl SubAssign<&Quantity> for Quantity {
    fn sub_assign(&mut self, other: &Self) {
        self.combine(other, self.amount.add(&other.amount.neg()));
    }
}

impl Add<&Quantity> for Quantity {
    type Output = Self;
    fn add(mut self, other: &Self) -> Self {
        self += other;
        self
    }
}

impl Sub<&Quantity> for Quantity {
    type Output = Self;
    fn sub(mut self, other: &Self) -> Self {
        self -= other;
        self
    }
}

impl Neg for Quantity {
    type Output = Self;
    fn neg(self) -> Self {
        Self { amount: self.amount.neg(), notation: self.notation, text: None }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.amount.cmp(&other.amount)
    }
}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.amount.reduced().hash(state);
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => f.write_str(text),
            None => f.write_str(&self.canonical()),
        }
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Self::parse(text)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_json(&value).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
