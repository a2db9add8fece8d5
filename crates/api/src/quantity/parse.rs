//! Reading `<signedNumber><suffix>`, with upstream's rules for what text is kept.

use super::decimal::{Decimal, MAX_DIGITS, fit};
use super::{NANO, Notation, Quantity, QuantityError};

/// The most a binary quantity may be.
const BINARY_CAP: i128 = i64::MAX as i128;

/// Upstream reads numbers of up to this many digits as int64 and may keep their text.
const SHORT_DIGITS: i64 = 18;

pub(super) fn parse(text: &str) -> Result<Quantity, QuantityError> {
    let parts = split(text)?;
    let suffix = Suffix::read(parts.suffix).ok_or(QuantityError::Suffix)?;
    if parts.is_short(&suffix) {
        return Ok(short(text, &parts, &suffix));
    }
    long(&parts, &suffix)
}

/// A text taken apart: `-12.50Mi` is negative, `12`, `50`, `Mi`.
struct Parts<'a> {
    negative: bool,
    /// Without leading zeros; never empty.
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
    /// Whether a digit was written at all: upstream reads `.` as zero.
    has_digits: bool,
}

fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Format);
    }
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let significant = unsigned.trim_start_matches('0');
    let (whole, rest) = take_digits(significant);
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => take_digits(rest),
        None => ("", rest),
    };
    if !is_suffix_shaped(suffix) {
        return Err(QuantityError::Format);
    }
    let has_digits = unsigned.starts_with(|c: char| c.is_ascii_digit()) || !fraction.is_empty();
    let whole = if whole.is_empty() { "0" } else { whole };
    Ok(Parts { negative, whole, fraction, suffix, has_digits })
}

fn take_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Letters, then a sign, then digits, each of them optional.
fn is_suffix_shaped(suffix: &str) -> bool {
    let rest = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    rest.bytes().all(|b| b.is_ascii_digit())
}

struct Suffix {
    /// 10 or 2 to the power of `exponent`.
    exponent: i32,
    notation: Notation,
}

impl Suffix {
    fn read(text: &str) -> Option<Self> {
        let (exponent, notation) = match text {
            "" => (0, Notation::DecimalSi),
            "n" => (-9, Notation::DecimalSi),
            "u" => (-6, Notation::DecimalSi),
            "m" => (-3, Notation::DecimalSi),
            "k" => (3, Notation::DecimalSi),
            "M" => (6, Notation::DecimalSi),
            "G" => (9, Notation::DecimalSi),
            "T" => (12, Notation::DecimalSi),
            "P" => (15, Notation::DecimalSi),
            "E" => (18, Notation::DecimalSi),
            "Ki" => (10, Notation::BinarySi),
            "Mi" => (20, Notation::BinarySi),
            "Gi" => (30, Notation::BinarySi),
            "Ti" => (40, Notation::BinarySi),
            "Pi" => (50, Notation::BinarySi),
            "Ei" => (60, Notation::BinarySi),
            // Upstream truncates the exponent to 32 bits, too.
            _ => (text.strip_prefix(['e', 'E'])?.parse::<i64>().ok()? as i32, Notation::DecimalExponent),
        };
        Some(Self { exponent, notation })
    }

    fn is_binary(&self) -> bool {
        self.notation == Notation::BinarySi
    }
}

impl Parts<'_> {
    /// Whether upstream takes its int64 path, which decides if the text is kept.
    fn is_short(&self, suffix: &Suffix) -> bool {
        let whole = self.whole.len() as i64;
        let fraction = self.fraction.len() as i64;
        if suffix.is_binary() {
            // A power of 1024 takes about three digits of its own per ten bits.
            let digits_of_power = i64::from(suffix.exponent) * 3 / 10;
            return fraction == 0 && 15 - whole - digits_of_power > 0;
        }
        let scale = i64::from(suffix.exponent) - fraction;
        whole + fraction <= SHORT_DIGITS && scale >= i64::from(NANO)
    }

    fn signed(&self, magnitude: i128) -> i128 {
        if self.negative { -magnitude } else { magnitude }
    }
}

/// At most 18 digits: nothing rounds and nothing overflows.
fn short(text: &str, parts: &Parts<'_>, suffix: &Suffix) -> Quantity {
    let digits = [parts.whole, parts.fraction].concat();
    let number: i128 = digits.parse().unwrap_or_default();
    let (magnitude, exponent, keep) = if suffix.is_binary() {
        (number << suffix.exponent, 0, number & 7 != 0)
    } else {
        let exponent = suffix.exponent - parts.fraction.len() as i32;
        let keep = exponent % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0');
        (number, exponent, keep)
    };
    let amount = Decimal { mantissa: parts.signed(magnitude), exponent };
    let text = (keep || text == "0").then(|| text.into());
    Quantity { amount, notation: suffix.notation, text }
}

/// Too long or too fine for int64: rounded up to nanos, binary ones capped.
fn long(parts: &Parts<'_>, suffix: &Suffix) -> Result<Quantity, QuantityError> {
    let mut amount = number(parts)?;
    if suffix.is_binary() {
        amount = shift_left(amount, suffix.exponent);
    } else {
        amount.exponent = amount.exponent.saturating_add(suffix.exponent);
    }
    (amount, _) = amount.rounded_up(NANO);
    let mut notation = suffix.notation;
    if suffix.is_binary() {
        let cap = Decimal { mantissa: BINARY_CAP, exponent: 0 };
        let one = Decimal { mantissa: 1, exponent: 0 };
        if amount.cmp(&cap).is_gt() {
            amount = cap;
        }
        if amount.cmp(&one).is_lt() && amount.mantissa > 0 {
            notation = Notation::DecimalSi;
        }
    }
    amount.mantissa = parts.signed(amount.mantissa);
    Ok(Quantity { amount, notation, text: None })
}

/// The magnitude without its suffix.
fn number(parts: &Parts<'_>) -> Result<Decimal, QuantityError> {
    let digits = [parts.whole, parts.fraction].concat();
    let significant = digits.trim_start_matches('0');
    let mantissa = significant.trim_end_matches('0');
    if !parts.has_digits || mantissa.len() > MAX_DIGITS as usize {
        return Err(QuantityError::Numeric);
    }
    if mantissa.is_empty() {
        return Ok(Decimal::default());
    }
    let dropped = (significant.len() - mantissa.len()) as i64;
    let exponent =
        i32::try_from(dropped - parts.fraction.len() as i64).map_err(|_| QuantityError::Numeric)?;
    let mantissa = mantissa.parse().map_err(|_| QuantityError::Numeric)?;
    Ok(Decimal { mantissa, exponent })
}

/// Times a power of two. Digits beyond the mantissa's are far below a nano or above the cap.
fn shift_left(amount: Decimal, bits: i32) -> Decimal {
    if let Some(product) = amount.mantissa.checked_mul(1i128 << bits) {
        return fit(product, amount.exponent);
    }
    // 2^60 has 19 digits.
    let (short, _) = amount.rounded_up(amount.exponent.saturating_add(19));
    fit(short.mantissa << bits, short.exponent)
}
