//! The Job of a time.

use ironclad_api::Object;
use ironclad_control::{Tell, Write};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{API_VERSION, KIND};
use crate::ownership::{controller_reference, event_reference};
use crate::resources::JOBS;

/// The time that a Job was made for.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// The name of the Job of a time: the minutes since 1970 tell it.
pub(super) fn name(cron_job: &CronJob, time: Timestamp) -> String {
    let owner = cron_job.metadata.name.as_deref().unwrap_or_default();
    format!("{owner}-{}", time.as_second().div_euclid(60))
}

/// The time that the Job was made for, if this CronJob's controller made it.
pub(super) fn time(cron_job: &CronJob, job: &Job) -> Option<Timestamp> {
    let time = job.metadata.annotations.as_ref()?.get(SCHEDULED)?;
    let time = time.parse::<Timestamp>().ok()?;
    (job.metadata.name.as_deref() == Some(&*name(cron_job, time))).then_some(time)
}

pub(super) fn create(cron_job: &CronJob, time: Timestamp, zone: &TimeZone) -> Option<Write> {
    let template = &cron_job.spec.job_template;
    let metadata = template.metadata.clone().unwrap_or_default();
    let mut annotations = metadata.annotations.unwrap_or_default();
    annotations.insert(SCHEDULED.into(), rfc3339(time, zone));
    let job = Job {
        metadata: ObjectMeta {
            name: Some(name(cron_job, time)),
            namespace: cron_job.metadata.namespace.clone(),
            labels: metadata.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![controller_reference(API_VERSION, KIND, &cron_job.metadata)]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    };
    let tell = Tell {
        regarding: event_reference(API_VERSION, KIND, &cron_job.metadata),
        success: ("SuccessfulCreate", "Created job "),
        failure: ("FailedCreate", "Error creating job: "),
    };
    let namespace = cron_job.metadata.namespace.as_deref().unwrap_or_default();
    Some(Write::create(JOBS.collection(namespace), Object::from_typed(&job).ok()?).telling(tell))
}

/// As Go writes it: whole seconds, and `Z` whenever the clock agrees with UTC.
fn rfc3339(time: Timestamp, zone: &TimeZone) -> String {
    let shown = time.to_zoned(zone.clone());
    let format = if shown.offset().is_zero() { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%:z" };
    shown.strftime(format).to_string()
}
