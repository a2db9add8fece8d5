//! Jobs played through: reconcile, carry the plan out, let pods run, and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ironclad_api::entry::EntryMeta;
use ironclad_api::object::string_map;
use ironclad_api::status::Status;
use ironclad_api::{Entry, GroupResource, Object};
use ironclad_client::{CachedResource, Observer};
use ironclad_control::Write;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;

/// A namespace with one job, whose writes succeed at once.
struct World {
    controller: JobController,
    objects: BTreeMap<(String, String), Value>,
    now: Timestamp,
    made: usize,
    events: Vec<String>,
    requeue: Option<Duration>,
    failure: Option<Arc<Status>>,
}

impl World {
    fn new(spec: Value) -> Self {
        let mut full = json!({
            "selector": { "matchLabels": { "job": "j" } },
            "backoffLimit": 6,
            "template": {
                "metadata": { "labels": { "job": "j" } },
                "spec": { "restartPolicy": "Never", "containers": [{ "name": "c" }] },
            },
        });
        merge(&mut full, spec);
        let metadata = json!({ "name": "j", "namespace": "ns", "uid": "job-uid", "resourceVersion": "1" });
        let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": full });
        Self {
            controller: JobController::default(),
            objects: BTreeMap::from([(("jobs".into(), "j".into()), job)]),
            now: Timestamp::from_second(1_767_225_600).unwrap(),
            made: 0,
            events: Vec::new(),
            requeue: None,
            failure: None,
        }
    }

    fn plan(&self) -> Plan {
        let view = View { cache: self, last_failure: self.failure.as_ref() };
        self.controller.reconcile(&view, &ObjectKey::new("ns", "j"), self.now)
    }

    /// One reconcile, its plan carried out; whether it wrote anything.
    fn round(&mut self) -> bool {
        let plan = self.plan();
        self.requeue = plan.requeue_after;
        self.events.extend(plan.events.iter().map(|event| event.reason.clone()));
        let wrote = !plan.stages.is_empty();
        plan.stages.into_iter().flatten().for_each(|write| self.apply(write));
        wrote
    }

    /// Rounds until there is nothing to write.
    fn settle(&mut self) {
        for _ in 0..20 {
            if !self.round() {
                return;
            }
        }
        panic!("never settles: {:?}", self.plan());
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::Create { collection, object, .. } => {
                self.made += 1;
                let mut object = object.into_value();
                let name = format!("{}{}", text(&object["metadata"]["generateName"]), self.made);
                let uid = format!("uid-{name}");
                let created = ironclad_api::time::format(self.now);
                merge(
                    &mut object,
                    json!({ "metadata": { "name": name, "uid": uid, "creationTimestamp": created }, "status": { "phase": "Pending" } }),
                );
                self.objects.insert((collection.resource.resource.to_string(), name), object);
            }
            Write::Update { target, object } => {
                assert_eq!(target.subresource, "status");
                let status = object.0["status"].clone();
                let slot =
                    self.objects.get_mut(&(target.resource.resource.to_string(), target.name)).unwrap();
                slot["status"] = status;
            }
            Write::Patch { target, patch, .. } => self.patch(&target.name, &patch["metadata"]),
            Write::Delete { target, .. } => self.delete(&target.name),
        }
    }

    fn patch(&mut self, pod: &str, patch: &Value) {
        let key = ("pods".to_owned(), pod.to_owned());
        let Some(object) = self.objects.get_mut(&key) else { return };
        if patch.get("$deleteFromPrimitiveList/finalizers").is_some() {
            object["metadata"].as_object_mut().unwrap().remove("finalizers");
        }
        for field in ["finalizers", "ownerReferences"] {
            match &patch[field] {
                Value::Null => {}
                value if value[0].get("$patch").is_some() => {
                    object["metadata"].as_object_mut().unwrap().remove(field);
                }
                value => object["metadata"][field] = value.clone(),
            }
        }
        self.sweep();
    }

    /// With grace: the pod is there until it has ended.
    fn delete(&mut self, pod: &str) {
        let time = ironclad_api::time::format(self.now);
        if let Some(object) = self.objects.get_mut(&("pods".into(), pod.into())) {
            object["metadata"]["deletionTimestamp"] = time.into();
        }
        self.sweep();
    }

    /// Deleted pods go once they have ended and nobody holds them.
    fn sweep(&mut self) {
        self.objects.retain(|_, object| {
            let ended = matches!(text(&object["status"]["phase"]), "Succeeded" | "Failed");
            let held = object["metadata"].get("finalizers").is_some();
            object["metadata"].get("deletionTimestamp").is_none() || held || !ended
        });
    }

    fn pods(&self) -> Vec<String> {
        self.objects.keys().filter(|(kind, _)| kind == "pods").map(|(_, name)| name.clone()).collect()
    }

    fn pod(&mut self, name: &str) -> &mut Value {
        self.objects.get_mut(&("pods".into(), name.into())).unwrap_or_else(|| panic!("no pod {name}"))
    }

    fn job(&mut self) -> &mut Value {
        self.objects.get_mut(&("jobs".into(), "j".into())).unwrap()
    }

    /// The pod's containers end with this code.
    fn exit(&mut self, pod: &str, code: i32) {
        let state =
            json!({ "terminated": { "exitCode": code, "finishedAt": ironclad_api::time::format(self.now) } });
        let container = json!({ "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state });
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        self.pod(pod)["status"] = json!({ "phase": phase, "containerStatuses": [container] });
        self.sweep();
    }

    /// Lets every pod that is active now end with this code, and settles.
    fn finish_all(&mut self, code: i32) {
        for name in self.pods() {
            if !matches!(text(&self.pod(&name)["status"]["phase"]), "Succeeded" | "Failed") {
                self.exit(&name, code);
            }
        }
        self.settle();
    }

    fn passes(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.settle();
    }

    /// Fields of the status in one line, conditions that hold last.
    fn status(&mut self, fields: &[&str]) -> String {
        let status = self.job()["status"].clone();
        let mut parts: Vec<String> =
            fields.iter().map(|field| format!("{field}={}", status[*field])).collect();
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let hold = conditions.iter().filter(|condition| condition["status"] == "True");
        parts.extend(
            hold.map(|condition| format!("{}({})", text(&condition["type"]), text(&condition["reason"]))),
        );
        parts.join(" ")
    }
}

impl Cache for World {
    fn get(&self, resource: &GroupResource, key: &ObjectKey) -> Option<Arc<Entry>> {
        self.objects.get(&(resource.resource.to_string(), key.name.clone())).map(entry)
    }

    fn list(&self, resource: &GroupResource, _: Option<&str>) -> Vec<Arc<Entry>> {
        let of_kind = self.objects.iter().filter(|((kind, _), _)| *kind == resource.resource);
        of_kind.map(|(_, object)| entry(object)).collect()
    }

    fn observe(&self, _: &[GroupResource], _: Arc<dyn Observer>) {}

    fn resources(&self) -> Vec<CachedResource> {
        Vec::new()
    }

    fn revision(&self) -> u64 {
        1
    }
}

fn entry(object: &Value) -> Arc<Entry> {
    let key = Object::from_value(object.clone()).unwrap().key();
    let labels = string_map(object["metadata"].get("labels"));
    let meta = EntryMeta { key, labels, ..EntryMeta::default() };
    Arc::new(Entry::new(meta, 1, Bytes::from(object.to_string())))
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

const COUNTS: &[&str] = &["active", "succeeded", "failed", "terminating"];

#[test]
fn a_job_runs_to_its_completions() {
    let mut world = World::new(json!({ "parallelism": 2, "completions": 3 }));
    world.settle();
    assert_eq!(world.status(COUNTS), "active=2 succeeded=null failed=null terminating=0");
    world.finish_all(0);
    assert_eq!(world.status(COUNTS), "active=1 succeeded=2 failed=null terminating=0");
    world.finish_all(0);
    let done = "active=null succeeded=3 failed=null terminating=0 \
                SuccessCriteriaMet(CompletionsReached) Complete(CompletionsReached)";
    assert_eq!(world.status(COUNTS), done);
    assert_eq!(world.job()["status"]["uncountedTerminatedPods"], json!({}));
    assert_eq!(world.job()["status"]["completionTime"], "2026-01-01T00:00:00Z");
    assert_eq!(world.events, ["Completed"]);
    assert!(
        world
            .pods()
            .iter()
            .all(|pod| world.objects[&("pods".into(), pod.clone())]["metadata"].get("finalizers").is_none())
    );
}

#[test]
fn without_completions_one_success_ends_the_job() {
    let mut world = World::new(json!({ "parallelism": 2, "completions": null }));
    world.settle();
    let pods = world.pods();
    world.exit(&pods[0], 0);
    world.settle();
    assert_eq!(world.status(COUNTS), "active=1 succeeded=1 failed=null terminating=0");
    world.finish_all(1);
    assert!(world.status(&["succeeded", "failed"]).starts_with("succeeded=1 failed=1 SuccessCriteriaMet"));
}

#[test]
fn failed_pods_are_replaced_after_a_wait_until_the_limit() {
    let mut world = World::new(json!({ "parallelism": 1, "completions": 1, "backoffLimit": 2 }));
    world.settle();
    for (failures, wait) in [(1, 10), (2, 20)] {
        world.finish_all(1);
        assert_eq!(
            world.status(COUNTS),
            format!("active=null succeeded=null failed={failures} terminating=0")
        );
        assert_eq!(world.requeue, Some(Duration::from_secs(wait)));
        world.passes(i64::try_from(wait).unwrap() - 1);
        assert_eq!(world.made, failures, "too early");
        world.passes(1);
        assert_eq!(world.made, failures + 1);
    }
    world.finish_all(1);
    let over = "active=null succeeded=null failed=3 terminating=0 FailureTarget(BackoffLimitExceeded) Failed(BackoffLimitExceeded)";
    assert_eq!(world.status(COUNTS), over);
    assert_eq!(world.events, ["BackoffLimitExceeded"]);
}

#[test]
fn a_job_that_fails_stops_its_pods_and_waits_for_them() {
    let mut world = World::new(json!({ "parallelism": 3, "completions": 3, "backoffLimit": 0 }));
    world.settle();
    let pods = world.pods();
    world.exit(&pods[0], 1);
    world.settle();
    assert_eq!(
        world.status(COUNTS),
        "active=null succeeded=null failed=3 terminating=2 FailureTarget(BackoffLimitExceeded)"
    );
    world.finish_all(1);
    assert!(world.status(&["failed", "terminating"]).starts_with("failed=3 terminating=0 FailureTarget"));
    assert!(world.status(&[]).ends_with("Failed(BackoffLimitExceeded)"));
    assert_eq!(world.pods(), [pods[0].clone()]);
}

#[test]
fn a_job_ends_at_its_deadline() {
    let mut world = World::new(json!({ "activeDeadlineSeconds": 30, "completions": 1 }));
    world.settle();
    assert_eq!(world.requeue, Some(Duration::from_secs(30)));
    world.passes(29);
    assert_eq!(world.status(&["active"]), "active=1");
    world.passes(1);
    world.finish_all(137);
    assert!(world.status(&[]).ends_with("Failed(DeadlineExceeded)"));
}

#[test]
fn containers_that_restart_in_place_count() {
    let template = json!({ "spec": { "restartPolicy": "OnFailure" } });
    let mut world = World::new(json!({ "backoffLimit": 2, "completions": 1, "template": template }));
    world.settle();
    let pod = world.pods()[0].clone();
    for (restarts, over) in [(1, false), (2, true)] {
        let container =
            json!({ "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": restarts });
        world.pod(&pod)["status"] = json!({ "phase": "Running", "containerStatuses": [container] });
        world.settle();
        assert_eq!(world.status(&[]).contains("BackoffLimitExceeded"), over, "{restarts}");
    }
}

#[test]
fn a_suspended_job_stops_and_starts_anew() {
    let mut world = World::new(json!({ "parallelism": 2, "completions": 2, "activeDeadlineSeconds": 60 }));
    world.settle();
    world.job()["spec"]["suspend"] = true.into();
    world.settle();
    world.finish_all(137);
    assert_eq!(
        world.status(COUNTS),
        "active=null succeeded=null failed=null terminating=0 Suspended(JobSuspended)"
    );
    assert_eq!((world.pods().len(), world.job()["status"].get("startTime")), (0, None));
    world.passes(1000);
    assert!(world.status(&[]).ends_with("Suspended(JobSuspended)"), "no deadline while suspended");
    world.job()["spec"]["suspend"] = false.into();
    world.settle();
    assert_eq!(world.status(COUNTS), "active=2 succeeded=null failed=null terminating=0");
    assert_eq!(world.job()["status"]["startTime"], "2026-01-01T00:16:40Z");
    assert_eq!(world.events, ["Suspended", "Resumed"]);
}

#[test]
fn less_parallelism_removes_pods_without_counting_them() {
    let mut world = World::new(json!({ "parallelism": 3, "completions": 9 }));
    world.settle();
    world.job()["spec"]["parallelism"] = 1.into();
    world.settle();
    assert_eq!(world.status(COUNTS), "active=1 succeeded=null failed=null terminating=2");
    for pod in world.pods() {
        if world.pod(&pod)["metadata"].get("deletionTimestamp").is_some() {
            world.exit(&pod, 143);
        }
    }
    world.settle();
    assert_eq!(world.status(COUNTS), "active=1 succeeded=null failed=null terminating=0");
}

fn indexed(spec: Value) -> World {
    let mut base = json!({ "completionMode": "Indexed", "parallelism": 3, "completions": 3 });
    merge(&mut base, spec);
    World::new(base)
}

#[test]
fn pods_of_an_indexed_job_know_their_index() {
    let mut world = indexed(json!({}));
    world.settle();
    assert_eq!(world.pods(), ["j-0-1", "j-1-2", "j-2-3"]);
    let pod = world.pod("j-1-2").clone();
    let index = "batch.kubernetes.io/job-completion-index";
    assert_eq!(
        (&pod["metadata"]["labels"][index], &pod["metadata"]["annotations"][index]),
        (&json!("1"), &json!("1"))
    );
    assert_eq!(pod["spec"]["hostname"], "j-1");
    let variable = &pod["spec"]["containers"][0]["env"][0];
    assert_eq!(variable["name"], "JOB_COMPLETION_INDEX");
    let path = format!("metadata.labels['{index}']");
    assert_eq!(variable["valueFrom"]["fieldRef"]["fieldPath"], path);
    assert_eq!(pod["metadata"]["finalizers"], json!(["batch.kubernetes.io/job-tracking"]));
    assert_eq!(pod["metadata"]["ownerReferences"][0]["kind"], "Job");
}

#[test]
fn each_index_must_succeed_once() {
    let mut world = indexed(json!({}));
    world.settle();
    world.exit("j-0-1", 0);
    world.passes(1);
    world.exit("j-2-3", 1);
    world.settle();
    let fields = &["active", "succeeded", "failed", "completedIndexes"];
    assert_eq!(world.status(fields), "active=1 succeeded=1 failed=1 completedIndexes=\"0\"");
    world.passes(10);
    assert_eq!(world.pods(), ["j-0-1", "j-1-2", "j-2-3", "j-2-4"]);
    world.finish_all(0);
    assert!(world.status(fields).starts_with("active=null succeeded=3 failed=1 completedIndexes=\"0-2\" "));
    assert!(world.status(&[]).ends_with("Complete(CompletionsReached)"));
}

#[test]
fn pods_of_a_repeated_or_no_index_are_removed() {
    let mut world = indexed(json!({ "parallelism": 2, "completions": 2 }));
    world.settle();
    let mut twin = world.pod("j-0-1").clone();
    merge(
        &mut twin,
        json!({ "metadata": { "name": "twin", "uid": "twin" }, "status": { "phase": "Pending" } }),
    );
    let mut stray = twin.clone();
    merge(&mut stray, json!({ "metadata": { "name": "stray", "uid": "stray" } }));
    stray["metadata"].as_object_mut().unwrap().remove("annotations");
    world.pod("j-0-1")["status"]["phase"] = "Running".into();
    world.objects.insert(("pods".into(), "twin".into()), twin);
    world.objects.insert(("pods".into(), "stray".into()), stray);
    world.settle();
    let deleted: Vec<_> = world
        .pods()
        .into_iter()
        .filter(|pod| world.pod(pod)["metadata"].get("deletionTimestamp").is_some())
        .collect();
    assert_eq!(deleted, ["stray", "twin"]);
}

#[test]
fn indexes_fail_each_for_themselves() {
    let limits = json!({ "backoffLimitPerIndex": 1, "backoffLimit": i32::MAX });
    let mut world = indexed(limits);
    world.settle();
    world.exit("j-0-1", 1);
    world.settle();
    assert_eq!(world.requeue, Some(Duration::from_secs(10)));
    assert!(world.pod("j-0-1")["metadata"].get("finalizers").is_some(), "it is the memory of the index");
    world.passes(10);
    assert_eq!(
        world.pod("j-0-4")["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"],
        "1"
    );
    world.exit("j-0-4", 1);
    world.settle();
    let fields = &["succeeded", "failed", "completedIndexes", "failedIndexes"];
    assert_eq!(world.status(fields), "succeeded=null failed=2 completedIndexes=null failedIndexes=\"0\"");
    world.finish_all(0);
    let over = "succeeded=2 failed=2 completedIndexes=\"1,2\" failedIndexes=\"0\" FailureTarget(FailedIndexes) Failed(FailedIndexes)";
    assert_eq!(world.status(fields), over);
}

#[test]
fn too_many_failed_indexes_end_the_job() {
    let limits = json!({ "backoffLimitPerIndex": 0, "backoffLimit": i32::MAX, "maxFailedIndexes": 1 });
    let mut world = indexed(limits);
    world.settle();
    world.exit("j-0-1", 1);
    world.exit("j-1-2", 1);
    world.settle();
    world.finish_all(137);
    assert_eq!(
        world.status(&["failed", "failedIndexes"]),
        "failed=3 failedIndexes=\"0,1\" FailureTarget(MaxFailedIndexesExceeded) Failed(MaxFailedIndexesExceeded)"
    );
}

#[test]
fn a_success_policy_ends_the_job_early() {
    let policy = json!({ "rules": [{ "succeededIndexes": "0", "succeededCount": 1 }] });
    let mut world = indexed(json!({ "successPolicy": policy }));
    world.settle();
    world.exit("j-0-1", 0);
    world.settle();
    assert_eq!(
        world.status(&["succeeded", "terminating"]),
        "succeeded=1 terminating=2 SuccessCriteriaMet(SuccessPolicy)"
    );
    world.finish_all(137);
    assert_eq!(
        world.status(&["succeeded", "failed", "terminating"]),
        "succeeded=1 failed=null terminating=0 SuccessCriteriaMet(SuccessPolicy) Complete(SuccessPolicy)"
    );
}

#[test]
fn a_failure_policy_ignores_or_ends() {
    let rule = |action: &str, code: i32| json!({ "action": action, "onExitCodes": { "operator": "In", "values": [code] } });
    let policy = json!({ "rules": [rule("Ignore", 3), rule("FailJob", 4)] });
    let mut world = World::new(json!({ "completions": 1, "backoffLimit": 0, "podFailurePolicy": policy }));
    world.settle();
    world.finish_all(3);
    assert_eq!(world.status(&["failed"]), "failed=null");
    world.passes(10);
    world.finish_all(4);
    assert_eq!(
        world.status(&["failed"]),
        "failed=1 FailureTarget(PodFailurePolicy) Failed(PodFailurePolicy)"
    );
    let message = "Container c for pod ns/j-2 failed with exit code 4 matching FailJob rule at index 1";
    assert_eq!(world.job()["status"]["conditions"][1]["message"], message);
}

#[test]
fn pods_that_leave_are_replaced_at_once_or_once_they_have_left() {
    let check = |policy: &str, failed_early: bool| {
        let mut world = World::new(json!({ "completions": 1, "podReplacementPolicy": policy }));
        world.settle();
        world.delete("j-1");
        world.settle();
        assert_eq!(world.status(&["terminating"]), "terminating=1", "{policy}");
        assert_eq!(
            world.status(&["failed"]),
            if failed_early { "failed=1" } else { "failed=null" },
            "{policy}"
        );
        world.passes(10);
        assert_eq!(world.made, if failed_early { 2 } else { 1 }, "{policy}");
        world.exit("j-1", 143);
        world.settle();
        world.passes(10);
        assert_eq!((world.made, world.status(&["failed"])), (2, "failed=1".into()), "{policy}");
    };
    check("TerminatingOrFailed", true);
    check("Failed", false);
}

#[test]
fn a_pod_is_counted_once_wherever_the_controller_stops() {
    // Every prefix of the writes of every round may be all that happens before a crash.
    for stop in 0..12 {
        let mut world = World::new(json!({ "parallelism": 2, "completions": 2 }));
        world.settle();
        for (pod, code) in world.pods().iter().zip([0, 1]) {
            world.exit(pod, code);
        }
        let mut left = stop;
        while left > 0 {
            let writes: Vec<_> = world.plan().stages.into_iter().flatten().take(left).collect();
            if writes.is_empty() {
                break;
            }
            left -= writes.len();
            writes.into_iter().for_each(|write| world.apply(write));
        }
        world.controller = JobController::default();
        world.settle();
        world.passes(10);
        world.finish_all(0);
        assert!(
            world.status(&["succeeded", "failed"]).starts_with("succeeded=2 failed=1 "),
            "stopped after {stop}"
        );
    }
}

#[test]
fn orphans_are_adopted_with_the_finalizer_and_foreigners_released() {
    let mut world = World::new(json!({ "parallelism": 1, "completions": 1 }));
    let orphan = json!({ "metadata": { "name": "orphan", "namespace": "ns", "uid": "o", "labels": { "job": "j" } }, "status": { "phase": "Running" } });
    world.objects.insert(("pods".into(), "orphan".into()), orphan);
    world.settle();
    assert_eq!(world.pods(), ["orphan"]);
    assert_eq!(world.pod("orphan")["metadata"]["finalizers"], json!(["batch.kubernetes.io/job-tracking"]));
    assert_eq!(world.pod("orphan")["metadata"]["ownerReferences"][0]["uid"], "job-uid");
    world.pod("orphan")["metadata"]["labels"] = json!({ "job": "other" });
    world.settle();
    assert_eq!(world.pod("orphan")["metadata"].get("ownerReferences"), None);
    assert_eq!(world.pod("orphan")["metadata"].get("finalizers"), None);
    assert_eq!(world.pods().len(), 2);
}

#[test]
fn pods_of_a_job_that_is_gone_lose_the_finalizer() {
    let mut world = World::new(json!({ "parallelism": 2, "completions": 2 }));
    world.settle();
    world.job()["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    world.settle();
    let held = |world: &mut World| {
        let pods = world.pods();
        pods.iter().filter(|pod| world.pod(pod)["metadata"].get("finalizers").is_some()).count()
    };
    assert_eq!(held(&mut world), 0);
    let mut world = World::new(json!({ "parallelism": 2, "completions": 2 }));
    world.settle();
    world.objects.remove(&("jobs".into(), "j".into()));
    assert_eq!(held(&mut world), 2);
    world.settle();
    assert_eq!((held(&mut world), world.pods().len()), (0, 2));
}

#[test]
fn jobs_of_another_manager_are_left_alone() {
    let mut world = World::new(json!({ "managedBy": "example.com/mine", "completions": 1 }));
    assert!(!world.round());
    let mut world = World::new(json!({ "managedBy": "kubernetes.io/job-controller", "completions": 1 }));
    assert!(world.round());
}

#[test]
fn after_a_failure_one_pod_is_tried() {
    let mut world = World::new(json!({ "parallelism": 5, "completions": 5 }));
    world.failure = Some(Arc::new(Status::internal_error("no")));
    world.round();
    assert_eq!(world.pods().len(), 1);
}
