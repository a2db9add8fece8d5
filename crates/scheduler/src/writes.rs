//! The scheduler's writes: bindings, the reasons why pods wait, evictions.

use std::sync::Arc;

use ironclad_api::params::{DeleteOptions, Preconditions};
use ironclad_api::status::Status;
use ironclad_api::{GroupVersionResource, Object, ObjectKey, time};
use ironclad_client::{Client, EventRecord, EventType, PatchKind, Recorder, Request, Target};
use ironclad_env::Env;
use k8s_openapi::api::core::v1::PodCondition;
use serde_json::{Value, json};

use crate::core::{Evictions, NAME, Wait};
use crate::inbox::Inbox;
use crate::pod_info::{DISRUPTED, PodInfo, SCHEDULED};
use crate::preemption::PREEMPTION_BY_SCHEDULER;

/// Notes of events are cut to this many bytes.
const MAX_NOTE: usize = 1024;

/// One pod's writes.
#[derive(Debug)]
pub enum Job {
    Bind { pod: Arc<PodInfo>, node: String },
    Wait(Wait),
}

/// What the core must know of them.
#[derive(Debug)]
pub enum Outcome {
    NotBound { pod: Arc<PodInfo> },
    Evicted { pod: ObjectKey, failed: bool },
}

pub struct Writer {
    env: Env,
    client: Arc<dyn Client>,
    recorder: Recorder,
    inbox: Arc<Inbox>,
}

impl Writer {
    pub fn new(env: Env, client: Arc<dyn Client>, inbox: Arc<Inbox>) -> Self {
        let recorder = Recorder::new(env.clone(), client.clone(), NAME, "");
        Self { env, client, recorder, inbox }
    }

    pub async fn run(&self, job: Job) {
        match job {
            Job::Bind { pod, node } => self.bind(pod, &node).await,
            Job::Wait(wait) => self.wait(wait).await,
        }
    }

    async fn bind(&self, pod: Arc<PodInfo>, node: &str) {
        let result = self.client.call(binding(&pod, node)).await;
        let Err(status) = result else {
            let note = format!("Successfully assigned {}/{} to {node}", pod.key.namespace, pod.key.name);
            return self.tell(&pod, EventType::Normal, "Scheduled", note).await;
        };
        self.inbox.report(Outcome::NotBound { pod: pod.clone() });
        // Gone, or bound by another: there is nothing to say about it.
        if status.is_not_found() || status.is_conflict() {
            return;
        }
        tracing::warn!(pod = %pod.key, node, error = %status, "pod not bound");
        let message = format!("running Bind plugin \"DefaultBinder\": {status}");
        self.tell(&pod, EventType::Warning, "FailedScheduling", message.clone()).await;
        let patch = self.condition_patch(&pod, "SchedulerError", &message);
        self.patch_status(&pod, patch).await.ok();
    }

    async fn wait(&self, wait: Wait) {
        let Wait { pod, message, nominated_node, evictions } = wait;
        let condition = self.condition_patch(&pod, "Unschedulable", &message);
        let patch = with_nomination(condition, &pod, nominated_node);
        if let Err(status) = self.patch_status(&pod, patch).await {
            tracing::debug!(pod = %pod.key, error = %status, "the reason why the pod waits is not written");
        }
        if let Some(evictions) = evictions {
            let failed = self.evict(&pod, &evictions).await.is_err();
            self.inbox.report(Outcome::Evicted { pod: pod.key.clone(), failed });
        }
        self.tell(&pod, EventType::Warning, "FailedScheduling", message).await;
    }

    async fn evict(&self, pod: &PodInfo, evictions: &Evictions) -> Result<(), Status> {
        for other in &evictions.displaced {
            let patch = json!({ "status": { "nominatedNodeName": null } });
            self.patch_status(other, Some(patch)).await.ok();
        }
        for victim in evictions.victims.iter().filter(|victim| !victim.is_deleting()) {
            match self.evict_one(pod, victim, &evictions.node).await {
                Err(status) if status.is_not_found() => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    async fn evict_one(&self, pod: &PodInfo, victim: &PodInfo, node: &str) -> Result<(), Status> {
        let condition = json!({
            "type": DISRUPTED,
            "status": "True",
            "reason": PREEMPTION_BY_SCHEDULER,
            "message": format!("{NAME}: preempting to accommodate a higher priority pod"),
            "lastTransitionTime": time::format(self.env.now()),
            "observedGeneration": victim.generation,
        });
        self.patch_status(victim, Some(json!({ "status": { "conditions": [condition] } }))).await?;
        let preconditions = Preconditions { uid: Some(victim.uid.clone()), resource_version: None };
        let options = DeleteOptions { preconditions, ..Default::default() };
        self.client.call(Request::delete(target(&victim.key), options)).await?;
        let note = format!("Preempted by pod {} on node {node}", pod.uid);
        self.tell(victim, EventType::Normal, "Preempted", note).await;
        Ok(())
    }

    /// The patch that sets `PodScheduled` to false; `None` if the pod says so already.
    fn condition_patch(&self, pod: &PodInfo, reason: &str, message: &str) -> Option<Value> {
        let old = pod.condition(SCHEDULED);
        let same = |old: &PodCondition| {
            old.status == "False"
                && old.reason.as_deref() == Some(reason)
                && old.message.as_deref() == Some(message)
                && old.observed_generation == pod.generation
        };
        if old.is_some_and(same) {
            return None;
        }
        let mut condition = json!({
            "type": SCHEDULED,
            "status": "False",
            "reason": reason,
            "message": message,
            "observedGeneration": pod.generation,
        });
        if old.is_none_or(|old| old.status != "False") {
            condition["lastTransitionTime"] = time::format(self.env.now()).into();
        }
        Some(json!({ "status": { "conditions": [condition] } }))
    }

    async fn patch_status(&self, pod: &PodInfo, patch: Option<Value>) -> Result<(), Status> {
        let Some(mut patch) = patch else { return Ok(()) };
        patch["metadata"] = json!({ "uid": pod.uid });
        let target = target(&pod.key).subresource("status");
        self.client.call(Request::patch(target, PatchKind::Strategic, patch.to_string())).await?;
        Ok(())
    }

    async fn tell(&self, pod: &PodInfo, event_type: EventType, reason: &str, note: String) {
        let regarding = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": pod.key.namespace,
            "name": pod.key.name,
            "uid": pod.uid,
            "resourceVersion": pod.resource_version,
        });
        let event = EventRecord { regarding, event_type, reason: reason.to_owned(), note: cut(note) };
        self.recorder.record(&event).await;
    }
}

fn pods() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "pods")
}

fn target(key: &ObjectKey) -> Target {
    Target::object(pods(), key)
}

fn binding(pod: &PodInfo, node: &str) -> Request {
    let body = json!({
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": { "namespace": pod.key.namespace, "name": pod.key.name, "uid": pod.uid },
        "target": { "kind": "Node", "name": node },
    });
    Request::create(target(&pod.key).subresource("binding"), Object::from_value(body).unwrap_or_default())
}

/// Adds the nominated node to a patch of the status, if it is another than before.
fn with_nomination(patch: Option<Value>, pod: &PodInfo, node: Option<String>) -> Option<Value> {
    let Some(node) = node.filter(|node| node != pod.nominated_node()) else { return patch };
    let mut patch = patch.unwrap_or_else(|| json!({ "status": {} }));
    patch["status"]["nominatedNodeName"] = if node.is_empty() { Value::Null } else { node.into() };
    Some(patch)
}

fn cut(mut note: String) -> String {
    const END: &str = " ...";
    if note.len() > MAX_NOTE {
        note.truncate(note.floor_char_boundary(MAX_NOTE - END.len()));
        note += END;
    }
    note
}
