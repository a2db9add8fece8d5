//! Which time of a schedule is due.

use ironclad_api::cron::Schedule;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::CronJob;

/// Beyond so many times that were missed, somebody should look.
const MANY: i64 = 100;
/// So long after its time a CronJob is looked at, so that clocks that are a little off agree.
const DELTA: SignedDuration = SignedDuration::from_millis(100);

/// The clock of a CronJob: its schedule, in its time zone.
pub(super) struct Clock {
    pub schedule: Schedule,
    pub zone: TimeZone,
}

/// What a schedule has to say about the time up to now.
#[derive(Debug, PartialEq)]
pub(super) struct Due {
    /// The last time that is due, if there is one since the last that was done.
    pub time: Option<Timestamp>,
    /// From where the next time is looked for.
    earliest: Timestamp,
    /// How many times were missed, roughly.
    missed: i64,
}

impl Due {
    pub fn is_very_late(&self) -> bool {
        self.missed > MANY
    }
}

impl Clock {
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.schedule.next(after, &self.zone)
    }

    /// `with_deadline` leaves out what `startingDeadlineSeconds` has made too late. The error is
    /// that of a schedule whose times never come, such as 31 February.
    pub fn due(&self, job: &CronJob, now: Timestamp, with_deadline: bool) -> Result<Due, &'static str> {
        let earliest = earliest(job, now, with_deadline);
        let never = "time difference between two schedules is less than 1 second";
        let first = self.next(earliest).ok_or(never)?;
        if now < first {
            return Ok(Due { time: None, earliest, missed: 0 });
        }
        let second = self.next(first).ok_or(never)?;
        if now < second {
            return Ok(Due { time: Some(first), earliest, missed: 0 });
        }
        let interval = second.duration_since(first).as_secs();
        if interval < 1 {
            return Err(never);
        }
        let missed = now.duration_since(first).as_secs() / interval + 1;
        Ok(Due { time: self.last_before(first, interval, missed, now), earliest, missed })
    }

    /// Goes from shortly before where the last time should be: intervals may differ.
    fn last_before(&self, first: Timestamp, interval: i64, missed: i64, now: Timestamp) -> Option<Timestamp> {
        let start = first.checked_add(SignedDuration::from_secs((missed - 2) * interval)).ok()?;
        let times = std::iter::successors(self.next(start), |time| self.next(*time));
        times.take_while(|time| *time <= now).last()
    }

    /// How long to wait for the next time after the one that is due now.
    pub fn wait(&self, job: &CronJob, now: Timestamp) -> Option<SignedDuration> {
        let from = match self.due(job, now, false) {
            Ok(Due { time: Some(time), .. }) => time,
            Ok(Due { earliest, missed: 0, .. }) => earliest,
            Ok(_) | Err(_) => now,
        };
        Some(self.next(from)?.duration_since(now) + DELTA)
    }
}

/// The last time that was done, or when the CronJob was made.
fn earliest(job: &CronJob, now: Timestamp, with_deadline: bool) -> Timestamp {
    let last = job.status.as_ref().and_then(|status| status.last_schedule_time.as_ref());
    let from = last.or(job.metadata.creation_timestamp.as_ref()).map_or(now, |time| time.0);
    let deadline = job.spec.starting_deadline_seconds.filter(|_| with_deadline);
    let deadline = deadline.and_then(|seconds| now.checked_sub(SignedDuration::from_secs(seconds)).ok());
    deadline.map_or(from, |deadline| from.max(deadline))
}
