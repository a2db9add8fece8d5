//! The next time of a schedule.
//!
//! The clock is walked field by field, from months down, each reset to its start when one above it
//! moved. Where the clock jumps (summer time), the walk is upstream's: an hour that is left out is
//! not made up for, one that comes twice is seen twice if the schedule says every hour.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::{Calendar, Schedule};

/// A schedule that has no time within so many years has none.
const YEARS: i16 = 5;

impl Schedule {
    /// The first time after `after`; `None` if there is none within five years. `zone` is the clock
    /// of a schedule that names none itself.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let second = after.as_second();
        match self {
            Self::Every(seconds) => Timestamp::from_second(second.checked_add(*seconds)?).ok(),
            Self::Calendar(calendar) => {
                let clock = Clock { zone: calendar.zone.as_ref().unwrap_or(zone), at: second + 1 };
                calendar.walk(clock)
            }
        }
    }
}

impl Calendar {
    fn walk(&self, mut clock: Clock<'_>) -> Option<Timestamp> {
        // Fields of nothing but commas; looking through five years of minutes would not find more.
        if [self.minutes, self.hours, self.months].iter().any(|field| field.is_empty()) {
            return None;
        }
        let limit = clock.shows()?.year() + YEARS;
        let mut moved = false;
        'wrap: loop {
            if clock.shows()?.year() > limit {
                return None;
            }
            while !self.months.has(clock.shows()?.month()) {
                let shown = clock.shows()?;
                if !std::mem::replace(&mut moved, true) {
                    clock.set(shown.date().first_of_month().at(0, 0, 0, 0))?;
                }
                clock.set(clock.shows()?.checked_add(1.month()).ok()?)?;
                if clock.shows()?.month() == 1 {
                    continue 'wrap;
                }
            }
            while !self.has_day(clock.shows()?) {
                let shown = clock.shows()?;
                if !std::mem::replace(&mut moved, true) {
                    clock.set(shown.date().at(0, 0, 0, 0))?;
                }
                clock.set(clock.shows()?.checked_add(1.day()).ok()?)?;
                clock.rewind_to_midnight()?;
                if clock.shows()?.day() == 1 {
                    continue 'wrap;
                }
            }
            while !self.hours.has(clock.shows()?.hour()) {
                let shown = clock.shows()?;
                if !std::mem::replace(&mut moved, true) {
                    clock.set(shown.date().at(shown.hour(), 0, 0, 0))?;
                }
                clock.at += 3600;
                if clock.shows()?.hour() == 0 {
                    continue 'wrap;
                }
            }
            while !self.minutes.has(clock.shows()?.minute()) {
                if !std::mem::replace(&mut moved, true) {
                    clock.at -= clock.at.rem_euclid(60);
                }
                clock.at += 60;
                if clock.shows()?.minute() == 0 {
                    continue 'wrap;
                }
            }
            // Seconds are not in the schedule: it is due at the start of a minute.
            match clock.shows()?.second() {
                0 => return Timestamp::from_second(clock.at).ok(),
                second => clock.at += 60 - i64::from(second),
            }
            moved = true;
            // A new minute may be a new hour, and so on: all is checked again.
        }
    }

    fn has_day(&self, shown: DateTime) -> bool {
        let day = self.days.has(shown.day());
        let weekday = self.weekdays.has(shown.weekday().to_sunday_zero_offset());
        match self.days.is_star() || self.weekdays.is_star() {
            true => day && weekday,
            false => day || weekday,
        }
    }
}

/// A second since 1970 and the clock that shows it.
struct Clock<'a> {
    zone: &'a TimeZone,
    at: i64,
}

impl Clock<'_> {
    fn offset(&self, second: i64) -> Option<Offset> {
        Some(self.zone.to_offset(Timestamp::from_second(second).ok()?))
    }

    fn shows(&self) -> Option<DateTime> {
        Some(self.offset(self.at)?.to_datetime(Timestamp::from_second(self.at).ok()?))
    }

    /// The second at which the clock shows this; where it never does or does twice, the one that
    /// Go's `time.Date` gives.
    fn set(&mut self, shown: DateTime) -> Option<()> {
        let plain = Offset::UTC.to_timestamp(shown).ok()?.as_second();
        let guess = i64::from(self.offset(plain)?.seconds());
        let offset = i64::from(self.offset(plain - guess)?.seconds());
        self.at = plain - offset;
        Some(())
    }

    /// A day that does not begin at midnight begins beside it.
    fn rewind_to_midnight(&mut self) -> Option<()> {
        match i64::from(self.shows()?.hour()) {
            0 => {}
            hour if hour > 12 => self.at += (24 - hour) * 3600,
            hour => self.at -= hour * 3600,
        }
        Some(())
    }
}
