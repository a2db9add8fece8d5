//! What the runtime has of pods, as facts.
//!
//! A list names every sandbox and container with its state in two calls; only what has changed since the last
//! list is asked for in detail, so that an idle node costs two calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures::StreamExt;
use ironclad_cri::{Cri, CriError, v1};
use ironclad_node_core::container::labels;
use ironclad_node_core::{ContainerFact, ContainerState, PodFacts, SandboxFact};
use parking_lot::Mutex;

use super::termination;
use crate::messages;

/// Details asked for at the same time.
const AT_ONCE: usize = 8;

/// Whose sandbox or container it is, as its labels say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PodIdentity {
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

/// One pod as the runtime has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PodOnNode {
    pub identity: PodIdentity,
    pub facts: PodFacts,
}

/// Asks the runtime, and remembers what cannot change.
pub(crate) struct Inspector {
    cri: Arc<dyn Cri>,
    known: Mutex<Known>,
}

/// Details by id. As many as there are in the runtime: a full list forgets the rest.
#[derive(Default)]
struct Known {
    sandboxes: HashMap<String, SandboxFact>,
    containers: HashMap<String, ContainerFact>,
}

impl Inspector {
    pub(crate) fn new(cri: Arc<dyn Cri>) -> Self {
        Self { cri, known: Mutex::default() }
    }

    /// Every pod in the runtime, by uid.
    pub(crate) async fn all(&self) -> Result<BTreeMap<String, PodOnNode>, CriError> {
        let (sandboxes, containers) =
            futures::try_join!(self.cri.list_pod_sandboxes(None), self.cri.list_containers(None))?;
        let pods = self.gather(sandboxes, containers).await?;
        let mut known = self.known.lock();
        let sandboxes: HashMap<_, _> =
            pods.values().flat_map(|p| &p.facts.sandboxes).map(|s| (s.id.clone(), s.clone())).collect();
        let containers: HashMap<_, _> =
            pods.values().flat_map(|p| &p.facts.containers).map(|c| (c.id.clone(), c.clone())).collect();
        *known = Known { sandboxes, containers };
        drop(known);
        Ok(pods)
    }

    /// One pod.
    pub(crate) async fn pod(&self, uid: &str) -> Result<PodFacts, CriError> {
        let label_selector: BTreeMap<_, _> = [(labels::POD_UID.to_owned(), uid.to_owned())].into();
        let sandboxes = v1::PodSandboxFilter { label_selector: label_selector.clone(), ..Default::default() };
        let containers = v1::ContainerFilter { label_selector, ..Default::default() };
        let (sandboxes, containers) = futures::try_join!(
            self.cri.list_pod_sandboxes(Some(sandboxes)),
            self.cri.list_containers(Some(containers))
        )?;
        let mut pods = self.gather(sandboxes, containers).await?;
        Ok(pods.remove(uid).unwrap_or_default().facts)
    }

    /// One sandbox, asked anew. `None` if there is none.
    pub(crate) async fn sandbox(&self, id: &str) -> Result<Option<SandboxFact>, CriError> {
        match self.cri.pod_sandbox_status(id, false).await {
            Ok(answer) => {
                let fact = messages::sandbox_fact(&answer.status.unwrap_or_default());
                self.known.lock().sandboxes.insert(id.to_owned(), fact.clone());
                Ok(Some(fact))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One container, asked anew. `None` if there is none.
    pub(crate) async fn container(
        &self,
        id: &str,
        sandbox_id: &str,
    ) -> Result<Option<ContainerFact>, CriError> {
        match self.cri.container_status(id, false).await {
            Ok(answer) => {
                let status = answer.status.unwrap_or_default();
                let message = termination::message(&status).await;
                let fact = messages::container_fact(&status, sandbox_id, message);
                self.known.lock().containers.insert(id.to_owned(), fact.clone());
                Ok(Some(fact))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What was last seen of a container.
    pub(crate) fn known_container_by_id(&self, id: &str) -> Option<ContainerFact> {
        self.known.lock().containers.get(id).cloned()
    }

    async fn gather(
        &self,
        sandboxes: Vec<v1::PodSandbox>,
        containers: Vec<v1::Container>,
    ) -> Result<BTreeMap<String, PodOnNode>, CriError> {
        let mut pods: BTreeMap<String, PodOnNode> = BTreeMap::new();
        for (identity, fact) in self.sandboxes(sandboxes).await? {
            let pod = pods.entry(identity.uid.clone()).or_default();
            pod.identity = identity;
            pod.facts.sandboxes.push(fact);
        }
        for (identity, fact) in self.containers(containers).await? {
            let pod = pods.entry(identity.uid.clone()).or_default();
            pod.identity = identity;
            pod.facts.containers.push(fact);
        }
        Ok(pods)
    }

    async fn sandboxes(
        &self,
        listed: Vec<v1::PodSandbox>,
    ) -> Result<Vec<(PodIdentity, SandboxFact)>, CriError> {
        let mut found = Vec::with_capacity(listed.len());
        let mut changed = Vec::new();
        for sandbox in listed {
            let Some(identity) = identity(&sandbox.labels) else { continue };
            match self.known_sandbox(&sandbox) {
                Some(fact) => found.push((identity, fact)),
                None => changed.push((identity, sandbox.id)),
            }
        }
        let ask = |(identity, id): (PodIdentity, String)| async move {
            Ok(self.sandbox(&id).await?.map(|fact| (identity, fact)))
        };
        let asked: Vec<Result<_, CriError>> =
            futures::stream::iter(changed).map(ask).buffer_unordered(AT_ONCE).collect().await;
        for fact in asked {
            found.extend(fact?);
        }
        Ok(found)
    }

    fn known_sandbox(&self, listed: &v1::PodSandbox) -> Option<SandboxFact> {
        let ready = listed.state == v1::PodSandboxState::SandboxReady as i32;
        let known = self.known.lock();
        known.sandboxes.get(&listed.id).filter(|fact| fact.ready == ready).cloned()
    }

    async fn containers(
        &self,
        listed: Vec<v1::Container>,
    ) -> Result<Vec<(PodIdentity, ContainerFact)>, CriError> {
        let mut found = Vec::with_capacity(listed.len());
        let mut changed = Vec::new();
        for container in listed {
            let Some(identity) = identity(&container.labels) else { continue };
            match self.known_container(&container) {
                Some(fact) => found.push((identity, fact)),
                None => changed.push((identity, container)),
            }
        }
        let ask = |(identity, container): (PodIdentity, v1::Container)| async move {
            let fact = self.container(&container.id, &container.pod_sandbox_id).await?;
            Ok(fact.map(|fact| (identity, fact)))
        };
        let asked: Vec<Result<_, CriError>> =
            futures::stream::iter(changed).map(ask).buffer_unordered(AT_ONCE).collect().await;
        for fact in asked {
            found.extend(fact?);
        }
        Ok(found)
    }

    fn known_container(&self, listed: &v1::Container) -> Option<ContainerFact> {
        let known = self.known.lock();
        let fact = known.containers.get(&listed.id)?;
        let same = match &fact.state {
            // It has ended, whatever a list from before says.
            ContainerState::Exited(_) => true,
            ContainerState::Running => listed.state == v1::ContainerState::ContainerRunning as i32,
            ContainerState::Created => listed.state == v1::ContainerState::ContainerCreated as i32,
            ContainerState::Unknown => false,
        };
        same.then(|| fact.clone())
    }
}

/// `None` for what is no pod's.
fn identity(labels: &BTreeMap<String, String>) -> Option<PodIdentity> {
    let of = |key: &str| labels.get(key).cloned();
    Some(PodIdentity {
        uid: of(labels::POD_UID)?,
        name: of(labels::POD_NAME)?,
        namespace: of(labels::POD_NAMESPACE)?,
    })
}
