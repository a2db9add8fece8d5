//! Times, durations and schedules.

use ironclad_api::{cron, duration, time};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Target, none};

pub const TARGET: Target = Target {
    name: "time",
    promise: "what is printed is the same moment; the next time of a schedule is later",
    check,
    words: &[
        "2026-02-29",
        "T23:59:60",
        "Z",
        "+00:00",
        "-23:59",
        ".999999999",
        "9999-12-31T23:59:59Z",
        "0000-01-01",
        "h",
        "m",
        "s",
        "ms",
        "us",
        "µs",
        "ns",
        "*/5 ",
        "0 0 29 2 *",
        "1-5",
        "mon-fri",
        "@daily",
        "@every ",
        "TZ=Europe/Berlin ",
        "L",
        "?",
        ",",
    ],
    made: none,
    short_run: 20_000,
};

fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(moment) = time::parse(&text) {
        let printed = time::format(moment);
        let again = time::parse(&printed).unwrap_or_else(|error| panic!("{error}: {printed:?}"));
        assert_eq!(time::format(again), printed);
    }
    if let Ok(moment) = time::parse_micro(&text) {
        let printed = time::format_micro(moment);
        let again = time::parse_micro(&printed).unwrap_or_else(|error| panic!("{error}: {printed:?}"));
        assert_eq!(time::format_micro(again), printed);
        drop(time::human_age(moment, Timestamp::UNIX_EPOCH));
    }
    if let Ok(length) = duration::parse(&text) {
        assert_eq!(duration::parse(&duration::format(length)), Ok(length));
    }
    if let Ok(schedule) = cron::parse(&text) {
        let after = Timestamp::constant(1_800_000_000, 0);
        assert!(schedule.next(after, &TimeZone::UTC).is_none_or(|next| next > after));
    }
}
