//! How long a Job waits before it makes a pod in place of a failed one: 10 s, doubling with each
//! failure since the last success, up to 10 min.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use parking_lot::Mutex;

use crate::pods;

const FIRST: Duration = Duration::from_secs(10);
const MAX: Duration = Duration::from_secs(600);
/// More failures make no longer wait, so that many are enough to remember.
const MAX_FAILURES: usize = 16;

/// Failures by job, so that pods that are gone count too. A pod may be noted any number of times.
/// Kept in memory only: after a restart a job starts without a wait, as upstream's do.
#[derive(Default)]
pub(super) struct Backoffs(Mutex<HashMap<String, Record>>);

#[derive(Clone, Debug, Default)]
struct Record {
    last_success: Option<Timestamp>,
    /// Failures since then: the pods' uids with the time.
    failures: BTreeMap<String, Timestamp>,
}

impl Backoffs {
    /// Notes the finished pods of a job; how long it is to wait.
    pub fn note<'a>(
        &self,
        job: &str,
        succeeded: impl Iterator<Item = &'a Arc<Pod>>,
        failed: impl Iterator<Item = &'a Arc<Pod>>,
        now: Timestamp,
    ) -> Duration {
        let mut records = self.0.lock();
        let record = records.entry(job.to_owned()).or_default();
        record.last_success = succeeded.map(|pod| finish_time(pod)).chain(record.last_success).max();
        for pod in failed {
            record.failures.insert(pod.metadata.uid.clone().unwrap_or_default(), finish_time(pod));
        }
        record.prune();
        remaining(record.failures.len(), record.failures.values().max().copied(), now)
    }

    pub fn forget(&self, job: &str) {
        self.0.lock().remove(job);
    }
}

impl Record {
    fn prune(&mut self) {
        if let Some(success) = self.last_success {
            self.failures.retain(|_, failure| *failure > success);
        }
        while self.failures.len() > MAX_FAILURES {
            let oldest = self.failures.iter().min_by_key(|(_, time)| **time).map(|(uid, _)| uid.clone());
            let Some(oldest) = oldest else { return };
            self.failures.remove(&oldest);
        }
    }
}

/// What is left of the wait after so many failures, the last one at `last`.
pub(super) fn remaining(failures: usize, last: Option<Timestamp>, now: Timestamp) -> Duration {
    let Some(last) = last.filter(|_| failures > 0) else { return Duration::ZERO };
    let doublings = u32::try_from(failures - 1).unwrap_or(u32::MAX).min(6);
    let wait = FIRST.saturating_mul(1 << doublings).min(MAX);
    let end = SignedDuration::try_from(wait).ok().and_then(|wait| last.checked_add(wait).ok());
    end.and_then(|end| Duration::try_from(end.duration_since(now)).ok()).unwrap_or_default()
}

/// When a pod ended: its last container's end, else since when it is not ready, else when its
/// deletion was asked for, else its creation.
pub(super) fn finish_time(pod: &Pod) -> Timestamp {
    let not_ready = || {
        let ready = pods::condition(pod, "Ready").filter(|condition| condition.status == "False")?;
        Some(ready.last_transition_time.as_ref()?.0)
    };
    let deleted = || {
        let by = pod.metadata.deletion_timestamp.as_ref()?.0;
        let grace = SignedDuration::from_secs(pod.metadata.deletion_grace_period_seconds.unwrap_or(0));
        by.checked_sub(grace).ok()
    };
    let created = || pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let end = last_container_end(pod).or_else(not_ready).or_else(deleted).or_else(created);
    end.unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The end of the container that ended last; `None` while one has not. Sidecars count.
fn last_container_end(pod: &Pod) -> Option<Timestamp> {
    let status = pod.status.as_ref()?;
    let init = pod.spec.as_ref().and_then(|spec| spec.init_containers.as_ref());
    let is_sidecar = |status: &&ContainerStatus| {
        let mut sidecars = init
            .into_iter()
            .flatten()
            .filter(|container| container.restart_policy.as_deref() == Some("Always"));
        sidecars.any(|sidecar| sidecar.name == status.name)
    };
    let sidecars = status.init_container_statuses.iter().flatten().filter(is_sidecar);
    let containers = status.container_statuses.iter().flatten().chain(sidecars);
    let ends = containers.map(|container| {
        let terminated = container.state.as_ref()?.terminated.as_ref()?;
        Some(terminated.finished_at.as_ref()?.0)
    });
    ends.collect::<Option<Vec<_>>>()?.into_iter().max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn ended(uid: &str, second: i64) -> Arc<Pod> {
        let state = json!({ "terminated": { "exitCode": 1, "finishedAt": at(second).to_string() } });
        let container = json!({ "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state });
        let pod = json!({ "metadata": { "uid": uid }, "status": { "containerStatuses": [container] } });
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn waits_double_from_ten_seconds_to_ten_minutes() {
        let waits = |failures| remaining(failures, Some(at(0)), at(0)).as_secs();
        assert_eq!([0, 1, 2, 3, 6, 7, 8, 100].map(waits), [0, 10, 20, 40, 320, 600, 600, 600]);
        assert_eq!(remaining(1, Some(at(0)), at(4)).as_secs(), 6);
        assert_eq!(remaining(1, Some(at(0)), at(11)), Duration::ZERO);
    }

    #[test]
    fn failures_since_the_last_success_count_once() {
        let backoffs = Backoffs::default();
        let note = |succeeded: &[Arc<Pod>], failed: &[Arc<Pod>], now: i64| {
            backoffs.note("job", succeeded.iter(), failed.iter(), at(now)).as_secs()
        };
        let (a, b, c) = (ended("a", 0), ended("b", 5), ended("c", 9));
        assert_eq!(note(&[], std::slice::from_ref(&a), 0), 10);
        assert_eq!(note(&[], std::slice::from_ref(&a), 0), 10, "noted again");
        assert_eq!(note(&[], &[a.clone(), b.clone()], 5), 20);
        assert_eq!(note(&[], std::slice::from_ref(&c), 9), 40, "pods that are gone count too");
        assert_eq!(note(&[ended("s", 7)], &[], 9), 10, "only c failed after it");
        assert_eq!(note(&[ended("t", 9)], &[a, b, c], 9), 0);
        backoffs.forget("job");
        assert!(backoffs.0.lock().is_empty());
    }

    #[test]
    fn the_end_of_a_pod_is_found_somewhere() {
        let check = |pod: serde_json::Value, second: i64| {
            let pod: Pod = serde_json::from_value(pod).unwrap();
            assert_eq!(finish_time(&pod), at(second));
        };
        assert_eq!(finish_time(&ended("a", 3)), at(3));
        let time = |second: i64| at(second).to_string();
        check(json!({ "metadata": { "creationTimestamp": time(1) } }), 1);
        let deleted = json!({ "deletionTimestamp": time(30), "deletionGracePeriodSeconds": 10, "creationTimestamp": time(1) });
        check(json!({ "metadata": deleted }), 20);
        let ready = json!({ "type": "Ready", "status": "False", "lastTransitionTime": time(5) });
        check(json!({ "metadata": deleted, "status": { "conditions": [ready] } }), 5);
    }
}
