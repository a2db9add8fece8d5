//! Writing pods' statuses and deleting their objects.

use std::collections::HashMap;

use ironclad_api::{Entry, ObjectKey};
use ironclad_node_core::effect::{Answer, Failure};
use ironclad_node_core::{spec, status};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use parking_lot::Mutex;

use super::hands::other;
use crate::api::{self, Api};

/// What the API said after our last write, by uid: newer than the cache until that has heard of it.
/// As many as pods on the node: a deleted one is forgotten.
#[derive(Default)]
pub(crate) struct Statuses {
    written: Mutex<HashMap<String, Written>>,
}

#[derive(Clone)]
struct Written {
    revision: u64,
    status: PodStatus,
}

impl Statuses {
    /// Patches the status in the API to say what `status` says, if it does not.
    pub(super) async fn write(&self, api: &Api, pod: &Pod, status: &PodStatus) -> Result<Answer, Failure> {
        let (uid, key) = (spec::uid(pod), key(pod));
        let known = self.newest(api, pod);
        let Some(patch) = status::patch(uid, &known, status) else { return Ok(Answer::Done) };
        match api.patch(api::pods(), &key, "status", &patch).await {
            Ok(object) => {
                let revision = object.resource_version().parse().unwrap_or(0);
                if let Ok(pod) = object.to_typed::<Pod>() {
                    let status = pod.status.unwrap_or_default();
                    self.written.lock().insert(uid.to_owned(), Written { revision, status });
                }
                Ok(Answer::Done)
            }
            // There is no such pod, or another one of that name: nobody is left to be told.
            Err(error) if error.is_not_found() => Ok(Answer::Done),
            Err(error) if error.is_conflict() && error.message.contains("UID") => Ok(Answer::Done),
            Err(error) => Err(other(error)),
        }
    }

    /// The status as the API has it, as far as is known here.
    fn newest(&self, api: &Api, pod: &Pod) -> PodStatus {
        let uid = spec::uid(pod);
        let entry = api.own.get(&api::pods().group_resource(), &key(pod)).filter(|entry| entry.uid == uid);
        let cached =
            |entry: &Entry| entry.typed::<Pod>().and_then(|pod| pod.status.clone()).unwrap_or_default();
        let written = self.written.lock().get(uid).cloned();
        match (entry, written) {
            (Some(entry), Some(written)) if entry.revision >= written.revision => cached(&entry),
            (_, Some(written)) => written.status,
            (Some(entry), None) => cached(&entry),
            (None, None) => pod.status.clone().unwrap_or_default(),
        }
    }

    /// Deletes the object for good.
    pub(super) async fn delete(&self, api: &Api, pod: &Pod) -> Result<Answer, Failure> {
        let uid = spec::uid(pod);
        match api.delete_now(api::pods(), &key(pod), uid).await {
            Err(error) if !error.is_not_found() && !error.is_conflict() => Err(other(error)),
            _ => {
                self.written.lock().remove(uid);
                Ok(Answer::Done)
            }
        }
    }

    pub(super) fn forget(&self, uid: &str) {
        self.written.lock().remove(uid);
    }
}

fn key(pod: &Pod) -> ObjectKey {
    ObjectKey::new(spec::namespace(pod), spec::name(pod))
}
