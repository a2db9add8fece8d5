use ironclad_api::params::{DeleteOptions, PropagationPolicy};
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::testing;

/// A job as it stands after its creation: `spec` over a valid one, defaulted, with its selector.
fn job(spec: Value) -> Object {
    let mut whole = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "j", "namespace": "b", "uid": "u"},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}}},
        "status": {},
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        whole["spec"][field] = value;
    }
    let mut object = Object::from_value(whole).expect("an object");
    Job::new().default(&mut object);
    selector::generate(&mut object);
    object
}

fn texts(errors: Vec<FieldError>) -> Vec<String> {
    errors.iter().map(FieldError::to_string).collect()
}

fn check(spec: Value, want: &[&str]) {
    assert_eq!(texts(rules::job(&job(spec.clone()), None)), want, "{spec}");
}

#[test]
fn discovery_is_upstreams() {
    let kind = Job::new();
    let spec = kind.spec();
    assert_eq!((spec.short_names.len(), &*spec.categories, &*spec.singular), (0, &names(["all"])[..], "job"));
    let subresources: Vec<_> = spec.subresources.iter().map(|sub| (&*sub.name, sub.verbs)).collect();
    assert_eq!(subresources, [("status", &["get", "patch", "update"][..])]);
}

#[test]
fn defaults_are_upstreams() {
    let check = |spec: Value, field: &str, want: Value| {
        assert_eq!(
            job(spec.clone()).at(&["spec", field]).cloned().unwrap_or_default(),
            want,
            "{spec} {field}"
        );
    };
    check(json!({}), "completions", json!(1));
    check(json!({}), "parallelism", json!(1));
    check(json!({"parallelism": 2}), "completions", json!(null));
    check(json!({"completions": 2}), "parallelism", json!(1));
    check(json!({}), "backoffLimit", json!(6));
    check(json!({"backoffLimitPerIndex": 1}), "backoffLimit", json!(2147483647));
    check(json!({}), "completionMode", json!("NonIndexed"));
    check(json!({}), "suspend", json!(false));
    check(json!({}), "podReplacementPolicy", json!("TerminatingOrFailed"));
    check(json!({"podFailurePolicy": {"rules": []}}), "podReplacementPolicy", json!("Failed"));
    check(json!({}), "manualSelector", json!(false));
}

#[test]
fn jobs_have_the_labels_of_their_pods() {
    let mut object = Object::from_value(json!({
        "metadata": {"name": "j"}, "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {}}},
    }))
    .expect("an object");
    Job::new().default(&mut object);
    assert_eq!(object.label("a"), Some("b"));
}

#[test]
fn pods_are_found_by_the_uid() {
    let object = job(json!({}));
    let labels = json!({
        "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "j",
        "controller-uid": "u", "job-name": "j",
    });
    assert_eq!(object.at(&["spec", "template", "metadata", "labels"]), Some(&labels));
    let selector = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}});
    assert_eq!(object.at(&["spec", "selector"]), Some(&selector));
    check(json!({}), &[]);
    check(
        json!({"selector": {"matchLabels": {"a": "b"}}}),
        &[
            "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"batch.kubernetes.io/controller-uid\":\"u\"}}: `selector` not auto-generated",
            "spec.template.metadata.labels: Invalid value: {\"batch.kubernetes.io/controller-uid\":\"u\",\"batch.kubernetes.io/job-name\":\"j\",\"controller-uid\":\"u\",\"job-name\":\"j\"}: `selector` does not match template `labels`",
        ],
    );
    let template = json!({
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"},
    });
    check(
        json!({"manualSelector": true, "selector": {"matchLabels": {"a": "b"}}, "template": template}),
        &[],
    );
}

#[test]
fn pods_of_jobs_end() {
    let template = |policy: &str| json!({"template": {"spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": policy}}});
    let at = "spec.template.spec.restartPolicy";
    check(template("OnFailure"), &[]);
    check(template("Always"), &[&format!("{at}: Required value: valid values: \"OnFailure\", \"Never\"")]);
}

#[test]
fn numbers_and_modes() {
    check(
        json!({"parallelism": -1}),
        &["spec.parallelism: Invalid value: -1: must be greater than or equal to 0"],
    );
    check(
        json!({"completionMode": "x"}),
        &["spec.completionMode: Unsupported value: \"x\": supported values: \"NonIndexed\", \"Indexed\""],
    );
    check(
        json!({"completionMode": "Indexed", "parallelism": 1}),
        &["spec.completions: Required value: when completion mode is Indexed"],
    );
    check(
        json!({"maxFailedIndexes": 1}),
        &[
            "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
            "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode",
        ],
    );
    check(
        json!({"completionMode": "Indexed", "completions": 2, "backoffLimitPerIndex": 1, "maxFailedIndexes": 3}),
        &["spec.maxFailedIndexes: Invalid value: 3: must be less than or equal to completions"],
    );
    check(
        json!({"managedBy": "x"}),
        &["spec.managedBy: Invalid value: \"x\": must be a domain-prefixed path (such as \"acme.io/foo\")"],
    );
    check(
        json!({"podReplacementPolicy": "x"}),
        &[
            "spec.podReplacementPolicy: Unsupported value: \"x\": supported values: \"Failed\", \"TerminatingOrFailed\"",
        ],
    );
}

#[test]
fn failure_policies() {
    let rules = |rule: Value| json!({"podFailurePolicy": {"rules": [rule]}});
    let at = "spec.podFailurePolicy.rules[0]";
    check(rules(json!({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1, 2]}})), &[]);
    check(rules(json!({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]})), &[]);
    check(
        rules(json!({"action": "Ignore"})),
        &[&format!("{at}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required")],
    );
    check(
        rules(json!({"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [0]}})),
        &[
            &format!(
                "{at}.action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set"
            ),
            &format!("{at}.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator"),
        ],
    );
    check(
        rules(
            json!({"action": "Count", "onExitCodes": {"operator": "", "values": [2, 1, 1], "containerName": "x"}}),
        ),
        &[
            &format!("{at}.onExitCodes.operator: Required value: valid values: [\"In\" \"NotIn\"]"),
            &format!(
                "{at}.onExitCodes.containerName: Invalid value: \"x\": must be one of the container or initContainer names in the pod template"
            ),
            &format!("{at}.onExitCodes.values[2]: Duplicate value: 1"),
            &format!("{at}.onExitCodes.values: Invalid value: [2,1,1]: must be ordered"),
        ],
    );
}

#[test]
fn success_policies() {
    let indexed = |rule: Value| json!({"completionMode": "Indexed", "completions": 5, "successPolicy": {"rules": [rule]}});
    let at = "spec.successPolicy.rules[0]";
    check(indexed(json!({"succeededIndexes": "0-2", "succeededCount": 2})), &[]);
    check(
        indexed(json!({})),
        &[&format!(
            "{at}: Required value: at least one of succeededCount or succeededIndexes must be specified"
        )],
    );
    check(
        indexed(json!({"succeededIndexes": "0,9"})),
        &[&format!(
            "{at}.succeededIndexes: Invalid value: \"0,9\": error parsing succeededIndexes: too large index: \"9\""
        )],
    );
    check(
        indexed(json!({"succeededIndexes": "0", "succeededCount": 2})),
        &[&format!(
            "{at}.succeededCount: Invalid value: 2: must be less than or equal to 1 (the number of indexes in the specified succeededIndexes field)"
        )],
    );
}

#[test]
fn little_changes_in_a_job() {
    let check = |old: Value, new: Value, want: &[&str]| {
        assert_eq!(texts(update::updated(&job(new), &job(old))), want)
    };
    let changed = json!({"completions": 1, "parallelism": 5, "suspend": true, "activeDeadlineSeconds": 1});
    check(json!({}), changed, &[]);
    check(json!({}), json!({"completions": 2}), &["spec.completions: Invalid value: 2: field is immutable"]);
    let indexed = |completions: i64, parallelism: i64| json!({"completionMode": "Indexed", "completions": completions, "parallelism": parallelism});
    check(indexed(2, 2), indexed(3, 3), &[]);
    check(
        indexed(2, 2),
        indexed(3, 2),
        &["spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism"],
    );
    check(
        json!({}),
        json!({"managedBy": "a.b/c"}),
        &["spec.managedBy: Invalid value: \"a.b/c\": field is immutable"],
    );
}

#[test]
fn a_suspended_job_may_be_steered() {
    let with = |suspend: bool, more: Value| {
        let mut spec = json!({"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"});
        spec.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        job(json!({"suspend": suspend, "template": {"spec": spec}}))
    };
    let check = |old: Object, new: Object, want: &[&str]| {
        let fields: Vec<String> = update::updated(&new, &old).into_iter().map(|error| error.field).collect();
        assert_eq!(fields, want);
    };
    let selector = json!({"nodeSelector": {"a": "b"}});
    let affinity = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}}}});
    let resources =
        json!({"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}]});
    let image = json!({"containers": [{"name": "c", "image": "j"}]});
    for steering in [&selector, &affinity, &resources] {
        check(with(true, json!({})), with(true, steering.clone()), &[]);
        check(with(true, steering.clone()), with(true, json!({})), &[]);
        check(with(false, json!({})), with(false, steering.clone()), &["spec.template"]);
    }
    check(with(true, json!({})), with(true, image), &["spec.template.spec"]);
    let mut running = with(true, json!({}));
    running.0.insert("status".into(), json!({"active": 1}));
    check(running, with(true, selector), &["spec.template"]);
}

#[test]
fn a_status_goes_forward_and_agrees_with_itself() {
    let check = |old: Value, new: Value, want: &[&str]| {
        let with = |status: Value| {
            let mut object = job(json!({}));
            object.0.insert("status".into(), status);
            object
        };
        assert_eq!(texts(status::updated(&with(new), &with(old))), want);
    };
    let conditions = |list: &[&str]| -> Value {
        list.iter().map(|kind| json!({"type": kind, "status": "True"})).collect::<Vec<_>>().into()
    };
    let (start, end) = ("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z");
    let complete = json!({
        "startTime": start, "completionTime": end, "succeeded": 1,
        "conditions": conditions(&["SuccessCriteriaMet", "Complete"]),
    });
    check(json!({"startTime": start, "active": 1}), complete.clone(), &[]);
    check(
        json!({"startTime": start}),
        json!({"startTime": start, "completionTime": end, "conditions": conditions(&["Complete"])}),
        &[
            "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
        ],
    );
    check(
        complete,
        json!({"startTime": start}),
        &[
            "status.conditions: Invalid value: cannot disable the terminal Complete=True condition",
            "status.succeeded: Invalid value: 0: cannot decrease the succeeded counter",
            "status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition",
        ],
    );
    check(
        json!({}),
        json!({"conditions": conditions(&["FailureTarget", "Failed"]), "active": 1}),
        &[
            "status.active: Invalid value: 1: active>0 is invalid for finished job",
            "status.startTime: Required value: startTime is required for finished job",
        ],
    );
    check(
        json!({}),
        json!({"ready": 1}),
        &["status.ready: Invalid value: 1: cannot set more ready pods than active"],
    );
    check(
        json!({}),
        json!({"completedIndexes": "0"}),
        &[
            "status.completedIndexes: Invalid value: \"0\": cannot set non-empty completedIndexes when non-indexed completion mode",
        ],
    );
    check(
        json!({"startTime": start}),
        json!({"startTime": end}),
        &[
            "status.startTime: Invalid value: \"2026-01-01T00:01:00Z\": field is immutable for unsuspended job once set",
        ],
    );
}

#[test]
fn a_new_job_without_labels_has_those_that_its_pods_are_given() {
    let kind = Job::new();
    let new = job(json!({"template": {"spec": {"containers": []}}})).into_value();
    let (mut new, _) = testing::write(&kind, Part::Main, new, None);
    kind.canonicalize(&mut new);
    let of_pods = new.at(&["spec", "template", "metadata", "labels"]).cloned();
    assert!(of_pods.as_ref().is_some_and(|labels| labels.get("batch.kubernetes.io/job-name").is_some()));
    assert_eq!(new.at(&["metadata", "labels"]).cloned(), of_pods);
}

#[test]
fn columns_are_upstreams() {
    let check = |spec: Value, status: Value, want: [&str; 3]| {
        let mut object = job(spec);
        object.0.insert("status".into(), status);
        let now: Timestamp = "2026-01-01T00:05:00Z".parse().expect("a time");
        let columns = columns::columns();
        let cells: Vec<Value> = columns[1..4].iter().map(|column| (column.cell)(&object, now)).collect();
        assert_eq!(cells, want.map(Value::from));
    };
    let start = "2026-01-01T00:00:00Z";
    check(json!({}), json!({}), ["Running", "0/1", ""]);
    check(json!({"completions": 3}), json!({"startTime": start, "succeeded": 2}), ["Running", "2/3", "5m"]);
    check(json!({"parallelism": 4}), json!({}), ["Running", "0/1 of 4", ""]);
    let done = json!({
        "startTime": start, "completionTime": "2026-01-01T00:00:07Z", "succeeded": 1,
        "conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}],
    });
    check(json!({}), done, ["Complete", "1/1", "7s"]);
    check(
        json!({}),
        json!({"conditions": [{"type": "Suspended", "status": "True"}]}),
        ["Suspended", "0/1", ""],
    );
}

#[test]
fn who_deletes_a_job_is_told_what_becomes_of_its_pods() {
    let check = |propagation_policy, told: bool| {
        let options = DeleteOptions { propagation_policy, ..DeleteOptions::default() };
        assert_eq!(Job::new().warning_of_delete(&options).is_some(), told, "{propagation_policy:?}");
    };
    check(None, true);
    check(Some(PropagationPolicy::Background), false);
    check(Some(PropagationPolicy::Orphan), false);
}
