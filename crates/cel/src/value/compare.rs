//! The order of values: numbers of all types among each other, and values of one type.

use std::cmp::Ordering;

use super::Value;
use crate::error::Error;

/// 2^63 and 2^64, which are exact.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

impl Value<'_> {
    /// The order of two values. Fails if their types have none.
    pub(crate) fn compare(&self, other: &Self) -> Result<Ordering, Error> {
        let ordering = match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::String(a), Value::String(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
            (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
            (Value::Double(a), _) if a.is_nan() => return Err(Error::new("NaN values cannot be ordered")),
            (_, Value::Double(b)) if b.is_nan() && self.is_number() => {
                return Err(Error::new("NaN values cannot be ordered"));
            }
            _ => self.compare_numbers(other).ok_or_else(Error::no_such_overload)?,
        };
        Ok(ordering)
    }

    fn is_number(&self) -> bool {
        matches!(self, Value::Int(_) | Value::Uint(_) | Value::Double(_))
    }

    /// The order of two numbers. `None` if one is not a number, or NaN.
    pub(crate) fn compare_numbers(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Uint(a), Value::Uint(b)) => Some(a.cmp(b)),
            (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
            (Value::Int(a), Value::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
            (Value::Uint(a), Value::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
            (Value::Int(a), Value::Double(b)) => int_and_double(*a, *b),
            (Value::Double(a), Value::Int(b)) => int_and_double(*b, *a).map(Ordering::reverse),
            (Value::Uint(a), Value::Double(b)) => uint_and_double(*a, *b),
            (Value::Double(a), Value::Uint(b)) => uint_and_double(*b, *a).map(Ordering::reverse),
            _ => None,
        }
    }
}

fn int_and_double(a: i64, b: f64) -> Option<Ordering> {
    if b < -TWO_TO_63 {
        return Some(Ordering::Greater);
    }
    if b >= TWO_TO_63 {
        return Some(Ordering::Less);
    }
    (a as f64).partial_cmp(&b)
}

fn uint_and_double(a: u64, b: f64) -> Option<Ordering> {
    if b < 0.0 {
        return Some(Ordering::Greater);
    }
    if b >= TWO_TO_64 {
        return Some(Ordering::Less);
    }
    (a as f64).partial_cmp(&b)
}
