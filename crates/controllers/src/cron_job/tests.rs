use serde_json::{Value, json};

use super::*;
use crate::testing::World;

/// A CronJob of every hour, made on the hour; `spec` over its own.
fn world(spec: Value) -> Scheduled {
    let mut world = Scheduled(World::at("2026-01-01T10:00:00Z"));
    let mut whole = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c", "namespace": "ns"},
        "spec": {
            "schedule": "0 * * * *", "concurrencyPolicy": "Allow", "suspend": false,
            "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 1,
            "jobTemplate": {
                "metadata": {"labels": {"l": "x"}, "annotations": {"a": "y"}},
                "spec": {"template": {"spec": {"containers": [], "restartPolicy": "Never"}}},
            },
        },
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        whole["spec"][field] = value;
    }
    world.put(CRON_JOBS, whole);
    world
}

/// A cluster with a CronJob.
struct Scheduled(World);

impl std::ops::Deref for Scheduled {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl std::ops::DerefMut for Scheduled {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.0
    }
}

impl Scheduled {
    fn run(&mut self) {
        self.settle(&CronJobController, "c");
    }

    fn hours(&mut self, hours: i64) {
        self.passes(hours * 3600);
        self.run();
    }

    fn ends(&mut self, job: &str, condition: &str) {
        let time = ironclad_api::time::format(self.now);
        self.change(JOBS, job, |job| {
            job["status"] =
                json!({"completionTime": time, "conditions": [{"type": condition, "status": "True"}]});
        });
        self.run();
    }

    fn status(&self) -> Value {
        self.get(CRON_JOBS, "c").expect("a CronJob")["status"].clone()
    }

    fn active(&self) -> Vec<String> {
        let active = self.status()["active"].as_array().cloned().unwrap_or_default();
        active.iter().map(|job| job["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn reasons(&self) -> Vec<&str> {
        self.events.iter().filter_map(|event| event.split(':').next()).collect()
    }
}

/// The Jobs of 11, 12 and 13 o'clock.
const ELEVEN: &str = "c-29454420";
const TWELVE: &str = "c-29454480";
const THIRTEEN: &str = "c-29454540";

#[test]
fn a_job_is_made_when_its_time_comes() {
    let mut world = world(json!({}));
    world.run();
    assert_eq!(world.names(JOBS), Vec::<String>::new());
    assert_eq!(world.requeue.map(|wait| wait.as_millis()), Some(3_600_100));
    world.hours(1);
    assert_eq!(world.names(JOBS), [ELEVEN]);
    let job = world.get(JOBS, ELEVEN).expect("a Job");
    let annotations =
        json!({"a": "y", "batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-01T11:00:00Z"});
    assert_eq!(job["metadata"]["annotations"], annotations);
    assert_eq!(job["metadata"]["labels"], json!({"l": "x"}));
    assert_eq!(job["metadata"]["ownerReferences"][0]["kind"], "CronJob");
    assert_eq!(
        (world.active(), &world.status()["lastScheduleTime"]),
        (vec![ELEVEN.to_owned()], &json!("2026-01-01T11:00:00Z"))
    );
    assert_eq!(world.events, [format!("SuccessfulCreate: Created job {ELEVEN}")]);
    assert_eq!(world.requeue.map(|wait| wait.as_millis()), Some(3_600_100));
}

#[test]
fn what_was_missed_is_made_once() {
    let mut world = world(json!({}));
    world.hours(3);
    assert_eq!(world.names(JOBS), [THIRTEEN]);
    let mut world = self::world(json!({"schedule": "* * * * *"}));
    world.hours(2);
    assert_eq!(world.reasons(), ["TooManyMissedTimes", "SuccessfulCreate"]);
}

#[test]
fn too_late_is_not_at_all() {
    let mut world = world(json!({"startingDeadlineSeconds": 60}));
    world.passes(120);
    world.hours(1);
    assert_eq!(world.names(JOBS), Vec::<String>::new());
}

#[test]
fn suspended_is_not_at_all() {
    let mut world = world(json!({"suspend": true}));
    world.hours(2);
    assert_eq!((world.names(JOBS).len(), world.requeue), (0, None));
}

#[test]
fn concurrency() {
    let check = |policy: &str, jobs: &[&str], active: &[&str], reasons: &[&str]| {
        let mut world = world(json!({ "concurrencyPolicy": policy }));
        world.hours(1);
        world.hours(1);
        assert_eq!(world.names(JOBS), jobs, "{policy}");
        assert_eq!(world.active(), active, "{policy}");
        assert_eq!(world.reasons(), reasons, "{policy}");
    };
    check("Allow", &[ELEVEN, TWELVE], &[ELEVEN, TWELVE], &["SuccessfulCreate", "SuccessfulCreate"]);
    check("Forbid", &[ELEVEN], &[ELEVEN], &["SuccessfulCreate", "JobAlreadyActive"]);
    check("Replace", &[TWELVE], &[TWELVE], &["SuccessfulCreate", "SuccessfulDelete", "SuccessfulCreate"]);
}

#[test]
fn a_forbidden_job_comes_when_the_other_has_ended() {
    let mut world = world(json!({"concurrencyPolicy": "Forbid"}));
    world.hours(1);
    world.hours(1);
    world.ends(ELEVEN, "Complete");
    assert_eq!(world.active(), [TWELVE]);
}

#[test]
fn finished_jobs_are_kept_up_to_their_limits() {
    let mut world = world(json!({}));
    world.hours(1);
    world.ends(ELEVEN, "Complete");
    assert_eq!(
        (world.active().len(), &world.status()["lastSuccessfulTime"]),
        (0, &json!("2026-01-01T11:00:00Z"))
    );
    world.hours(1);
    world.ends(TWELVE, "Complete");
    assert_eq!(world.names(JOBS), [TWELVE]);
    world.hours(1);
    world.ends(THIRTEEN, "Failed");
    assert_eq!(world.names(JOBS), [TWELVE, THIRTEEN]);
    let completed = format!("SawCompletedJob: Saw completed job: {THIRTEEN}, condition: Failed");
    assert!(world.events.contains(&completed), "{:?}", world.events);
}

#[test]
fn jobs_that_are_gone_are_not_active() {
    let mut world = world(json!({}));
    world.hours(1);
    world.remove(JOBS, ELEVEN);
    world.run();
    assert_eq!(world.active(), Vec::<String>::new());
    assert_eq!(
        world.events.last().map(String::as_str),
        Some(&*format!("MissingJob: Active job went missing: {ELEVEN}"))
    );
    // It is not made again.
    assert_eq!(world.names(JOBS), Vec::<String>::new());
}

#[test]
fn a_crash_after_making_a_job_loses_nothing() {
    let mut world = world(json!({}));
    world.hours(1);
    world.change(CRON_JOBS, "c", |job| job["status"] = json!({}));
    world.run();
    assert_eq!(
        (world.active(), &world.status()["lastScheduleTime"]),
        (vec![ELEVEN.to_owned()], &json!("2026-01-01T11:00:00Z"))
    );
    assert_eq!(world.reasons(), ["SuccessfulCreate"]);
}

#[test]
fn time_zones_and_texts() {
    let mut world = world(json!({"schedule": "30 11 * * *", "timeZone": "Europe/Berlin"}));
    world.passes(1800);
    world.run();
    let job = world.get(JOBS, "c-29454390").expect("a Job");
    let time = &job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"];
    assert_eq!(time, "2026-01-01T11:30:00+01:00");
    let told = |spec: Value| {
        let mut world = self::world(spec);
        world.run();
        world.0.events
    };
    assert_eq!(
        told(json!({"timeZone": "Nowhere"})),
        ["UnknownTimeZone: invalid timeZone: \"Nowhere\": unknown time zone Nowhere"]
    );
    assert_eq!(
        told(json!({"schedule": "x"})),
        ["UnparseableSchedule: unparseable schedule: \"x\" : expected exactly 5 fields, found 1: [x]"]
    );
    assert_eq!(
        told(json!({"schedule": "0 0 31 2 *"})),
        [
            "InvalidSchedule: invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second"
        ]
    );
}
