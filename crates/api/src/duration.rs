//! Go's durations: `1h30m`, `34s`, `1.5h` (`metav1.Duration`, the `timeout` parameter).

use jiff::SignedDuration;

use crate::goprint::quote;

/// The texts are those of Go's `time.ParseDuration`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error("time: invalid duration {}", quote(.0))]
    Invalid(String),
    #[error("time: missing unit in duration {}", quote(.0))]
    MissingUnit(String),
    #[error("time: unknown unit {} in duration {}", quote(.unit), quote(.text))]
    UnknownUnit { unit: String, text: String },
}

const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Numbers with units, added up: `[-+]? ([0-9]*(\.[0-9]*)? [a-z]+)+`, or `0`.
pub fn parse(text: &str) -> Result<SignedDuration, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (sign, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (-1, text.get(1..).unwrap_or_default()),
        Some(b'+') => (1, text.get(1..).unwrap_or_default()),
        _ => (1, text),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanoseconds: i128 = 0;
    while !rest.is_empty() {
        let number = take(&mut rest, |c| c.is_ascii_digit() || c == '.');
        let unit = take(&mut rest, |c| !c.is_ascii_digit() && c != '.');
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(invalid());
        }
        if unit.is_empty() {
            return Err(DurationError::MissingUnit(text.to_owned()));
        }
        let size = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
        let size =
            size.ok_or_else(|| DurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() })?;
        let part = scaled(whole, fraction, size).ok_or_else(invalid)?;
        nanoseconds += part;
        if nanoseconds > i128::from(i64::MAX) {
            return Err(invalid());
        }
    }
    let nanoseconds = i64::try_from(sign * nanoseconds).map_err(|_| invalid())?;
    Ok(SignedDuration::from_nanos(nanoseconds))
}

fn take<'a>(rest: &mut &'a str, belongs: impl Fn(char) -> bool) -> &'a str {
    let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    let (taken, left) = rest.split_at(end);
    *rest = left;
    taken
}

/// `whole.fraction` units in nanoseconds, cut below one. `None` beyond i64.
fn scaled(whole: &str, fraction: &str, size: i128) -> Option<i128> {
    let units: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Digits beyond these are below a nanosecond in every unit.
    let fraction = fraction.get(..fraction.len().min(18))?;
    let parts: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let ones = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let nanoseconds = i128::from(units) * size + parts * size / ones;
    i64::try_from(nanoseconds).ok().map(i128::from)
}

/// As Go prints it: `1h30m0s`, `1.5s`, `0s`, `100ms`.
pub fn format(duration: SignedDuration) -> String {
    let nanoseconds = duration.as_nanos();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let magnitude = nanoseconds.unsigned_abs();
    const SECOND: u128 = 1_000_000_000;
    match magnitude {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{magnitude}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(magnitude, 1_000)),
        1_000_000..SECOND => format!("{sign}{}ms", decimal(magnitude, 1_000_000)),
        _ => {
            let minutes = magnitude / SECOND / 60;
            let seconds = decimal(magnitude % (60 * SECOND), SECOND);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// `value / unit` without trailing zeros; `unit` is a power of ten.
fn decimal(value: u128, unit: u128) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = unit.ilog10() as usize;
    format!("{whole}.{rest:0digits$}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_write_as_in_go() {
        let check = |text: &str, nanoseconds: i64, printed: &str| {
            let duration = parse(text).unwrap();
            assert_eq!(
                (duration.as_nanos(), format(duration).as_str()),
                (nanoseconds.into(), printed),
                "{text}"
            );
        };
        check("0", 0, "0s");
        check("34s", 34_000_000_000, "34s");
        check("1h30m", 5_400_000_000_000, "1h30m0s");
        check("1.5h", 5_400_000_000_000, "1h30m0s");
        check("-1.5s", -1_500_000_000, "-1.5s");
        check("+.5ms", 500_000, "500µs");
        check("1h1m1.000000001s", 3_661_000_000_001, "1h1m1.000000001s");
        check("7ns", 7, "7ns");
        check("100ms", 100_000_000, "100ms");
        check("10m", 600_000_000_000, "10m0s");
    }

    #[test]
    fn other_texts_are_refused_in_gos_words() {
        let check =
            |text: &str, want: &str| assert_eq!(parse(text).map_err(|e| e.to_string()), Err(want.to_owned()));
        check("", "time: invalid duration \"\"");
        check("-", "time: invalid duration \"-\"");
        check("x", "time: invalid duration \"x\"");
        check("1", "time: missing unit in duration \"1\"");
        check("1d", "time: unknown unit \"d\" in duration \"1d\"");
        check("1.2.3s", "time: invalid duration \"1.2.3s\"");
        check(".s", "time: invalid duration \".s\"");
        check("9999999999h", "time: invalid duration \"9999999999h\"");
    }
}
