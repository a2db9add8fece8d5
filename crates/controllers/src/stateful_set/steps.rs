//! What is to be done to the pods.
//!
//! A set in order goes through its numbers upwards and stops at the first pod that is not as it should
//! be; once all are well it takes away what is too much, highest number first, and then replaces what
//! is of an older revision. A parallel set does the same to all at once, but replaces one by one.

use std::sync::Arc;
use std::time::Duration;

use ironclad_api::Object;
use ironclad_client::PatchKind;
use ironclad_control::{EventRecord, Tell, Write};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, json};

use super::facts::{Facts, is_deleting, is_running_and_ready};
use super::revisions::of_pod;
use super::{API_VERSION, KIND, claims, making};
use crate::ownership::{event_reference, key_of};
use crate::pods;
use crate::resources::PODS;

/// How long a claim that is going is waited for.
const CLAIM_WAIT: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Steps {
    pub stages: Vec<Vec<Write>>,
    pub events: Vec<EventRecord>,
    pub wait: Option<Duration>,
    /// Whether a pod goes because it is of an older revision.
    pub updated: bool,
}

/// Whether a set in order goes on after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    On,
    Stop,
}

impl Steps {
    fn stage(&mut self, writes: Vec<Write>) {
        if !writes.is_empty() {
            self.stages.push(writes);
        }
    }
}

impl Facts<'_> {
    pub fn steps(&self) -> Steps {
        let mut steps = Steps::default();
        if self.set.metadata.deletion_timestamp.is_none() {
            let _ = self.all(&mut steps);
        }
        steps
    }

    /// `None` where a set in order stops.
    fn all(&self, steps: &mut Steps) -> Option<()> {
        for ordinal in self.wanted() {
            self.go_on(self.keep(ordinal, steps))?;
        }
        let condemned = self.condemned();
        for (ordinal, pod) in &condemned {
            steps.stage(claims::owned(self.cache, self.set, pod, *ordinal, false));
        }
        // Nothing is taken away above a pod that is not well, unless it is that pod.
        let unwell = condemned.iter().rev().find(|(_, pod)| is_deleting(pod) || !self.is_available(pod));
        for (ordinal, pod) in &condemned {
            let is_first = unwell.is_some_and(|(unwell, _)| unwell == ordinal);
            self.go_on(self.remove(pod, is_first, steps))?;
        }
        if self.is_rolling() {
            self.replace_one(steps);
        }
        Some(())
    }

    fn go_on(&self, next: Next) -> Option<()> {
        (next == Next::On || !self.in_order()).then_some(())
    }

    /// Makes the pod of a number what it should be.
    fn keep(&self, ordinal: i32, steps: &mut Steps) -> Next {
        let Some(pod) = self.pod(ordinal) else { return self.make(ordinal, steps) };
        if pods::is_finished(pod) {
            if !is_deleting(pod) {
                steps.stage(vec![self.delete(pod)]);
            }
            return Next::Stop;
        }
        if pods::phase(pod) == "Pending" {
            match claims::missing(self.cache, self.set, ordinal) {
                Ok(writes) => steps.stage(writes),
                Err(claims::Going) => steps.wait = Some(CLAIM_WAIT),
            }
        }
        if self.in_order() && (is_deleting(pod) || !is_running_and_ready(pod) || !self.is_available(pod)) {
            return Next::Stop;
        }
        if !making::is_labelled(pod) {
            steps.stage(vec![self.label(pod, ordinal)]);
        }
        steps.stage(claims::owned(self.cache, self.set, pod, ordinal, true));
        Next::On
    }

    fn make(&self, ordinal: i32, steps: &mut Steps) -> Next {
        if claims::are_stale(self.cache, self.set, ordinal) {
            steps.wait = Some(CLAIM_WAIT);
            return Next::Stop;
        }
        match claims::missing(self.cache, self.set, ordinal) {
            Ok(writes) => steps.stage(writes),
            Err(claims::Going) => {
                steps.wait = Some(CLAIM_WAIT);
                return Next::Stop;
            }
        }
        let pod = making::pod(self.set, self.revision_for(ordinal), ordinal);
        let namespace = self.set.metadata.namespace.as_deref().unwrap_or_default();
        let tell =
            self.tell(("SuccessfulCreate", "Create Pod "), ("FailedCreate", "Create Pod failed error: "));
        let object = Object::from_typed(&pod).unwrap_or_default();
        steps.stage(vec![Write::create(PODS.collection(namespace), object).telling(tell)]);
        Next::Stop
    }

    fn remove(&self, pod: &Arc<Pod>, is_first_unwell: bool, steps: &mut Steps) -> Next {
        if is_deleting(pod) {
            return Next::Stop;
        }
        let well = is_running_and_ready(pod) && self.is_available(pod);
        if !well && self.in_order() && !is_first_unwell {
            return Next::Stop;
        }
        steps.stage(vec![self.delete(pod)]);
        Next::Stop
    }

    /// The highest number that is of an older revision goes, once all above it are well.
    fn replace_one(&self, steps: &mut Steps) {
        let wanted = self.wanted();
        let first = wanted.start.saturating_add(self.partition().unwrap_or(0));
        for ordinal in (first..wanted.end).rev() {
            let Some(pod) = self.pod(ordinal) else { return };
            if of_pod(pod) != self.revisions.update.name && !is_deleting(pod) {
                steps.stage(vec![self.delete(pod)]);
                steps.updated = true;
                return;
            }
            if is_deleting(pod) || !self.is_available(pod) {
                return;
            }
        }
    }

    // === writes ===

    fn tell(&self, success: (&'static str, &'static str), failure: (&'static str, &'static str)) -> Tell {
        Tell { regarding: event_reference(API_VERSION, KIND, &self.set.metadata), success, failure }
    }

    fn delete(&self, pod: &Pod) -> Write {
        let tell =
            self.tell(("SuccessfulDelete", "Delete Pod "), ("FailedDelete", "Delete Pod failed error: "));
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        Write::delete(PODS.object(&key_of(&pod.metadata)), uid).telling(tell)
    }

    fn label(&self, pod: &Pod, ordinal: i32) -> Write {
        let labels = making::labels(self.set, ordinal);
        let labels: Map<_, _> =
            labels.into_iter().map(|(label, value)| (label.to_owned(), value.into())).collect();
        Write::Patch {
            target: PODS.object(&key_of(&pod.metadata)),
            kind: PatchKind::Merge,
            patch: json!({"metadata": {"uid": pod.metadata.uid, "labels": labels}}),
        }
    }
}
