//! Schedules of CronJobs: five fields (`*/5 8-18 * * mon-fri`), a name (`@daily`) or an interval
//! (`@every 1h30m`).
//!
//! The language and the texts of its errors are those of robfig/cron v3's `ParseStandard`, which
//! `spec.schedule` of `batch/v1 CronJob` documents.

mod fields;
mod next;
mod zone;

use jiff::tz::TimeZone;

use crate::duration;
use fields::{DAYS, Field, HOURS, MINUTES, MONTHS, WEEKDAYS};

pub use zone::zone;

/// When something is done, again and again.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// This many seconds after the last time; at least one.
    Every(i64),
    /// Whenever the clock shows a time that all fields allow.
    Calendar(Calendar),
}

/// The times of a clock, as sets of the numbers that each field allows.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
    /// The clock that the schedule itself names (`TZ=Europe/Berlin 0 8 * * *`).
    zone: Option<TimeZone>,
}

/// Reads a schedule. The error is upstream's text.
pub fn parse(text: &str) -> Result<Schedule, String> {
    if text.is_empty() {
        return Err("empty spec string".to_owned());
    }
    let (zone, text) = leading_zone(text)?;
    match text.starts_with('@') {
        true => named(text, zone),
        false => calendar(text, zone).map(Schedule::Calendar),
    }
}

/// `TZ=` or `CRON_TZ=` before the fields.
fn leading_zone(text: &str) -> Result<(Option<TimeZone>, &str), String> {
    let Some(rest) = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) else {
        return Ok((None, text));
    };
    let Some((name, fields)) = rest.split_once(' ') else {
        // Upstream runs out of its string here, and says how.
        let start = text.len() - rest.len();
        return Err(format!(
            "invalid schedule format: runtime error: slice bounds out of range [{start}:-1]"
        ));
    };
    let zone = zone(name).map_err(|why| format!("provided bad location {name}: {why}"))?;
    Ok((Some(zone), fields.trim()))
}

fn calendar(text: &str, zone: Option<TimeZone>) -> Result<Calendar, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
        let shown = fields.join(" ");
        return Err(format!("expected exactly 5 fields, found {}: [{shown}]", fields.len()));
    };
    Ok(Calendar {
        minutes: MINUTES.parse(minutes)?,
        hours: HOURS.parse(hours)?,
        days: DAYS.parse(days)?,
        months: MONTHS.parse(months)?,
        weekdays: WEEKDAYS.parse(weekdays)?,
        zone,
    })
}

fn named(text: &str, zone: Option<TimeZone>) -> Result<Schedule, String> {
    let fields = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => return every(text),
    };
    calendar(fields, zone).map(Schedule::Calendar)
}

fn every(text: &str) -> Result<Schedule, String> {
    let interval = text.strip_prefix("@every ").ok_or_else(|| format!("unrecognized descriptor: {text}"))?;
    let interval =
        duration::parse(interval).map_err(|why| format!("failed to parse duration {text}: {why}"))?;
    Ok(Schedule::Every(interval.as_secs().max(1)))
}

#[cfg(test)]
mod tests;
