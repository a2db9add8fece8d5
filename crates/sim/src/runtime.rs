//! A container runtime that is only a table. It outlives the agent, as containerd does.

use std::collections::BTreeMap;
use std::time::Duration;

use ironclad_env::{Env, EnvironmentExt};
use ironclad_node_core::effect::{GrpcHealth, Pulled};
use ironclad_node_core::facts::{ImageFact, PodFacts};
use ironclad_node_core::{
    Action, Answer, ContainerFact, ContainerState, Exit, Failure, FailureKind, SandboxFact,
};
use parking_lot::Mutex;

/// An image whose containers end by themselves, with this exit code after a second: `exit-0`.
const EXITING: &str = "exit-";
const RUN_TIME: Duration = Duration::from_secs(1);

pub struct Runtime {
    env: Env,
    pods: Mutex<BTreeMap<String, PodFacts>>,
    /// Every container that was ever started: (pod uid, container, attempt).
    started: Mutex<Vec<(String, String, u32)>>,
    /// When a running container is to end, and how.
    endings: Mutex<BTreeMap<String, (Duration, i32)>>,
}

impl Runtime {
    pub fn new(env: Env) -> Self {
        Self { env, pods: Mutex::default(), started: Mutex::default(), endings: Mutex::default() }
    }

    /// What there is of a pod, with what has ended in the meantime.
    pub fn facts(&self, uid: &str) -> PodFacts {
        self.end_what_is_due(uid);
        self.pods.lock().get(uid).cloned().unwrap_or_default()
    }

    pub fn pod_uids(&self) -> Vec<String> {
        self.pods.lock().keys().cloned().collect()
    }

    pub fn starts(&self) -> Vec<(String, String, u32)> {
        self.started.lock().clone()
    }

    /// Ends a running container as if its process had died.
    pub fn kill(&self, uid: &str, container: &str) {
        let mut pods = self.pods.lock();
        let running = pods.get_mut(uid).into_iter().flat_map(|facts| &mut facts.containers);
        for fact in running.filter(|fact| fact.name == container && fact.running()) {
            fact.state = self.exited(137, "Error");
        }
    }

    fn exited(&self, code: i32, reason: &str) -> ContainerState {
        let finished_at = self.env.now();
        ContainerState::Exited(Exit { code, reason: reason.into(), message: String::new(), finished_at })
    }

    fn end_what_is_due(&self, uid: &str) {
        let now = self.env.elapsed();
        let mut endings = self.endings.lock();
        let mut pods = self.pods.lock();
        for fact in pods.get_mut(uid).into_iter().flat_map(|facts| &mut facts.containers) {
            let due = endings.get(&fact.id).filter(|(at, _)| *at <= now).map(|(_, code)| *code);
            if let Some(code) = due {
                endings.remove(&fact.id);
                if fact.running() {
                    fact.state = self.exited(code, if code == 0 { "Completed" } else { "Error" });
                }
            }
        }
    }

    /// Carries out one action of the pod's machine.
    pub fn run(&self, uid: &str, action: &Action) -> Result<Answer, Failure> {
        let mut pods = self.pods.lock();
        let facts = pods.entry(uid.to_owned()).or_default();
        let answer = match action {
            Action::Inspect => Answer::Facts(facts.clone()),
            Action::RunSandbox { config } => {
                let taken = facts.sandboxes.iter().any(|sandbox| sandbox.attempt == config.attempt);
                reserve(taken, &config.name, config.attempt)?;
                let sandbox = SandboxFact {
                    id: self.env.uuid(),
                    attempt: config.attempt,
                    ready: true,
                    created_at: self.env.now(),
                    ips: vec![format!("10.244.0.{}", 2 + self.env.random_u64() % 250)],
                    host_network: false,
                };
                facts.sandboxes.push(sandbox.clone());
                Answer::Sandbox(sandbox)
            }
            Action::StopSandbox { id } => {
                facts.sandboxes.iter_mut().filter(|s| s.id == *id).for_each(|s| s.ready = false);
                let inside = facts.containers.iter_mut().filter(|c| c.sandbox_id == *id && c.running());
                inside.for_each(|c| c.state = self.exited(137, "Error"));
                Answer::Done
            }
            Action::RemoveSandbox { id } => {
                facts.sandboxes.retain(|s| s.id != *id);
                facts.containers.retain(|c| c.sandbox_id != *id);
                Answer::Done
            }
            Action::FindImage { image } => Answer::Image(Some(image_fact(image))),
            Action::PullImage { image, .. } => {
                Answer::Pulled(Pulled { image: image_fact(image), took: Duration::from_millis(10) })
            }
            Action::CreateContainer(create) => {
                let same = |fact: &ContainerFact| fact.name == create.name && fact.attempt == create.attempt;
                reserve(facts.containers.iter().any(same), &create.name, create.attempt)?;
                let fact = ContainerFact {
                    id: self.env.uuid(),
                    sandbox_id: create.sandbox_id.clone(),
                    name: create.name.clone(),
                    attempt: create.attempt,
                    state: ContainerState::Created,
                    created_at: self.env.now(),
                    started_at: None,
                    image: create.image.image_ref.clone(),
                    image_ref: create.image.image_ref.clone(),
                    hash: String::new(),
                    user: None,
                };
                facts.containers.push(fact.clone());
                Answer::Container(Box::new(fact))
            }
            Action::StartContainer { id } => {
                let fact = find(facts, id)?;
                fact.state = ContainerState::Running;
                fact.started_at = Some(self.env.now());
                let name = fact.image.trim_end_matches(":latest");
                if let Some(code) = name.strip_prefix(EXITING).and_then(|code| code.parse().ok()) {
                    self.endings.lock().insert(id.clone(), (self.env.elapsed() + RUN_TIME, code));
                }
                self.started.lock().push((uid.to_owned(), fact.name.clone(), fact.attempt));
                Answer::Container(Box::new(fact.clone()))
            }
            Action::StopContainer { id, .. } => {
                let ended = self.exited(0, "Completed");
                match find(facts, id) {
                    Ok(fact) => {
                        if fact.maybe_alive() {
                            fact.state = ended;
                        }
                        Answer::Container(Box::new(fact.clone()))
                    }
                    Err(_) => Answer::Done,
                }
            }
            Action::RemoveContainer { id, .. } => {
                facts.containers.retain(|c| c.id != *id);
                Answer::Done
            }
            Action::UpdateContainer { id, .. } => Answer::Container(Box::new(find(facts, id)?.clone())),
            Action::Exec { .. } => Answer::Exec { exit_code: 0, output: Vec::new() },
            Action::Http(_) => Answer::Http { status: 200, body: Vec::new(), foreign_redirect: false },
            Action::Grpc { .. } => Answer::Grpc(GrpcHealth::Serving),
            _ => Answer::Done,
        };
        if facts.sandboxes.is_empty() && facts.containers.is_empty() {
            pods.remove(uid);
        }
        Ok(answer)
    }
}

/// A runtime gives a name once, also to an agent that was killed before it heard the answer.
fn reserve(taken: bool, name: &str, attempt: u32) -> Result<(), Failure> {
    match taken {
        true => Err(Failure::other(format!("name \"{name}_{attempt}\" is reserved"))),
        false => Ok(()),
    }
}

fn image_fact(image: &str) -> ImageFact {
    ImageFact { image_ref: image.to_owned(), ..ImageFact::default() }
}

fn find<'a>(facts: &'a mut PodFacts, id: &str) -> Result<&'a mut ContainerFact, Failure> {
    let found = facts.containers.iter_mut().find(|container| container.id == id);
    found.ok_or_else(|| Failure { kind: FailureKind::NotFound, message: format!("no container {id}") })
}
