//! The scheduler without I/O: changes and outcomes in, decisions out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::ObjectKey;
use k8s_openapi::api::core::v1::{Node, Pod};

use crate::decide::{Cursor, Draw, Unfit, decide};
use crate::event::Event;
use crate::message;
use crate::plugins;
use crate::pod_info::PodInfo;
use crate::preemption::{Preemption, preempt};
use crate::queue::{Queue, Rejectors};
use crate::snapshot::Snapshot;
use crate::world::{Directory, World};

/// The scheduler that pods get who ask for none.
pub const NAME: &str = "default-scheduler";

#[derive(Default)]
pub struct Core {
    snapshot: Snapshot,
    queue: Queue,
    cursor: Cursor,
}

/// What is to be done about one pod.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Bind it; until the outcome is known it counts as being on the node.
    Bind { pod: Arc<PodInfo>, node: String },
    /// Say why it waits.
    Wait(Wait),
}

#[derive(Clone, Debug)]
pub struct Wait {
    pub pod: Arc<PodInfo>,
    pub message: String,
    /// Write this into `status.nominatedNodeName`; empty takes it out, `None` leaves it.
    pub nominated_node: Option<String>,
    pub evictions: Option<Evictions>,
}

/// Makes room for a pod; [`Core::evicted`] is to be told of the outcome.
#[derive(Clone, Debug)]
pub struct Evictions {
    pub node: String,
    pub victims: Vec<Arc<PodInfo>>,
    /// Less important pods for which room was being made on the node: they look elsewhere.
    pub displaced: Vec<Arc<PodInfo>>,
}

impl Core {
    // === changes ===

    /// `node` is the newest version, `None` if it is gone.
    pub fn node_changed(&mut self, name: &str, node: Option<Arc<Node>>, now: Duration) {
        let Some(node) = node else {
            if self.snapshot.remove_node(name).is_some() {
                wake(&mut self.queue, now, &Event::NodeRemoved);
            }
            return;
        };
        let old = self.snapshot.set_node(node);
        let Some(new) = self.snapshot.node(name) else { return };
        match &old {
            None => wake(&mut self.queue, now, &Event::NodeAdded(new)),
            Some(old) => wake(&mut self.queue, now, &Event::NodeChanged { old, new }),
        }
    }

    /// `pod` is the newest version, `None` if it is gone.
    pub fn pod_changed(&mut self, key: &ObjectKey, pod: Option<Arc<Pod>>, now: Duration) {
        match pod.filter(|pod| !is_finished(pod)).map(|pod| PodInfo::new(&pod)) {
            None => self.pod_gone(key, now),
            Some(pod) if pod.node_name().is_empty() => self.pod_waits(pod, now),
            Some(pod) => self.pod_placed(pod, now),
        }
    }

    fn pod_gone(&mut self, key: &ObjectKey, now: Duration) {
        self.queue.remove(key);
        let nominated = self.snapshot.withdraw_nomination(key);
        let placed = self.snapshot.displace(key).map(|placed| (placed.node, placed.pod));
        if let Some((node, pod)) = placed.or(nominated) {
            let gone = Event::PodGone { pod: &pod, node: self.snapshot.node(&node) };
            wake(&mut self.queue, now, &gone);
        }
    }

    fn pod_placed(&mut self, pod: Arc<PodInfo>, now: Duration) {
        self.queue.remove(&pod.key);
        self.snapshot.withdraw_nomination(&pod.key);
        let name = pod.node_name().to_owned();
        let before = self.snapshot.place(pod.clone(), &name, false);
        let node = self.snapshot.node(&name);
        match before.filter(|before| !before.assumed && before.pod.uid == pod.uid) {
            None => wake(&mut self.queue, now, &Event::PodPlaced(&pod)),
            Some(before) => {
                wake(&mut self.queue, now, &Event::PodChanged { old: &before.pod, new: &pod, node });
            }
        }
    }

    fn pod_waits(&mut self, pod: Arc<PodInfo>, now: Duration) {
        match self.snapshot.placed(&pod.key) {
            // Its binding is under way.
            Some(placed) if placed.assumed && placed.pod.uid == pod.uid => return,
            Some(_) => self.pod_gone(&pod.key, now),
            None => {}
        }
        if !pod.is_ours || pod.is_deleting() {
            return self.pod_gone(&pod.key, now);
        }
        match pod.nominated_node() {
            "" => {}
            node => self.snapshot.nominate(pod.clone(), node),
        }
        self.queue.put(pod, now);
    }

    pub fn namespace_changed(&mut self, now: Duration) {
        wake(&mut self.queue, now, &Event::NamespaceChanged);
    }

    // === decisions ===

    /// Decides on the next pod; `None` when none is to be tried now.
    pub fn next(&mut self, directory: &dyn Directory, draw: Draw<'_>, now: Duration) -> Option<Decision> {
        let pod = self.queue.pop(now)?;
        let world = World { snapshot: &self.snapshot, directory };
        if self.snapshot.is_empty() {
            self.queue.unfit(&pod.key, Rejectors::new(), false, now);
            return Some(Decision::Wait(self.wait(pod, message::NO_NODES.to_owned(), true)));
        }
        match decide(&pod, world, &mut self.cursor, draw) {
            Ok(node) => {
                self.snapshot.withdraw_nomination(&pod.key);
                self.snapshot.place(pod.clone(), &node, true);
                Some(Decision::Bind { pod, node })
            }
            Err(unfit) => {
                let preemption = preempt(&pod, world, &unfit, draw);
                Some(self.turn_away(pod, &unfit, preemption, now))
            }
        }
    }

    fn turn_away(
        &mut self,
        pod: Arc<PodInfo>,
        unfit: &Unfit,
        preemption: Preemption,
        now: Duration,
    ) -> Decision {
        let held = matches!(preemption, Preemption::Evict(_));
        self.queue.unfit(&pod.key, unfit.plugins.clone(), held, now);
        Decision::Wait(match preemption {
            Preemption::Hopeless { message, keep_nomination } => {
                self.wait(pod, message::unfit(unfit, &message), !keep_nomination)
            }
            Preemption::Evict(candidate) => {
                let displaced = self.displace_nominated(&pod, &candidate.node, now);
                self.snapshot.nominate(pod.clone(), &candidate.node);
                Wait {
                    pod,
                    message: message::unfit(unfit, ""),
                    nominated_node: Some(candidate.node.clone()),
                    evictions: Some(Evictions {
                        node: candidate.node,
                        victims: candidate.victims,
                        displaced,
                    }),
                }
            }
        })
    }

    fn wait(&mut self, pod: Arc<PodInfo>, message: String, clear_nomination: bool) -> Wait {
        if clear_nomination {
            self.snapshot.withdraw_nomination(&pod.key);
        }
        let nominated_node = clear_nomination.then(String::new);
        Wait { pod, message, nominated_node, evictions: None }
    }

    /// Takes the node from less important pods for which room is being made there.
    fn displace_nominated(&mut self, pod: &PodInfo, node: &str, now: Duration) -> Vec<Arc<PodInfo>> {
        let lesser = self.snapshot.nominated_on(node).filter(|other| other.priority < pod.priority);
        let lesser: Vec<_> = lesser.cloned().collect();
        for other in &lesser {
            self.snapshot.withdraw_nomination(&other.key);
            self.queue.retry(&other.key, now);
        }
        lesser
    }

    /// The earliest time at which [`Core::next`] may have more to say, if nothing changes.
    pub fn deadline(&self) -> Option<Duration> {
        self.queue.deadline()
    }

    // === outcomes ===

    /// The pod could not be bound: it is no longer on the node and tried again later.
    /// Its newest version is to be reported by [`Core::pod_changed`] afterwards.
    pub fn bind_failed(&mut self, pod: &PodInfo, now: Duration) {
        let assumed = self.snapshot.placed(&pod.key).is_some_and(|p| p.assumed && p.pod.uid == pod.uid);
        if assumed && let Some(placed) = self.snapshot.displace(&pod.key) {
            self.queue.failed(&pod.key, now);
            let node = self.snapshot.node(&placed.node);
            wake(&mut self.queue, now, &Event::PodGone { pod: &placed.pod, node });
        }
    }

    /// The evictions that were to make room for the pod are done, or failed.
    pub fn evicted(&mut self, pod: &ObjectKey, failed: bool, now: Duration) {
        self.queue.release(pod, failed, now);
    }
}

fn is_finished(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Has the plugins that turned pods away say whether the event may help.
fn wake(queue: &mut Queue, now: Duration, event: &Event<'_>) {
    queue.wake(now, |pod, rejectors: &BTreeSet<&'static str>| {
        // Where nobody in particular was against it, anything may help.
        rejectors.is_empty()
            || rejectors.iter().any(|name| plugins::named(name).is_none_or(|plugin| plugin.helps(pod, event)))
    });
}

#[cfg(test)]
mod tests;
