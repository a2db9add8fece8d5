//! Numbers: ports, users and groups, signs.

use super::{Faults, fault_unless};
use crate::field::{FieldError, FieldErrors, Path};
use crate::quantity::Quantity;

pub const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
pub const POSITIVE: &str = "must be greater than zero";

pub fn in_range(value: i64, least: i64, most: i64) -> Faults {
    fault_unless((least..=most).contains(&value), || range_fault(least, most))
}

pub fn range_fault(least: i64, most: i64) -> String {
    format!("must be between {least} and {most}, inclusive")
}

pub fn port_number(port: i64) -> Faults {
    in_range(port, 1, 65_535)
}

pub fn user_id(id: i64) -> Faults {
    in_range(id, 0, i32::MAX.into())
}

pub fn group_id(id: i64) -> Faults {
    in_range(id, 0, i32::MAX.into())
}

/// An integer as a person writes it: no plus sign, no leading zeros.
pub fn decimal_integer(value: &str) -> Faults {
    if value.is_empty() {
        return vec![super::EMPTY.to_owned()];
    }
    let digits = value.strip_prefix('-').unwrap_or(value);
    let canonical =
        digits.bytes().all(|b| b.is_ascii_digit()) && !digits.is_empty() && !digits.starts_with('0');
    fault_unless(canonical || value == "0", || "must be a valid decimal integer in canonical form".to_owned())
}

pub fn not_negative(path: &Path, value: i64) -> FieldErrors {
    let error = (value < 0).then(|| FieldError::invalid(path, value, NOT_NEGATIVE));
    error.into_iter().collect()
}

pub fn positive(path: &Path, value: i64) -> FieldErrors {
    let error = (value <= 0).then(|| FieldError::invalid(path, value, POSITIVE));
    error.into_iter().collect()
}

pub fn quantity_not_negative(path: &Path, value: &Quantity) -> FieldErrors {
    let error = (value.sign() < 0).then(|| FieldError::invalid(path, value.to_string(), NOT_NEGATIVE));
    error.into_iter().collect()
}

pub fn quantity_positive(path: &Path, value: &Quantity) -> FieldErrors {
    let error = (value.sign() <= 0).then(|| FieldError::invalid(path, value.to_string(), POSITIVE));
    error.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_held_in_their_ranges() {
        let check = |faults: Faults, want: &[&str]| assert_eq!(faults, want);
        check(port_number(1), &[]);
        check(port_number(65_535), &[]);
        check(port_number(0), &["must be between 1 and 65535, inclusive"]);
        check(port_number(65_536), &["must be between 1 and 65535, inclusive"]);
        check(user_id(-1), &["must be between 0 and 2147483647, inclusive"]);
        check(group_id(i64::from(i32::MAX)), &[]);
        check(decimal_integer("-12"), &[]);
        check(decimal_integer("0"), &[]);
        for bad in ["-0", "01", "+1", "1.0", "-", "a"] {
            check(decimal_integer(bad), &["must be a valid decimal integer in canonical form"]);
        }
    }

    #[test]
    fn signs_are_checked() {
        let path = Path::new("p");
        let quantity = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!(
            not_negative(&path, -1)[0].to_string(),
            "p: Invalid value: -1: must be greater than or equal to 0"
        );
        assert_eq!(
            quantity_positive(&path, &quantity("0"))[0].to_string(),
            "p: Invalid value: \"0\": must be greater than zero"
        );
        assert!(positive(&path, 1).is_empty() && quantity_not_negative(&path, &quantity("0")).is_empty());
    }
}
