use serde_json::json;

use super::*;
use crate::testing::{check_create, check_table, check_update, check_warnings, object};

/// `spec` over that of a valid CronJob, `job` over its jobs'.
fn cron_job(spec: Value, job: Value) -> Value {
    let mut whole = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "j", "namespace": "b"},
        "spec": {
            "schedule": "* * * * ?",
            "jobTemplate": {"spec": {"template": {
                "spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"},
            }}},
        },
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        whole["spec"][field] = value;
    }
    for (field, value) in job.as_object().cloned().unwrap_or_default() {
        whole["spec"]["jobTemplate"]["spec"][field] = value;
    }
    whole
}

fn check(spec: Value, want: &[&str]) {
    check_create(&CronJob::new(), cron_job(spec, json!({})), want);
}

#[test]
fn discovery_is_upstreams() {
    let kind = CronJob::new();
    let spec = kind.spec();
    assert_eq!((&*spec.short_names, &*spec.categories), (&names(["cj"])[..], &names(["all"])[..]));
    let subresources: Vec<_> = spec.subresources.iter().map(|sub| &*sub.name).collect();
    assert_eq!(subresources, ["status"]);
}

#[test]
fn defaults_are_upstreams() {
    let defaulted = object(&CronJob::new(), cron_job(json!({}), json!({})));
    let spec = &defaulted.0["spec"];
    assert_eq!(spec["concurrencyPolicy"], "Allow");
    assert_eq!(spec["suspend"], false);
    assert_eq!(spec["successfulJobsHistoryLimit"], 3);
    assert_eq!(spec["failedJobsHistoryLimit"], 1);
    let job = &spec["jobTemplate"]["spec"];
    assert_eq!(job["template"]["spec"]["dnsPolicy"], "ClusterFirst");
    // A job's own defaults come when it is made.
    assert_eq!(job.get("completions"), None);
}

#[test]
fn schedules() {
    let at = "spec.schedule: Invalid value:";
    check(json!({}), &[]);
    check(json!({"schedule": "@every 1h30m"}), &[]);
    check(json!({"schedule": ""}), &["spec.schedule: Required value"]);
    check(
        json!({"schedule": "error"}),
        &[&format!("{at} \"error\": expected exactly 5 fields, found 1: [error]")],
    );
    check(
        json!({"schedule": "TZ=UTC 0 * * * *"}),
        &[&format!(
            "{at} \"TZ=UTC 0 * * * *\": cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        )],
    );
    check(
        json!({"schedule": "TZ=0"}),
        &[
            &format!(
                "{at} \"TZ=0\": invalid schedule format: runtime error: slice bounds out of range [3:-1]"
            ),
            &format!("{at} \"TZ=0\": cannot use TZ or CRON_TZ in schedule, use timeZone field instead"),
        ],
    );
    let old = || cron_job(json!({"schedule": "TZ=UTC 0 * * * *"}), json!({}));
    check_update(&CronJob::new(), old(), old(), &[]);
    check_update(
        &CronJob::new(),
        cron_job(json!({"schedule": "TZ=UTC 0 * * * *", "timeZone": "UTC"}), json!({})),
        old(),
        &[&format!(
            "{at} \"TZ=UTC 0 * * * *\": cannot use both timeZone field and TZ or CRON_TZ in schedule"
        )],
    );
}

#[test]
fn time_zones() {
    let zone = |zone: &str, want: &str| {
        let want = (!want.is_empty()).then(|| format!("spec.timeZone: Invalid value: {zone:?}: {want}"));
        let want: Vec<&str> = want.iter().map(String::as_str).collect();
        check(json!({ "timeZone": zone }), &want);
    };
    zone("Europe/Berlin", "");
    zone("Etc/GMT+5", "");
    zone("", "timeZone must be nil or non-empty string");
    zone("Europe/..", "unknown time zone Europe/..");
    zone("Continent/Zone", "unknown time zone Continent/Zone");
    zone(" ", "unknown time zone  ");
    zone("Local", "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
}

#[test]
fn numbers_and_policies() {
    check(
        json!({"startingDeadlineSeconds": -1, "concurrencyPolicy": "x", "successfulJobsHistoryLimit": -1, "failedJobsHistoryLimit": -2}),
        &[
            "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
            "spec.concurrencyPolicy: Unsupported value: \"x\": supported values: \"Allow\", \"Forbid\", \"Replace\"",
            "spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
            "spec.failedJobsHistoryLimit: Invalid value: -2: must be greater than or equal to 0",
        ],
    );
}

#[test]
fn names_leave_room_for_a_time() {
    let mut long = cron_job(json!({}), json!({}));
    long["metadata"]["name"] = json!("a".repeat(53));
    let want =
        format!("metadata.name: Invalid value: {:?}: must be no more than 52 characters", "a".repeat(53));
    check_create(&CronJob::new(), long.clone(), &[&want]);
    check_update(&CronJob::new(), long.clone(), long, &[]);
}

#[test]
fn jobs_are_as_jobs_must_be() {
    let check = |job: Value, want: &[&str]| check_create(&CronJob::new(), cron_job(json!({}), job), want);
    let at = "spec.jobTemplate.spec";
    check(
        json!({"parallelism": -1}),
        &[&format!("{at}.parallelism: Invalid value: -1: must be greater than or equal to 0")],
    );
    check(
        json!({"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}),
        &[&format!(
            "{at}.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""
        )],
    );
    check(
        json!({"selector": {"matchLabels": {"a": "b"}}, "manualSelector": true}),
        &[
            &format!(
                "{at}.selector: Invalid value: {{\"matchLabels\":{{\"a\":\"b\"}}}}: `selector` will be auto-generated"
            ),
            &format!("{at}.manualSelector: Unsupported value: true: supported values: \"nil\", \"false\""),
        ],
    );
}

#[test]
fn warnings_are_upstreams() {
    let mut dotted = cron_job(json!({}), json!({}));
    dotted["metadata"]["name"] = json!("a.b");
    check_warnings(
        &CronJob::new(),
        dotted,
        &[
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
        ],
    );
    let many = json!({"completionMode": "Indexed", "completions": 100_001, "parallelism": 10_001});
    let expected = "spec.jobTemplate.spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail";
    check_warnings(&CronJob::new(), cron_job(json!({}), many), &[expected]);
}

#[test]
fn columns_are_upstreams() {
    let mut job = cron_job(json!({"timeZone": "UTC", "suspend": true}), json!({}));
    job["status"] = json!({"active": [{"name": "j-1"}]});
    let want = [
        ("Name", json!("j")),
        ("Schedule", json!("* * * * ?")),
        ("Timezone", json!("UTC")),
        ("Suspend", json!("True")),
        ("Active", json!(1)),
        ("Last Schedule", json!("<none>")),
        ("Containers", json!("c")),
        ("Images", json!("i")),
        ("Selector", json!("<none>")),
    ];
    check_table(&CronJob::new(), job, &want);
}
