//! The parts of times and durations.

use super::Library;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{Timestamp, Value};

const SECOND: i64 = 1_000_000_000;

pub(super) fn declare(library: &mut Library) {
    /// Declares a method of times, in UTC and in a zone.
    macro_rules! part {
        ($name:literal, $id:literal, $in_zone:literal, $part:expr) => {
            library.method($name, $id, [Type::Timestamp], Type::Int, |args| part(args, $part));
            library.method($name, $in_zone, [Type::Timestamp, Type::String], Type::Int, |args| {
                part(args, $part)
            });
        };
    }
    part!("getFullYear", "timestamp_to_year", "timestamp_to_year_with_tz", |t, o| t.civil(o).year);
    part!("getMonth", "timestamp_to_month", "timestamp_to_month_with_tz", |t, o| t.civil(o).month - 1);
    part!("getDayOfYear", "timestamp_to_day_of_year", "timestamp_to_day_of_year_with_tz", |t, o| t
        .civil(o)
        .day_of_year());
    part!("getDayOfMonth", "timestamp_to_day_of_month", "timestamp_to_day_of_month_with_tz", |t, o| t
        .civil(o)
        .day
        - 1);
    part!(
        "getDate",
        "timestamp_to_day_of_month_1_based",
        "timestamp_to_day_of_month_1_based_with_tz",
        |t, o| { t.civil(o).day }
    );
    part!("getDayOfWeek", "timestamp_to_day_of_week", "timestamp_to_day_of_week_with_tz", |t, o| t
        .civil(o)
        .weekday());
    part!("getHours", "timestamp_to_hours", "timestamp_to_hours_tz", |t, o| t.civil(o).hour);
    part!("getMinutes", "timestamp_to_minutes", "timestamp_to_minutes_tz", |t, o| t.civil(o).minute);
    part!("getSeconds", "timestamp_to_seconds", "timestamp_to_seconds_tz", |t, o| t.civil(o).second);
    part!("getMilliseconds", "timestamp_to_milliseconds", "timestamp_to_milliseconds_tz", |t, _| i64::from(
        t.nanos / 1_000_000
    ));
    let of = [Type::Duration];
    library.method("getHours", "duration_to_hours", of.clone(), Type::Int, |args| whole(args, 3600 * SECOND));
    library
        .method("getMinutes", "duration_to_minutes", of.clone(), Type::Int, |args| whole(args, 60 * SECOND));
    library.method("getSeconds", "duration_to_seconds", of.clone(), Type::Int, |args| whole(args, SECOND));
    library.method("getMilliseconds", "duration_to_milliseconds", of, Type::Int, |args| {
        whole(args, SECOND / 1000)
    });
}

/// A part of a time as it is shown in a zone; UTC without one.
fn part<'a>(args: &mut [Value<'a>], part: fn(Timestamp, i64) -> i64) -> Answer<'a> {
    let (time, offset) = match args {
        [Value::Timestamp(time)] => (*time, 0),
        [Value::Timestamp(time), Value::String(zone)] => (*time, time.offset_in(zone).map_err(Error::new)?),
        _ => return Err(Error::no_such_overload()),
    };
    Ok(Value::Int(part(time, offset)))
}

/// How many whole units a duration has.
fn whole<'a>(args: &mut [Value<'a>], unit: i64) -> Answer<'a> {
    match args {
        [Value::Duration(nanos)] => Ok(Value::Int(*nanos / unit)),
        _ => Err(Error::no_such_overload()),
    }
}
