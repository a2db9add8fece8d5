//! Dates and durations.

use ironclad_api::duration;
use jiff::civil::Date;

const UNITS: [&[&str]; 8] = [
    &["ns", "nano"],
    &["us", "µs", "micro"],
    &["ms", "milli"],
    &["s", "sec"],
    &["m", "min"],
    &["h", "hr", "hour"],
    &["d", "day"],
    &["w", "wk", "week"],
];

/// `2006-01-02`
pub(super) fn date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut number = |length: usize| {
        let part = parts.next()?;
        let digits = part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<i16>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(4), number(2), number(2)) else { return false };
    let small = |number: i16| i8::try_from(number).unwrap_or(0);
    parts.next().is_none() && Date::new(year, small(month), small(day)).is_ok()
}

/// RFC 3339 in either case, as loosely as upstream: the offset is not held against a clock.
pub(super) fn date_time(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut halves = lower.split('t');
    let (Some(day), Some(time)) = (halves.next(), halves.next()) else { return false };
    date(day) && clock(time).is_some_and(offset)
}

/// Reads `15:04:05` and a fraction; the rest is the offset.
fn clock(text: &str) -> Option<&str> {
    let (time, rest) = text.split_at_checked(8)?;
    let mut parts = time.split(':');
    for most in ["23", "59", "59"] {
        let part = parts.next()?;
        let fits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()) && part <= most;
        fits.then_some(())?;
    }
    let mut chars = rest.chars();
    let separated = chars.next().filter(|c| *c != '\n').map(|_| chars.as_str());
    let digits = separated.map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    // An offset is a separator with digits too; it has a colon after them.
    match separated {
        Some(after) if digits > 0 && !after.get(digits..).is_some_and(|rest| rest.starts_with(':')) => {
            after.get(digits..)
        }
        _ => Some(rest),
    }
}

fn offset(text: &str) -> bool {
    if text == "z" {
        return true;
    }
    let Some((hours, minutes)) = text.strip_prefix(['+', '-']).and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    [hours, minutes].iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))
}

/// Go's durations, or numbers with units in words (`3 days`) anywhere in the text.
pub(super) fn duration(text: &str) -> bool {
    if duration::parse(text).is_ok() {
        return true;
    }
    let mut rest = text;
    let mut found = false;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        rest = rest.get(start..).unwrap_or_default();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start_matches(['\t', '\n', '\x0c', '\r', ' ']);
        let length = after.find(|c: char| !c.is_ascii_alphabetic() && c != 'µ').unwrap_or(after.len());
        let (unit, after) = after.split_at(length);
        if !unit.is_empty() {
            if number.parse::<i64>().is_err() {
                return false;
            }
            found |= is_unit(&unit.to_lowercase());
        }
        rest = after;
    }
    found
}

fn is_unit(word: &str) -> bool {
    UNITS
        .iter()
        .any(|names| names.contains(&word) || names.last().is_some_and(|longest| word.starts_with(longest)))
}
