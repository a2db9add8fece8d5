//! An agent: the production pod machines over the fake runtime, talking to the API as the
//! node's own identity.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{
    GroupResource, GroupVersionResource, ObjectKey, params::DeleteOptions, params::Preconditions,
};
use ironclad_client::{Cache, Change, Client, Observer, PatchKind, Request, Target};
use ironclad_env::{Env, EnvironmentExt, Task};
use ironclad_node_core::pod::PodMachine;
use ironclad_node_core::{Action, Answer, Effect, Failure, Input, NodeSettings, Now, Token};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::runtime::Runtime;

/// How often the agent asks the runtime what has become of its containers.
const RELIST: Duration = Duration::from_secs(1);

/// A running agent. Dropping it is `kill -9`: the runtime's containers run on.
pub struct Agent {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    env: Env,
    cache: Arc<dyn Cache>,
    client: Arc<dyn Client>,
    runtime: Arc<Runtime>,
    settings: Arc<NodeSettings>,
    /// By the pod's uid.
    pods: Mutex<BTreeMap<String, Arc<Worker>>>,
}

struct Worker {
    key: ObjectKey,
    uid: String,
    inbox: Mutex<VecDeque<Input>>,
    wake: Notify,
    task: Mutex<Option<Task>>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        for worker in std::mem::take(&mut *self.inner.pods.lock()).into_values() {
            if let Some(task) = worker.task.lock().take() {
                task.abort();
            }
        }
    }
}

impl Agent {
    pub fn start(
        env: Env,
        settings: Arc<NodeSettings>,
        cache: Arc<dyn Cache>,
        client: Arc<dyn Client>,
        runtime: Arc<Runtime>,
    ) -> Self {
        let name = settings.node_name.clone();
        let inner = Arc::new(Inner { name, env, cache, client, runtime, settings, pods: Mutex::default() });
        let agent = Self { inner: inner.clone() };
        let feed = Arc::new(Feed(Arc::downgrade(&inner)));
        inner.cache.observe(&[GroupResource::new("", "pods")], feed);
        agent
    }
}

/// Told of pods; knows nothing once the agent is gone.
struct Feed(std::sync::Weak<Inner>);

impl Observer for Feed {
    fn changed(&self, change: &Change) {
        let Some(agent) = self.0.upgrade() else { return };
        let entry = change.entry();
        let Some(pod) = entry.typed::<Pod>() else { return };
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        if node != Some(agent.name.as_str()) {
            return;
        }
        match &change.new {
            Some(_) => agent.pod(&entry.key, &entry.uid, pod),
            None => agent.tell(&entry.uid, Input::Gone),
        }
    }
}

impl Inner {
    fn now(&self) -> Now {
        Now { mono: self.env.elapsed(), wall: self.env.now() }
    }

    fn tell(&self, uid: &str, input: Input) {
        if let Some(worker) = self.pods.lock().get(uid) {
            worker.tell(input);
        }
    }

    fn pod(self: &Arc<Self>, key: &ObjectKey, uid: &str, pod: Arc<Pod>) {
        let mut pods = self.pods.lock();
        if let Some(worker) = pods.get(uid) {
            return worker.tell(Input::Pod(pod));
        }
        let worker = Arc::new(Worker {
            key: key.clone(),
            uid: uid.to_owned(),
            inbox: Mutex::new(VecDeque::from([Input::Tick])),
            wake: Notify::new(),
            task: Mutex::default(),
        });
        let facts = self.runtime.facts(uid);
        let machine = PodMachine::new(self.settings.clone(), pod, facts, self.now());
        let task = self.env.spawn("pod", Box::pin(drive(self.clone(), worker.clone(), machine)));
        worker.task.lock().replace(task);
        pods.insert(uid.to_owned(), worker);
    }

    /// Carries out an action after a while, as a real one takes a while.
    async fn carry_out(self: Arc<Self>, worker: Arc<Worker>, token: Token, action: Action, pod: Arc<Pod>) {
        self.env.sleep(Duration::from_millis(1 + self.env.random_u64() % 40)).await;
        let result = match action {
            Action::WriteStatus { status } => self.write_status(&worker, &pod, &status).await,
            Action::DeletePod => self.delete(&worker).await,
            action => self.runtime.run(&worker.uid, &action),
        };
        worker.tell(Input::Answer { token, result });
    }

    fn target(&self, key: &ObjectKey) -> Target {
        Target::object(GroupVersionResource::new("", "v1", "pods"), key)
    }

    async fn write_status(&self, worker: &Worker, pod: &Pod, status: &PodStatus) -> Result<Answer, Failure> {
        let newest =
            self.cache.get(&GroupResource::new("", "pods"), &worker.key).filter(|e| e.uid == worker.uid);
        let newest = newest.and_then(|entry| entry.typed::<Pod>());
        let empty = PodStatus::default();
        let api = newest.as_deref().unwrap_or(pod).status.as_ref().unwrap_or(&empty);
        let Some(patch) = ironclad_node_core::status::patch(&worker.uid, api, status) else {
            return Ok(Answer::Done);
        };
        let target = self.target(&worker.key).subresource("status");
        done(self.client.call(Request::patch(target, PatchKind::Strategic, patch.to_string())).await)
    }

    async fn delete(&self, worker: &Worker) -> Result<Answer, Failure> {
        let options = DeleteOptions {
            grace_period_seconds: Some(0),
            preconditions: Preconditions { uid: Some(worker.uid.clone()), resource_version: None },
            ..DeleteOptions::default()
        };
        done(self.client.call(Request::delete(self.target(&worker.key), options)).await)
    }
}

/// That the pod is gone already, or another one, is as good as done.
fn done(result: Result<ironclad_api::Object, ironclad_api::Status>) -> Result<Answer, Failure> {
    match result {
        Ok(_) => Ok(Answer::Done),
        Err(status) if status.is_not_found() || status.is_conflict() => Ok(Answer::Done),
        Err(status) => Err(Failure::other(status.to_string())),
    }
}

impl Worker {
    fn tell(&self, input: Input) {
        self.inbox.lock().push_back(input);
        self.wake.notify_one();
    }
}

/// One pod's loop: inputs to the machine, effects to the world.
async fn drive(agent: Arc<Inner>, worker: Arc<Worker>, mut machine: PodMachine) {
    loop {
        let input = next(&agent, &worker, &machine).await;
        for effect in machine.step(agent.now(), input) {
            match effect {
                Effect::Run { token, action } => {
                    let work = agent.clone().carry_out(worker.clone(), token, action, machine.pod().clone());
                    agent.env.spawn("action", Box::pin(work));
                }
                Effect::Removed => {
                    agent.pods.lock().remove(&worker.uid);
                    return;
                }
                Effect::Cancel(_) | Effect::Event(_) => {}
            }
        }
    }
}

async fn next(agent: &Inner, worker: &Worker, machine: &PodMachine) -> Input {
    loop {
        if let Some(input) = worker.inbox.lock().pop_front() {
            return input;
        }
        let now = agent.env.elapsed();
        let wait = machine.deadline().map_or(RELIST, |at| at.saturating_sub(now)).min(RELIST);
        if agent.env.timeout(wait, worker.wake.notified()).await.is_none() {
            let taken = agent.env.elapsed();
            let facts = agent.runtime.facts(&worker.uid);
            if facts != *machine.facts() {
                return Input::Facts { taken, facts };
            }
            return Input::Tick;
        }
    }
}
