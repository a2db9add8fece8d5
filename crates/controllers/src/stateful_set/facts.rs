//! A set with its pods, by number.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use ironclad_client::Cache;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::Pod;

use super::making;
use super::revisions::{Revision, Revisions};
use crate::pods;

pub(super) struct Facts<'a> {
    pub cache: &'a dyn Cache,
    pub set: &'a StatefulSet,
    pub revisions: &'a Revisions,
    by_ordinal: BTreeMap<i32, Arc<Pod>>,
    pub now: Timestamp,
}

impl<'a> Facts<'a> {
    pub fn gather(
        cache: &'a dyn Cache,
        set: &'a StatefulSet,
        revisions: &'a Revisions,
        pods: Vec<Arc<Pod>>,
        now: Timestamp,
    ) -> Self {
        let numbered = pods.into_iter().filter_map(|pod| Some((making::ordinal(set, &pod)?, pod)));
        Self { cache, set, revisions, by_ordinal: numbered.collect(), now }
    }

    fn spec(&self) -> Option<&StatefulSetSpec> {
        self.set.spec.as_ref()
    }

    pub fn pods(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.by_ordinal.values()
    }

    /// The numbers that the set is to have.
    pub fn wanted(&self) -> Range<i32> {
        let start = self.spec().and_then(|spec| spec.ordinals.as_ref()?.start).unwrap_or(0);
        let replicas = self.spec().and_then(|spec| spec.replicas).unwrap_or(1);
        start..start.saturating_add(replicas)
    }

    pub fn pod(&self, ordinal: i32) -> Option<&Arc<Pod>> {
        self.by_ordinal.get(&ordinal)
    }

    /// The pods whose numbers are not wanted, highest first.
    pub fn condemned(&self) -> Vec<(i32, &Arc<Pod>)> {
        let wanted = self.wanted();
        let others = self.by_ordinal.iter().rev().filter(|(ordinal, _)| !wanted.contains(ordinal));
        others.map(|(ordinal, pod)| (*ordinal, pod)).collect()
    }

    /// Whether pods come and go one after the other.
    pub fn in_order(&self) -> bool {
        self.spec().and_then(|spec| spec.pod_management_policy.as_deref()) != Some("Parallel")
    }

    pub fn is_rolling(&self) -> bool {
        let strategy = self.spec().and_then(|spec| spec.update_strategy.as_ref());
        strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("RollingUpdate")
    }

    /// How many of the lowest numbers are left out of an update, where the set says.
    pub fn partition(&self) -> Option<i32> {
        let rolling = self.spec()?.update_strategy.as_ref()?.rolling_update.as_ref()?;
        Some(rolling.partition.unwrap_or(0))
    }

    /// The revision that a pod of this number is made of.
    pub fn revision_for(&self, ordinal: i32) -> &'a Revision {
        let before = self.set.status.as_ref().and_then(|status| status.current_replicas).unwrap_or(0);
        let kept = match self.partition() {
            Some(partition) => partition,
            None if self.is_rolling() => before,
            None => 0,
        };
        match ordinal < self.wanted().start.saturating_add(kept) {
            true => &self.revisions.current,
            false => &self.revisions.update,
        }
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
    }

    pub fn is_available(&self, pod: &Pod) -> bool {
        pods::availability(pod, self.min_ready_seconds(), self.now).is_ok()
    }

    /// How long until a pod that is ready counts as available.
    pub fn until_available(&self) -> Option<Duration> {
        let waits = self
            .pods()
            .filter_map(|pod| pods::availability(pod, self.min_ready_seconds(), self.now).err().flatten());
        waits.min().and_then(|wait| Duration::try_from(wait).ok())
    }
}

pub(super) fn is_running_and_ready(pod: &Pod) -> bool {
    pods::phase(pod) == "Running" && pods::is_ready(pod)
}

pub(super) fn is_deleting(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}
