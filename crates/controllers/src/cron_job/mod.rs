//! CronJob: makes a Job whenever its schedule says so.
//!
//! - [`times`]: which time of the schedule is due, and when the next one is.
//! - [`making`]: the Job of a time. Its name is made of the time, so that one time has one Job.
//! - [`history`]: which finished Jobs are kept.
//! - [`sync`]: one round: what the Jobs say, what is due, and the plan.
//!
//! What the status says is found again from the Jobs in every round: a crash between making a Job
//! and noting it loses nothing.
//! Source: <https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/>.

mod history;
mod making;
mod sync;
mod times;

use ironclad_api::ObjectKey;
use ironclad_client::typed::CacheExt;
use ironclad_control::{Controller, Plan, View, Watch};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::CronJob;

use crate::ownership::watch_owned;
use crate::resources::{CRON_JOBS, JOBS};

const API_VERSION: &str = "batch/v1";
const KIND: &str = "CronJob";

pub struct CronJobController;

impl Controller for CronJobController {
    fn name(&self) -> &'static str {
        "cronjob-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::itself(CRON_JOBS.group_resource()), watch_owned(JOBS, KIND)]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        match view.cache.get_as::<CronJob>(&CRON_JOBS.group_resource(), key) {
            Some(cron_job) => sync::reconcile(view, &cron_job, now),
            None => Plan::done(),
        }
    }
}

#[cfg(test)]
mod tests;
