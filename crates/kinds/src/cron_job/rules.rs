//! The rules for CronJobs.

use ironclad_api::{FieldError, Object, Path, cron, validation};
use k8s_openapi::api::batch::v1 as batch;
use serde_json::json;

use crate::job_spec;
use crate::spec::typed;

/// The controller puts a time of eleven characters behind the name.
const MAX_NAME: usize = 52;
const POLICIES: [&str; 3] = ["Allow", "Forbid", "Replace"];
const MAX_ZONE_PART: usize = 14;

pub(super) fn validate(new: &Object, old: Option<&Object>) -> Vec<FieldError> {
    let spec_of = |job: &Object| typed::<batch::CronJob>(job).spec;
    let (spec, old_spec) = (spec_of(new), old.map(spec_of));
    let mut errors = validate_spec(&spec, old_spec.as_ref(), &Path::new("spec"));
    // Names that are too long and were there before may stay.
    if old.is_none() && new.name().len() > MAX_NAME {
        let path = Path::new("metadata").child("name");
        errors.push(FieldError::invalid(&path, new.name(), "must be no more than 52 characters"));
    }
    errors
}

fn validate_spec(
    spec: &batch::CronJobSpec,
    old: Option<&batch::CronJobSpec>,
    path: &Path,
) -> Vec<FieldError> {
    let mut errors = schedule(spec, old, &path.child("schedule"));
    let not_negative = |field: &str, number: Option<i64>| {
        validation::number::not_negative(&path.child(field), number.unwrap_or(0))
    };
    errors.extend(not_negative("startingDeadlineSeconds", spec.starting_deadline_seconds));
    if old.is_none_or(|old| old.time_zone != spec.time_zone)
        && let Some(zone) = &spec.time_zone
    {
        errors.extend(time_zone(zone, &path.child("timeZone")));
    }
    errors.extend(concurrency(spec, &path.child("concurrencyPolicy")));
    errors.extend(job_template(spec, old, &path.child("jobTemplate").child("spec")));
    errors.extend(not_negative(
        "successfulJobsHistoryLimit",
        spec.successful_jobs_history_limit.map(i64::from),
    ));
    errors.extend(not_negative("failedJobsHistoryLimit", spec.failed_jobs_history_limit.map(i64::from)));
    errors
}

fn schedule(spec: &batch::CronJobSpec, old: Option<&batch::CronJobSpec>, path: &Path) -> Vec<FieldError> {
    let schedule = spec.schedule.as_str();
    if schedule.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let mut errors = Vec::new();
    if let Err(why) = cron::parse(schedule) {
        errors.push(FieldError::invalid(path, schedule, why));
    }
    let had_zone = old.is_some_and(|old| old.schedule.contains("TZ"));
    let fault = match (had_zone, spec.time_zone.is_some()) {
        (true, true) => Some("cannot use both timeZone field and TZ or CRON_TZ in schedule"),
        (true, false) => None,
        (false, _) => Some("cannot use TZ or CRON_TZ in schedule, use timeZone field instead"),
    };
    let fault = fault.filter(|_| schedule.contains("TZ"));
    errors.extend(fault.map(|fault| FieldError::invalid(path, schedule, fault)));
    errors
}

/// Source: <https://data.iana.org/time-zones/theory.html#naming>
fn time_zone(zone: &str, path: &Path) -> Vec<FieldError> {
    let invalid = |detail: String| FieldError::invalid(path, zone, detail);
    if zone.is_empty() {
        return vec![invalid("timeZone must be nil or non-empty string".to_owned())];
    }
    if !zone.split('/').all(is_zone_part) {
        return vec![invalid(format!("unknown time zone {zone}"))];
    }
    let mut errors = Vec::new();
    if zone.eq_ignore_ascii_case("Local") {
        let detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.push(invalid(detail.to_owned()));
    }
    errors.extend(cron::zone(zone).err().map(invalid));
    errors
}

fn is_zone_part(part: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_+".contains(&b);
    let fits = !part.is_empty() && part.len() <= MAX_ZONE_PART && part.bytes().all(allowed);
    fits && !matches!(part, "." | "..") && !part.starts_with('-')
}

fn concurrency(spec: &batch::CronJobSpec, path: &Path) -> Option<FieldError> {
    match spec.concurrency_policy.as_deref().unwrap_or_default() {
        "" => Some(FieldError::required(path, "")),
        policy if POLICIES.contains(&policy) => None,
        policy => Some(FieldError::not_supported(path, policy, POLICIES)),
    }
}

/// The jobs' own selectors are made with them.
fn job_template(spec: &batch::CronJobSpec, old: Option<&batch::CronJobSpec>, path: &Path) -> Vec<FieldError> {
    let template = |spec: &batch::CronJobSpec| spec.job_template.spec.clone().unwrap_or_default();
    let job = template(spec);
    let mut errors = job_spec::validate(&job, old.map(template).as_ref(), path);
    if let Some(selector) = &job.selector {
        let detail = "`selector` will be auto-generated";
        errors.push(FieldError::invalid(&path.child("selector"), json!(selector), detail));
    }
    if job.manual_selector == Some(true) {
        errors.push(FieldError::not_supported(&path.child("manualSelector"), true, ["nil", "false"]));
    }
    errors
}
