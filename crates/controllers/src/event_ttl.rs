//! Forgets old events. Upstream's store lets them expire; here they are deleted, so that any
//! store serves.

use std::time::Duration;

use ironclad_api::ObjectKey;
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::{SignedDuration, Timestamp};

use crate::resources::{EVENTS, NAMESPACES};

/// Upstream's `--event-ttl`.
const TTL: SignedDuration = SignedDuration::from_hours(1);
const PERIOD: Duration = Duration::from_secs(60);
/// Deletes in one go; what is left follows at once.
const BATCH: usize = 500;

pub struct EventTtl;

impl Controller for EventTtl {
    fn name(&self) -> &'static str {
        "event-ttl-controller"
    }

    /// The key is a namespace.
    fn watches(&self) -> Vec<Watch> {
        vec![Watch::new(NAMESPACES.group_resource(), |change, _| match &change.old {
            None => vec![change.entry().key.clone()],
            Some(_) => Vec::new(),
        })]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        if view.cache.get(&NAMESPACES.group_resource(), key).is_none() {
            return plan;
        }
        let events = view.cache.list(&EVENTS.group_resource(), Some(&key.name));
        let old = events.iter().filter(|entry| is_old(&entry.object(), now));
        let deletes: Vec<_> = old
            .take(BATCH)
            .map(|entry| Write::delete(EVENTS.object(&entry.key), entry.uid.clone()))
            .collect();
        plan.requeue_in(if deletes.len() == BATCH { Duration::ZERO } else { PERIOD });
        plan.stages.push(deletes);
        plan
    }
}

/// An event that has not happened again for [`TTL`].
fn is_old(event: &ironclad_api::Object, now: Timestamp) -> bool {
    let times = [
        event.str_at(&["series", "lastObservedTime"]),
        event.str_at(&["lastTimestamp"]),
        event.str_at(&["eventTime"]),
        event.meta_str("creationTimestamp"),
    ];
    let newest = times.into_iter().filter_map(|time| time.parse::<Timestamp>().ok()).max();
    newest.is_none_or(|newest| now.duration_since(newest) > TTL)
}
