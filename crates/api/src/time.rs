//! Timestamps and ages as Kubernetes writes and reads them.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use crate::goprint::quote;

const RFC_3339: &str = "2006-01-02T15:04:05Z07:00";
const RFC_3339_MICRO: &str = "2006-01-02T15:04:05.000000Z07:00";

/// `metav1.Time`: whole seconds, `2026-01-01T00:00:00Z`.
pub fn format(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `metav1.MicroTime`: six digits, `2026-01-01T00:00:00.000000Z`.
pub fn format_micro(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// A `metav1.Time`: RFC 3339 with any offset; a fraction may stand and is kept.
pub fn parse(text: &str) -> Result<Timestamp, TimeError> {
    Reader { text, layout: RFC_3339, rest: text }.timestamp(None)
}

/// A `metav1.MicroTime`: exactly six digits behind the seconds.
pub fn parse_micro(text: &str) -> Result<Timestamp, TimeError> {
    Reader { text, layout: RFC_3339_MICRO, rest: text }.timestamp(Some(6))
}

/// The texts are those of Go's `time.Parse`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error("parsing time {} as {}: cannot parse {} as {}", quote(.text), quote(.layout), quote(.rest), quote(.element))]
    Syntax { text: String, layout: &'static str, rest: String, element: &'static str },
    #[error("parsing time {}: {what} out of range", quote(.text))]
    Range { text: String, what: &'static str },
    #[error("parsing time {}: extra text: {}", quote(.text), quote(.extra))]
    Extra { text: String, extra: String },
}

struct Reader<'a> {
    text: &'a str,
    layout: &'static str,
    rest: &'a str,
}

impl Reader<'_> {
    fn timestamp(mut self, fraction_digits: Option<usize>) -> Result<Timestamp, TimeError> {
        let year = self.number("2006", 4)?;
        self.literal("-")?;
        let month = self.ranged("01", "month", 1..=12)?;
        self.literal("-")?;
        let day = self.number("02", 2)?;
        self.literal("T")?;
        let hour = self.ranged("15", "hour", 0..=23)?;
        self.literal(":")?;
        let minute = self.ranged("04", "minute", 0..=59)?;
        self.literal(":")?;
        let second = self.ranged("05", "second", 0..=59)?;
        let nanosecond = self.fraction(fraction_digits)?;
        let offset = self.offset()?;
        if !self.rest.is_empty() {
            let (text, extra) = (self.text.to_owned(), self.rest.to_owned());
            return Err(TimeError::Extra { text, extra });
        }
        // Every number has two digits, but for the year's four.
        let small = |number: i32| i8::try_from(number).unwrap_or_default();
        let date = Date::new(i16::try_from(year).unwrap_or_default(), small(month), small(day));
        let date = date.map_err(|_| self.range("day"))?;
        let time = Time::new(small(hour), small(minute), small(second), nanosecond);
        let time = time.map_err(|_| self.range("second"))?;
        offset.to_timestamp(date.to_datetime(time)).map_err(|_| self.range("year"))
    }

    fn syntax(&self, rest: &str, element: &'static str) -> TimeError {
        let (text, layout) = (self.text.to_owned(), self.layout);
        TimeError::Syntax { text, layout, rest: rest.to_owned(), element }
    }

    fn range(&self, what: &'static str) -> TimeError {
        TimeError::Range { text: self.text.to_owned(), what }
    }

    fn literal(&mut self, literal: &'static str) -> Result<(), TimeError> {
        let rest = self.rest.strip_prefix(literal).ok_or_else(|| self.syntax(self.rest, literal))?;
        self.rest = rest;
        Ok(())
    }

    fn number(&mut self, element: &'static str, digits: usize) -> Result<i32, TimeError> {
        let split = self.rest.split_at_checked(digits);
        let number = split.filter(|(number, _)| number.bytes().all(|b| b.is_ascii_digit()));
        let Some((number, rest)) = number else { return Err(self.syntax(self.rest, element)) };
        self.rest = rest;
        Ok(number.parse().unwrap_or_default())
    }

    fn ranged(
        &mut self,
        element: &'static str,
        what: &'static str,
        range: std::ops::RangeInclusive<i32>,
    ) -> Result<i32, TimeError> {
        let number = self.number(element, 2)?;
        if range.contains(&number) { Ok(number) } else { Err(self.range(what)) }
    }

    /// Nanoseconds. Without a number of digits any fraction is read, or none.
    fn fraction(&mut self, wanted: Option<usize>) -> Result<i32, TimeError> {
        let after = self.rest.strip_prefix(['.', ',']);
        let count = after.map_or(0, |after| after.bytes().take_while(u8::is_ascii_digit).count());
        if wanted.is_some_and(|wanted| count != wanted) {
            return Err(self.syntax(self.rest, ".000000"));
        }
        let Some((digits, rest)) = after.and_then(|after| after.split_at_checked(count)) else {
            return Ok(0);
        };
        if count == 0 {
            return Ok(0);
        }
        self.rest = rest;
        let nanoseconds = format!("{digits:0<9}");
        Ok(nanoseconds.get(..9).and_then(|nine| nine.parse().ok()).unwrap_or_default())
    }

    fn offset(&mut self) -> Result<Offset, TimeError> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(Offset::UTC);
        }
        let (start, bad) = (self.rest, self.syntax(self.rest, "Z07:00"));
        let sign = match start.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(bad),
        };
        self.rest = start.get(1..).unwrap_or_default();
        let mut part = || self.number("Z07:00", 2).map_err(|_| bad.clone());
        let hours = part()?;
        self.rest = self.rest.strip_prefix(':').ok_or(bad.clone())?;
        let minutes = self.number("Z07:00", 2).map_err(|_| bad)?;
        if hours > 24 {
            return Err(self.range("time zone offset hour"));
        }
        if minutes > 60 {
            return Err(self.range("time zone offset minute"));
        }
        let seconds = sign * (hours * 3600 + minutes * 60);
        Offset::from_seconds(seconds).map_err(|_| self.range("time zone offset hour"))
    }
}

// === ages ===

/// How long before `now` that was, as the AGE column prints it.
pub fn human_age(then: Timestamp, now: Timestamp) -> String {
    human_duration(seconds_between(then, now))
}

/// Whole seconds, cut towards zero.
pub fn seconds_between(start: Timestamp, end: Timestamp) -> i64 {
    end.duration_since(start).as_secs()
}

/// Two or three significant figures: `70s`, `3m10s`, `2d1h`, `2y1d`. The argument is
/// whole seconds, cut towards zero.
pub fn human_duration(seconds: i64) -> String {
    const DAYS_PER_YEAR: i64 = 365;
    if let Some(text) = nearly_now(seconds) {
        return text;
    }
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / DAYS_PER_YEAR);
    match () {
        () if seconds < 60 * 2 => format!("{seconds}s"),
        () if minutes < 10 => pair(minutes, "m", seconds % 60, "s"),
        () if minutes < 60 * 3 => format!("{minutes}m"),
        () if hours < 8 => pair(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 24 * 8 => pair(days, "d", hours % 24, "h"),
        () if days < DAYS_PER_YEAR * 2 => format!("{days}d"),
        () if days < DAYS_PER_YEAR * 8 => pair(years, "y", days % DAYS_PER_YEAR, "d"),
        () => format!("{years}y"),
    }
}

/// One figure: `59s`, `1m`, `23h`, `364d`, `1y`.
pub fn short_human_duration(seconds: i64) -> String {
    if let Some(text) = nearly_now(seconds) {
        return text;
    }
    let units = [(60, 1, "s"), (60 * 60, 60, "m"), (24 * 3600, 3600, "h"), (365 * 24 * 3600, 24 * 3600, "d")];
    let unit = units.into_iter().find(|(below, ..)| seconds < *below);
    let (_, size, name) = unit.unwrap_or((0, 365 * 24 * 3600, "y"));
    format!("{}{name}", seconds / size)
}

/// Clocks differ: up to two seconds ahead count as now.
fn nearly_now(seconds: i64) -> Option<String> {
    match seconds {
        ..-1 => Some("<invalid>".to_owned()),
        -1 => Some("0s".to_owned()),
        _ => None,
    }
}

fn pair(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    match small {
        0 => format!("{large}{large_unit}"),
        small => format!("{large}{large_unit}{small}{small_unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_and_write() {
        let check = |text: &str, want: &str, want_micro: &str| {
            let time = parse(text).unwrap();
            assert_eq!((format(time).as_str(), format_micro(time).as_str()), (want, want_micro));
        };
        check("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z");
        check("2026-01-01T02:30:00.123456789+02:30", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456Z");
        check("2024-02-29T23:59:59-01:00", "2024-03-01T00:59:59Z", "2024-03-01T00:59:59.000000Z");
        check("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z");
        let micro = parse_micro("2026-01-01T00:00:00.000001Z").unwrap();
        assert_eq!(format_micro(micro), "2026-01-01T00:00:00.000001Z");
    }

    #[test]
    fn malformed_times_are_refused_in_gos_words() {
        let check = |text: &str, want: &str| {
            let layout = "\"2006-01-02T15:04:05Z07:00\"";
            let want = want.replace("LAYOUT", layout);
            assert_eq!(parse(text).map_err(|e| e.to_string()), Err(want), "{text}");
        };
        check("", "parsing time \"\" as LAYOUT: cannot parse \"\" as \"2006\"");
        check("x", "parsing time \"x\" as LAYOUT: cannot parse \"x\" as \"2006\"");
        check("2026-01-01", "parsing time \"2026-01-01\" as LAYOUT: cannot parse \"\" as \"T\"");
        check("2026-13-01T00:00:00Z", "parsing time \"2026-13-01T00:00:00Z\": month out of range");
        check("2026-02-30T00:00:00Z", "parsing time \"2026-02-30T00:00:00Z\": day out of range");
        check("2026-01-01T24:00:00Z", "parsing time \"2026-01-01T24:00:00Z\": hour out of range");
        check(
            "2026-01-01T00:00:00",
            "parsing time \"2026-01-01T00:00:00\" as LAYOUT: cannot parse \"\" as \"Z07:00\"",
        );
        check(
            "2026-01-01T00:00:00+1",
            "parsing time \"2026-01-01T00:00:00+1\" as LAYOUT: cannot parse \"+1\" as \"Z07:00\"",
        );
        check("2026-01-01T00:00:00Zx", "parsing time \"2026-01-01T00:00:00Zx\": extra text: \"x\"");
        check(
            "2026-01-01T00:00:00é",
            "parsing time \"2026-01-01T00:00:00é\" as LAYOUT: cannot parse \"é\" as \"Z07:00\"",
        );
        assert_eq!(
            parse_micro("2026-01-01T00:00:00Z").unwrap_err().to_string(),
            "parsing time \"2026-01-01T00:00:00Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\""
        );
    }

    /// Upstream's TestHumanDuration and its boundaries, in seconds.
    #[test]
    fn ages_are_cut_to_two_or_three_figures() {
        const M: i64 = 60;
        const H: i64 = 3600;
        const D: i64 = 24 * H;
        const Y: i64 = 365 * D;
        let check = |seconds: i64, want: &str| assert_eq!(human_duration(seconds), want);
        check(-2, "<invalid>");
        check(-1, "0s");
        check(0, "0s");
        check(119, "119s");
        check(2 * M, "2m");
        check(190, "3m10s");
        check(10 * M - 1, "9m59s");
        check(10 * M + 1, "10m");
        check(3 * H - 1, "179m");
        check(3 * H, "3h");
        check(3 * H + M, "3h1m");
        check(8 * H - 1, "7h59m");
        check(8 * H + 59 * M, "8h");
        check(2 * D - 1, "47h");
        check(2 * D + H, "2d1h");
        check(8 * D - 1, "7d23h");
        check(8 * D + 23 * H, "8d");
        check(2 * Y - 1, "729d");
        check(2 * Y + 23 * H, "2y");
        check(2 * Y + D, "2y1d");
        check(8 * Y - 1, "7y364d");
        check(8 * Y + 364 * D, "8y");
        let short = |seconds: i64, want: &str| assert_eq!(short_human_duration(seconds), want);
        short(-2, "<invalid>");
        short(-1, "0s");
        short(59, "59s");
        short(M, "1m");
        short(H - 1, "59m");
        short(24 * H - 1, "23h");
        short(Y - 1, "364d");
        short(2 * Y, "2y");
        let start = parse("2026-01-01T00:00:00.9Z").unwrap();
        assert_eq!(human_age(start, parse("2026-01-01T00:01:10Z").unwrap()), "69s");
    }
}
