//! Points in time, from year 1 to the end of year 9999, with nanoseconds.

use std::cmp::Ordering;

use jiff::tz::{Offset, TimeZone};

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, in seconds since 1970.
pub(crate) const FIRST: i64 = -62_135_596_800;
pub(crate) const LAST: i64 = 253_402_300_799;
const DAY: i64 = 86_400;

/// A point in time. The clock's own type ends a day before year 9999 does, so that
/// "forever", as people write it, would not be one.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    /// Since 1970, in UTC.
    pub(crate) seconds: i64,
    pub(crate) nanos: u32,
    /// The zone it was written in, and is printed in: seconds east of Greenwich.
    pub(crate) offset: i32,
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The zone does not count.
impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.seconds, self.nanos).cmp(&(other.seconds, other.nanos))
    }
}

/// What a clock and a calendar show.
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    /// Days since 1970.
    days: i64,
}

impl Timestamp {
    /// Go's zero time.
    pub(crate) const ZERO: Self = Self { seconds: FIRST, nanos: 0, offset: 0 };

    pub(crate) fn new(seconds: i64, nanos: u32) -> Option<Self> {
        (FIRST..=LAST).contains(&seconds).then_some(Self { seconds, nanos, offset: 0 })
    }

    /// Reads RFC 3339.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |from: usize, to: usize| -> Option<i64> {
            let digits = text.get(from..to)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let punctuated = bytes.get(4) == Some(&b'-')
            && bytes.get(7) == Some(&b'-')
            && matches!(bytes.get(10), Some(b'T' | b't'))
            && bytes.get(13) == Some(&b':')
            && bytes.get(16) == Some(&b':');
        let in_range = (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !punctuated || !in_range {
            return None;
        }
        let (nanos, rest) = fraction(text.get(19..)?)?;
        let seconds = days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
        let offset = offset(rest)?;
        let time = Self::new(seconds - offset, nanos)?;
        Some(Self { offset: i32::try_from(offset).ok()?, ..time })
    }

    /// RFC 3339 in its zone, with as many digits of a second as are not zero.
    pub(crate) fn format(self) -> String {
        let civil = self.civil(self.offset.into());
        let fraction = match self.nanos {
            0 => String::new(),
            nanos => format!(".{nanos:09}").trim_end_matches('0').to_owned(),
        };
        let minutes = self.offset.abs() / 60;
        let zone = match self.offset {
            0 => "Z".to_owned(),
            offset => {
                format!("{}{:02}:{:02}", if offset < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
            }
        };
        let Civil { year, month, day, hour, minute, second, .. } = civil;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}")
    }

    /// What is shown `offset` seconds east of Greenwich.
    pub(crate) fn civil(self, offset: i64) -> Civil {
        let local = self.seconds + offset;
        let days = local.div_euclid(DAY);
        let rest = local.rem_euclid(DAY);
        let (year, month, day) = civil_from_days(days);
        Civil { year, month, day, hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60, days }
    }

    /// The offset from UTC of a zone, by its name or as `+01:30`, in seconds.
    pub(crate) fn offset_in(self, zone: &str) -> Result<i64, String> {
        if let Some((hours, minutes)) = zone.split_once(':') {
            let atoi = |text: &str| {
                text.parse::<i64>()
                    .map_err(|_| format!("strconv.Atoi: parsing {}: invalid syntax", super::quote(text)))
            };
            let (hours, minutes) = (atoi(hours)?, atoi(minutes)?);
            if hours.abs() > 1_000 || minutes.abs() > 1_000 {
                return Err(format!("unknown time zone {zone}"));
            }
            let minutes = if zone.starts_with('-') { hours * 60 - minutes } else { hours * 60 + minutes };
            return Ok(minutes * 60);
        }
        if matches!(zone, "" | "UTC") {
            return Ok(0);
        }
        let known = TimeZone::get(zone).map_err(|_| format!("unknown time zone {zone}"))?;
        // The clock's type is a day narrower at both ends.
        let at = jiff::Timestamp::from_second(self.seconds).unwrap_or(jiff::Timestamp::MAX);
        Ok(i64::from(Offset::seconds(known.to_offset(at))))
    }
}

impl Civil {
    /// From 0, Sunday.
    pub(crate) fn weekday(&self) -> i64 {
        (self.days + 4).rem_euclid(7)
    }

    /// From 0.
    pub(crate) fn day_of_year(&self) -> i64 {
        self.days - days_from_civil(self.year, 1, 1)
    }
}

/// The digits behind the seconds, as nanoseconds, and what follows them.
fn fraction(text: &str) -> Option<(u32, &str)> {
    let Some(rest) = text.strip_prefix(['.', ',']) else { return Some((0, text)) };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let digits = rest.get(..end.min(9)).filter(|digits| !digits.is_empty())?;
    Some((format!("{digits:0<9}").parse().ok()?, &rest[end..]))
}

/// `Z` or `+01:30`, in seconds.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let two = |text: &str| {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<i64>().ok())?
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date of the Gregorian calendar.
/// Source: <https://howardhinnant.github.io/date_algorithms.html>
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
