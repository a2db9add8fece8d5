//! Makes and informs the workers: one for every pod that the API has on this node, and one for every pod that only
//! the runtime has, which is then stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ironclad_api::ObjectKey;
use ironclad_client::{Change, Observer};
use ironclad_env::{Env, Task};
use ironclad_node_core::admit::{self, AdmitInput, Pressure};
use ironclad_node_core::pod::PodMachine;
use ironclad_node_core::{Input, NodeSettings, PodFacts, spec};
use k8s_openapi::api::core::v1::{Node, Pod};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::book::{Book, Page};
use super::hands::Hands;
use super::inbox::Inbox;
use super::relist::{self, Listing};
use super::worker::{Worker, now};
use crate::api::{self, Api};
use crate::runtime::{Inspector, PodOnNode};
use crate::sources::Tell;

/// The pods of this node. Cheap to share.
pub(crate) struct Manager {
    env: Env,
    settings: Arc<NodeSettings>,
    api: Api,
    inspector: Arc<Inspector>,
    hands: Arc<dyn Hands>,
    book: Arc<Book>,
    workers: Mutex<BTreeMap<String, Handle>>,
    /// Pods of which the API has something new.
    changed: Mutex<BTreeSet<ObjectKey>>,
    news: Notify,
    /// The runtime has something new, perhaps.
    nudge: Notify,
    pressure: Mutex<Pressure>,
    told_of_exits: AtomicBool,
}

#[derive(Clone)]
struct Handle {
    key: ObjectKey,
    inbox: Arc<Inbox>,
}

/// Puts what has changed where the manager looks.
struct Watcher(Arc<Manager>);

impl Observer for Watcher {
    fn changed(&self, change: &Change) {
        self.0.changed.lock().insert(change.entry().key.clone());
        self.0.news.notify_one();
    }
}

impl Manager {
    pub(crate) fn new(
        env: Env,
        settings: Arc<NodeSettings>,
        api: Api,
        inspector: Arc<Inspector>,
        hands: Arc<dyn Hands>,
        book: Arc<Book>,
    ) -> Arc<Self> {
        Arc::new(Self {
            env,
            settings,
            api,
            inspector,
            hands,
            book,
            workers: Mutex::default(),
            changed: Mutex::default(),
            news: Notify::new(),
            nudge: Notify::new(),
            pressure: Mutex::default(),
            told_of_exits: AtomicBool::new(false),
        })
    }

    /// Looks after the pods until it is dropped. To be called once the pods of this node have been listed: what
    /// the API does not have then is stopped. `ups` changes when the runtime has come up anew.
    pub(crate) async fn run(self: Arc<Self>, mut ups: watch::Receiver<u64>) {
        let mut listing = self.list().await;
        self.api.own.observe(&[api::pods().group_resource()], Arc::new(Watcher(self.clone())));
        loop {
            self.take_changes(&listing);
            self.take_listing(&listing);
            listing = loop {
                tokio::select! {
                    () = self.news.notified() => self.take_changes(&listing),
                    () = self.nudge.notified() => break self.list().await,
                    Ok(()) = ups.changed() => break self.list().await,
                    () = self.env.sleep(self.pause()) => break self.list().await,
                }
            };
        }
    }

    /// Between two lists: long, while the runtime says by itself when something has ended.
    fn pause(&self) -> Duration {
        if self.told_of_exits.load(Ordering::Acquire) { relist::WHEN_TOLD } else { relist::EVERY }
    }

    /// Whether the runtime is heard when containers end.
    pub(crate) fn set_told_of_exits(&self, told: bool) {
        self.told_of_exits.store(told, Ordering::Release);
    }

    /// Has the runtime asked at once.
    pub(crate) fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// What the node is short of: new pods are judged by it.
    pub(crate) fn set_pressure(&self, pressure: Pressure) {
        *self.pressure.lock() = pressure;
    }

    /// The letter box of a pod's worker.
    pub(crate) fn inbox(&self, uid: &str) -> Option<Arc<Inbox>> {
        self.workers.lock().get(uid).map(|worker| worker.inbox.clone())
    }

    /// The uids of all pods with a worker.
    pub(crate) fn uids(&self) -> BTreeSet<String> {
        self.workers.lock().keys().cloned().collect()
    }

    /// Lists until it succeeds: while the runtime is away, what is known of it stays.
    async fn list(&self) -> Listing {
        loop {
            let taken = self.env.elapsed();
            match self.inspector.all().await {
                Ok(pods) => return Listing { taken, pods },
                Err(error) => tracing::warn!(%error, "the runtime's pods are not listed yet"),
            }
            self.env.sleep(relist::AFTER_FAILURE).await;
        }
    }

    // --- what the API says

    fn take_changes(self: &Arc<Self>, listing: &Listing) {
        let changed = std::mem::take(&mut *self.changed.lock());
        let mut pods: Vec<Arc<Pod>> = Vec::new();
        for key in changed {
            let entry = self.api.own.get(&api::pods().group_resource(), &key);
            let uid = entry.as_ref().map(|entry| entry.uid.clone());
            self.tell_gone(&key, uid.as_deref());
            pods.extend(entry.and_then(|entry| entry.typed::<Pod>()));
        }
        // What was there first is taken first, and what runs already before all.
        pods.sort_by_key(|pod| {
            (!listing.pods.contains_key(spec::uid(pod)), pod.metadata.creation_timestamp.clone())
        });
        for pod in pods {
            self.hands.follow(&pod, &self.teller());
            let known = self.inbox(spec::uid(&pod));
            match known {
                Some(inbox) => inbox.pod(pod),
                None => self.take_on(pod, listing),
            }
        }
    }

    /// Tells a worker that what its pod shows has changed.
    fn teller(self: &Arc<Self>) -> Tell {
        let manager = Arc::downgrade(self);
        Arc::new(move |uid: &str| {
            if let Some(inbox) = manager.upgrade().and_then(|manager| manager.inbox(uid)) {
                inbox.sources_changed();
            }
        })
    }

    /// Workers of that name whose pod is not the one that the API has.
    fn tell_gone(&self, key: &ObjectKey, uid: Option<&str>) {
        let workers = self.workers.lock();
        for (_, worker) in workers.iter().filter(|(other, w)| w.key == *key && Some(other.as_str()) != uid) {
            worker.inbox.gone();
        }
    }

    /// A worker for a pod that has none.
    fn take_on(self: &Arc<Self>, pod: Arc<Pod>, listing: &Listing) {
        let uid = spec::uid(&pod).to_owned();
        let facts = listing.pods.get(&uid).map(|pod| pod.facts.clone()).unwrap_or_default();
        let first = match facts == PodFacts::default() {
            true => self.admitted(&pod),
            false => Input::Tick,
        };
        let machine = PodMachine::new(self.settings.clone(), pod, facts, now(&self.env));
        self.start(uid, machine, first);
    }

    /// The first thing a new pod is told: that it is refused, or nothing in particular.
    fn admitted(&self, pod: &Pod) -> Input {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if spec::is_terminal(phase) || pod.metadata.deletion_timestamp.is_some() {
            return Input::Tick;
        }
        let key = ObjectKey::cluster(self.settings.node_name.clone());
        let node = self.api.own.get(&api::nodes().group_resource(), &key);
        let Some(node) = node.and_then(|entry| entry.typed::<Node>()) else { return Input::Tick };
        let pages = self.book.pages();
        let others: Vec<&Pod> = pages.iter().filter(|page| page.is_taken()).map(|page| &*page.pod).collect();
        let input = AdmitInput {
            pod,
            node: &node,
            others: &others,
            allowed_unsafe_sysctls: &self.settings.allowed_unsafe_sysctls,
            pressure: *self.pressure.lock(),
        };
        match admit::admit(&input) {
            Ok(()) => Input::Tick,
            Err(rejection) => Input::Reject { reason: rejection.reason, message: rejection.message },
        }
    }

    // --- what the runtime says

    fn take_listing(self: &Arc<Self>, listing: &Listing) {
        let workers = self.workers.lock().clone();
        for (uid, worker) in &workers {
            let facts = listing.pods.get(uid).map(|pod| &pod.facts);
            let nothing = PodFacts::default();
            let facts = facts.unwrap_or(&nothing);
            let known = self.book.by_uid(uid);
            if known.is_none_or(|page| !relist::same(&page.facts, facts)) {
                worker.inbox.facts(listing.taken, facts.clone());
            }
        }
        for (uid, pod) in listing.pods.iter().filter(|(uid, _)| !workers.contains_key(*uid)) {
            self.take_orphan(uid, pod, listing);
        }
    }

    /// A pod that only the runtime has is stopped, unless the API's word of it has just not been taken yet.
    fn take_orphan(self: &Arc<Self>, uid: &str, pod: &PodOnNode, listing: &Listing) {
        let identity = &pod.identity;
        let key = ObjectKey::new(identity.namespace.clone(), identity.name.clone());
        let entry = self.api.own.get(&api::pods().group_resource(), &key);
        if let Some(entry) = entry.filter(|entry| entry.uid == uid) {
            if let Some(pod) = entry.typed::<Pod>() {
                self.take_on(pod, listing);
            }
            return;
        }
        tracing::info!(%key, uid, "the API does not have this pod: it is stopped");
        let (settings, now) = (self.settings.clone(), now(&self.env));
        let facts = pod.facts.clone();
        let machine = PodMachine::orphan(settings, &identity.namespace, &identity.name, uid, facts, now);
        self.start(uid.to_owned(), machine, Input::Tick);
    }

    // --- workers

    fn start(self: &Arc<Self>, uid: String, machine: PodMachine, first: Input) {
        let inbox = Arc::new(Inbox::default());
        let pod = machine.pod();
        let key = ObjectKey::new(spec::namespace(pod), spec::name(pod));
        // Before the worker begins, so that the next pod is judged beside this one.
        self.book.write(Page::of(&machine));
        self.workers.lock().insert(uid.clone(), Handle { key: key.clone(), inbox: inbox.clone() });
        let worker = Worker {
            env: self.env.clone(),
            hands: self.hands.clone(),
            inbox,
            book: self.book.clone(),
            running: Default::default(),
        };
        let manager = self.clone();
        let work = async move {
            worker.run(machine, first).await;
            manager.workers.lock().remove(&uid);
            manager.book.remove(&uid);
            manager.hands.gone(&uid);
            // A pod of that name may be there by now.
            manager.changed.lock().insert(key);
            manager.news.notify_one();
        };
        let _task: Task = self.env.spawn("pod", Box::pin(work));
    }
}
