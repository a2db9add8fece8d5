//! `batch/v1 CronJob`.

mod rules;

use ironclad_api::object::object_in;
use ironclad_api::{FieldError, Object, Path, Status};
use ironclad_engine::Column;
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use k8s_openapi::api::batch::v1 as batch;
use serde_json::{Map, Value};

use crate::columns::{NONE, age, age_of, column, count, name, number, text, timed, wide};
use crate::job_spec;
use crate::pod_template::columns::{formatted, of_containers};
use crate::pod_template::{defaults, workload};
use crate::spec::{default_to, names, spec, typed};

const SUCCESSFUL_HISTORY: i64 = 3;
const FAILED_HISTORY: i64 = 1;
/// Where the pods' template stands.
const TEMPLATE: [&str; 4] = ["spec", "jobTemplate", "spec", "template"];

pub struct CronJob {
    spec: KindSpec,
}

impl CronJob {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["cj"]),
                categories: names(["all"]),
                columns: columns(),
                subresources: vec![Subresource::status()],
                generation: true,
                ..spec("batch", "v1", "CronJob", "cronjobs", Scope::Namespaced)
            },
        }
    }
}

impl Default for CronJob {
    fn default() -> Self {
        Self::new()
    }
}

fn columns() -> Vec<Column> {
    let suspend = |job: &Object| match job.at(&["spec", "suspend"]).and_then(Value::as_bool) {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let zone =
        |job: &Object| job.at(&["spec", "timeZone"]).and_then(Value::as_str).unwrap_or(NONE).to_owned();
    vec![
        name(),
        text("Schedule", |job| job.str_at(&["spec", "schedule"]).to_owned()),
        text("Timezone", zone),
        // Upstream declares a boolean and prints words.
        column("Suspend", "boolean", 0, move |job, _| suspend(job).into()),
        number("Active", |job| count(job.at(&["status", "active"]))),
        timed("Last Schedule", |job, now| match job.str_at(&["status", "lastScheduleTime"]) {
            "" => NONE.to_owned(),
            time => age_of(time, now),
        }),
        age(),
        wide(text("Containers", |job| of_containers(job.at(&TEMPLATE), "name"))),
        wide(text("Images", |job| of_containers(job.at(&TEMPLATE), "image"))),
        wide(text("Selector", |job| formatted(job.at(&["spec", "jobTemplate", "spec", "selector"])))),
    ]
}

impl Strategy for CronJob {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, job: &mut Object) {
        let spec = job.section_mut("spec");
        if spec.get("concurrencyPolicy").and_then(Value::as_str).unwrap_or_default().is_empty() {
            spec.insert("concurrencyPolicy".into(), "Allow".into());
        }
        default_to(spec, "suspend", false);
        default_to(spec, "successfulJobsHistoryLimit", SUCCESSFUL_HISTORY);
        default_to(spec, "failedJobsHistoryLimit", FAILED_HISTORY);
        job_spec::default(job_spec_in(job));
        defaults::template(object_in(job_spec_in(job), "template"));
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        if old.is_some() && preparation.part == Part::Status {
            return Ok(());
        }
        if old.is_none() {
            workload::clear_status(new);
        }
        let old = old.and_then(|old| old.at(&TEMPLATE));
        workload::prepare(object_in(job_spec_in(new), "template"), old);
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match (old, preparation.part) {
            (Some(_), Part::Status) => Vec::new(),
            _ => rules::validate(new, old),
        }
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        let mut all: Vec<String> =
            workload::name_warning(new).filter(|_| old.is_none()).into_iter().collect();
        if old.is_none_or(|old| old.generation() != new.generation()) {
            let template = typed::<batch::CronJob>(new).spec.job_template;
            let path = Path::new("spec").child("jobTemplate").child("spec");
            all.extend(job_spec::warnings(&template.spec.unwrap_or_default(), &path));
        }
        if old.is_some() && new.str_at(&["spec", "schedule"]).contains("TZ") {
            all.push(
                "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see \
                 https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
                    .to_owned(),
            );
        }
        all
    }
}

fn job_spec_in(job: &mut Object) -> &mut Map<String, Value> {
    object_in(object_in(job.section_mut("spec"), "jobTemplate"), "spec")
}

#[cfg(test)]
mod tests;
