use jiff::Timestamp;

use super::*;

#[test]
fn schedules_are_read_or_refused() {
    let check = |text: &str, want: &str| assert_eq!(parse(text).err().unwrap_or_default(), want, "{text}");
    for good in [
        "* * * * *",
        "*/5 8-18 * * mon-fri",
        "0 0 1,15 JAN ?",
        "5/15 * * * *",
        "@hourly",
        "@every 1h30m",
        "TZ=Europe/Berlin 0 8 * * *",
        "CRON_TZ=UTC @daily",
        "*-9 * * * *",
        ", * * * *",
    ] {
        check(good, "");
    }
    check("", "empty spec string");
    check("* * * *", "expected exactly 5 fields, found 4: [* * * *]");
    check("error schedule", "expected exactly 5 fields, found 2: [error schedule]");
    check("60 * * * *", "end of range (60) above maximum (59): 60");
    check("* * 0 * *", "beginning of range (0) below minimum (1): 0");
    check("* 5-2 * * *", "beginning of range (5) beyond end of range (2): 5-2");
    check("*/0 * * * *", "step of range should be a positive number: */0");
    check("1-2-3 * * * *", "too many hyphens: 1-2-3");
    check("1/2/3 * * * *", "too many slashes: 1/2/3");
    check("x * * * *", "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax");
    check("*/-5 * * * *", "negative number (-5) not allowed: -5");
    check("@never", "unrecognized descriptor: @never");
    check("@every x", "failed to parse duration @every x: time: invalid duration \"x\"");
    check("TZ=Nowhere/Here * * * * *", "provided bad location Nowhere/Here: unknown time zone Nowhere/Here");
    check("TZ=0", "invalid schedule format: runtime error: slice bounds out of range [3:-1]");
}

/// The times after one another, in the clock of `zone`.
fn times(schedule: &str, after: &str, zone: &str, count: usize) -> Vec<String> {
    let schedule = parse(schedule).expect("a schedule");
    let zone = super::zone(zone).expect("a zone");
    let after: Timestamp = after.parse().expect("a time");
    let next = std::iter::successors(schedule.next(after, &zone), |last| schedule.next(*last, &zone));
    next.take(count).map(|time| time.to_string()).collect()
}

#[test]
fn the_next_time_is_after_the_last() {
    let check = |schedule: &str, after: &str, zone: &str, want: &[&str]| {
        assert_eq!(times(schedule, after, zone, want.len()), want, "{schedule} after {after}");
    };
    check("*/15 * * * *", "2012-07-09T14:45:00Z", "UTC", &["2012-07-09T15:00:00Z"]);
    check("*/15 * * * *", "2012-07-09T14:59:59.5Z", "UTC", &["2012-07-09T15:00:00Z"]);
    check(
        "20-35/15 * * * *",
        "2012-07-09T15:45:00Z",
        "UTC",
        &["2012-07-09T16:20:00Z", "2012-07-09T16:35:00Z"],
    );
    check("*/15 * * * *", "2012-12-31T23:45:00Z", "UTC", &["2013-01-01T00:00:00Z"]);
    check("0 0 29 feb ?", "2012-07-09T23:35:00Z", "UTC", &["2016-02-29T00:00:00Z"]);
    check("0 0 9 * mon", "2012-07-10T00:00:00Z", "UTC", &["2012-07-16T00:00:00Z", "2012-07-23T00:00:00Z"]);
    check("0 0 * * mon", "2012-07-10T00:00:00Z", "UTC", &["2012-07-16T00:00:00Z"]);
    check("@every 90s", "2012-07-09T15:00:00Z", "UTC", &["2012-07-09T15:01:30Z"]);
    check("@monthly", "2012-07-09T15:00:00Z", "UTC", &["2012-08-01T00:00:00Z"]);
    check("0 8 * * *", "2026-01-01T00:00:00Z", "Europe/Berlin", &["2026-01-01T07:00:00Z"]);
    check("TZ=Asia/Tokyo 0 8 * * *", "2026-01-01T00:00:00Z", "Europe/Berlin", &["2026-01-01T23:00:00Z"]);
}

#[test]
fn what_never_is_has_no_time() {
    assert_eq!(times("0 0 31 feb ?", "2026-01-01T00:00:00Z", "UTC", 1), Vec::<String>::new());
    assert_eq!(times(", * * * *", "2026-01-01T00:00:00Z", "UTC", 1), Vec::<String>::new());
}

#[test]
fn clocks_jump() {
    let check = |schedule: &str, after: &str, want: &[&str]| {
        assert_eq!(times(schedule, after, "America/New_York", want.len()), want, "{schedule} after {after}");
    };
    // In spring, half past two is not there.
    check("30 2 * * *", "2012-03-11T05:00:00Z", &["2012-03-12T06:30:00Z"]);
    check("0 * * * *", "2012-03-11T06:00:00Z", &["2012-03-11T07:00:00Z"]);
    // In autumn, one o'clock comes twice.
    check("0 * * * *", "2012-11-04T04:00:00Z", &["2012-11-04T05:00:00Z", "2012-11-04T06:00:00Z"]);
    check("0 3 * * *", "2012-11-04T04:00:00Z", &["2012-11-04T08:00:00Z"]);
    // Midnight is left out in Sao Paulo.
    let day = times("0 0 * * *", "2018-11-03T12:00:00Z", "America/Sao_Paulo", 1);
    assert_eq!(day, ["2018-11-05T02:00:00Z"]);
}

#[test]
fn zones_are_named_exactly() {
    let check = |name: &str, want: Option<&str>| assert_eq!(super::zone(name).err().as_deref(), want);
    check("Europe/Berlin", None);
    check("Etc/UTC", None);
    check("europe/berlin", Some("unknown time zone europe/berlin"));
    check("../etc/passwd", Some("time: invalid location name"));
    check("Nowhere", Some("unknown time zone Nowhere"));
}
