//! Which finished Jobs are kept, and how Jobs are removed.

use std::sync::Arc;

use ironclad_api::params::{DeleteOptions, Preconditions, PropagationPolicy};
use ironclad_control::{Tell, Write};
use k8s_openapi::api::batch::v1::{CronJob, Job};

use super::{API_VERSION, KIND};
use crate::ownership::{event_reference, key_of};
use crate::resources::JOBS;

/// How a Job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    Failed,
}

impl End {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "Complete",
            Self::Failed => "Failed",
        }
    }
}

pub(super) fn end(job: &Job) -> Option<End> {
    let conditions = job.status.as_ref()?.conditions.as_deref()?;
    let mut ends = conditions.iter().filter(|condition| condition.status == "True");
    ends.find_map(|condition| match condition.type_.as_str() {
        "Complete" => Some(End::Complete),
        "Failed" => Some(End::Failed),
        _ => None,
    })
}

/// The Jobs beyond the limits, those that started first.
pub(super) fn surplus<'a>(cron_job: &CronJob, jobs: &'a [Arc<Job>]) -> Vec<&'a Arc<Job>> {
    let limits = [
        (End::Complete, cron_job.spec.successful_jobs_history_limit),
        (End::Failed, cron_job.spec.failed_jobs_history_limit),
    ];
    let limits =
        limits.into_iter().filter_map(|(end, limit)| Some((end, usize::try_from(limit?).unwrap_or(0))));
    limits.flat_map(|(end, limit)| oldest(end, limit, jobs)).collect()
}

fn oldest(wanted: End, limit: usize, jobs: &[Arc<Job>]) -> Vec<&Arc<Job>> {
    let mut ended: Vec<&Arc<Job>> = jobs
        .iter()
        .filter(|job| end(job) == Some(wanted) && job.metadata.deletion_timestamp.is_none())
        .collect();
    ended.sort_by_key(|job| {
        let start = job.status.as_ref().and_then(|status| status.start_time.as_ref()).map(|time| time.0);
        (start.is_none(), start, job.metadata.name.clone())
    });
    ended.truncate(ended.len().saturating_sub(limit));
    ended
}

/// The Job goes, and its pods after it.
pub(super) fn delete(cron_job: &CronJob, job: &Job) -> Write {
    let options = DeleteOptions {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Preconditions { uid: job.metadata.uid.clone(), resource_version: None },
        ..DeleteOptions::default()
    };
    let tell = Tell {
        regarding: event_reference(API_VERSION, KIND, &cron_job.metadata),
        success: ("SuccessfulDelete", "Deleted job "),
        failure: ("FailedDelete", "Deleted job: "),
    };
    Write::Delete { target: JOBS.object(&key_of(&job.metadata)), options, tell: Some(tell) }
}
