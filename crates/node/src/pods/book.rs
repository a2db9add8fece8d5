//! What is known of this node's pods, for whoever looks them up: logs and exec, statistics, admission, clean-up.

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_node_core::PodFacts;
use ironclad_node_core::pod::{PodMachine, State};
use ironclad_node_core::spec;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use parking_lot::RwLock;

/// One pod as its machine sees it.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub pod: Arc<Pod>,
    pub facts: PodFacts,
    pub status: PodStatus,
    pub state: State,
}

/// All pods with a worker, by uid.
#[derive(Default)]
pub(crate) struct Book(RwLock<BTreeMap<String, Arc<Page>>>);

impl Page {
    pub(super) fn of(machine: &PodMachine) -> Self {
        Self {
            pod: machine.pod().clone(),
            facts: machine.facts().clone(),
            status: machine.status().clone(),
            state: machine.state(),
        }
    }

    pub(crate) fn uid(&self) -> &str {
        spec::uid(&self.pod)
    }

    /// Whether it holds resources of the node: it was taken and has not ended.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self.state, State::Active | State::Terminating { .. })
    }
}

impl Book {
    pub(super) fn write(&self, page: Page) {
        self.0.write().insert(page.uid().to_owned(), Arc::new(page));
    }

    pub(super) fn remove(&self, uid: &str) {
        self.0.write().remove(uid);
    }

    pub(crate) fn pages(&self) -> Vec<Arc<Page>> {
        self.0.read().values().cloned().collect()
    }

    pub(crate) fn by_uid(&self, uid: &str) -> Option<Arc<Page>> {
        self.0.read().get(uid).cloned()
    }

    /// The pod of that name; of several (one is being replaced) the one that was made last.
    pub(crate) fn by_name(&self, namespace: &str, name: &str) -> Option<Arc<Page>> {
        let book = self.0.read();
        let named =
            book.values().filter(|p| spec::namespace(&p.pod) == namespace && spec::name(&p.pod) == name);
        named.max_by_key(|page| page.pod.metadata.creation_timestamp.clone()).cloned()
    }
}
