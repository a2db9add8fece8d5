//! The canonical text: no fraction, no precision lost, the largest suffix that fits.

use super::decimal::Decimal;
use super::{NANO, Notation};

const MAX_ZEROS: i32 = 30;

const DECIMAL_SUFFIXES: [(i32, &str); 10] =
    [(-9, "n"), (-6, "u"), (-3, "m"), (0, ""), (3, "k"), (6, "M"), (9, "G"), (12, "T"), (15, "P"), (18, "E")];

const BINARY_SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

pub(super) fn canonical(amount: &Decimal, notation: Notation) -> String {
    if amount.mantissa == 0 {
        return "0".to_owned();
    }
    match notation {
        Notation::BinarySi => binary(amount).unwrap_or_else(|| decimal_si(amount)),
        Notation::DecimalSi => decimal_si(amount),
        Notation::DecimalExponent => match in_thousands(amount) {
            (mantissa, 0) => mantissa.to_string(),
            (mantissa, exponent) => format!("{mantissa}e{exponent}"),
        },
    }
}

/// `None` for what is not whole, and for less than a Ki, which reads better in decimal.
fn binary(amount: &Decimal) -> Option<String> {
    let (whole, exact) = amount.rounded_up(0);
    let factor = 10i128.checked_pow(u32::try_from(whole.exponent).ok()?)?;
    let mut value = whole.mantissa.checked_mul(factor).filter(|_| exact)?;
    if (-1023..=1023).contains(&value) {
        return None;
    }
    let mut suffixes = BINARY_SUFFIXES.iter();
    let mut suffix = suffixes.next()?;
    while value % 1024 == 0 {
        let Some(larger) = suffixes.next() else { break };
        suffix = larger;
        value /= 1024;
    }
    Some(format!("{value}{suffix}"))
}

/// Above `E` there are no letters: `E` stands and the mantissa carries the rest, up to
/// where only an exponent is readable. (Upstream drops the suffix there, and so the value.)
fn decimal_si(amount: &Decimal) -> String {
    let (mantissa, exponent) = in_thousands(&amount.rounded_up(NANO).0);
    let known = DECIMAL_SUFFIXES.iter().find(|(e, _)| *e == exponent.min(18));
    match (known, exponent - exponent.min(18)) {
        (Some((_, suffix)), 0) => format!("{mantissa}{suffix}"),
        (Some((_, suffix)), excess @ 1..=MAX_ZEROS) => {
            format!("{mantissa}{}{suffix}", "0".repeat(excess.unsigned_abs() as usize))
        }
        _ => format!("{mantissa}e{exponent}"),
    }
}

/// The mantissa without its factors of ten, over an exponent that is a multiple of three.
fn in_thousands(amount: &Decimal) -> (i128, i32) {
    let reduced = amount.reduced();
    let below = reduced.exponent.rem_euclid(3);
    (reduced.mantissa * 10i128.pow(below.unsigned_abs()), reduced.exponent.saturating_sub(below))
}
