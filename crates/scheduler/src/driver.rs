//! The shell around the core: reads the cache, sleeps, hands decisions to the writer.

use std::sync::Arc;

use futures::{StreamExt, stream};
use ironclad_api::{Entry, GroupResource, ObjectKey};
use ironclad_client::typed::CacheExt;
use ironclad_client::{Cache, Client};
use ironclad_env::{Env, EnvironmentExt, Task};
use k8s_openapi::api::core::v1::{Node, Pod};
use tokio::sync::mpsc;

use crate::core::{Core, Decision, NAME};
use crate::directory::CacheDirectory;
use crate::inbox::{Inbox, Touched};
use crate::writes::{Job, Outcome, Writer};

/// Pods whose writes are in flight at once.
const MAX_IN_FLIGHT: usize = 64;
/// Decisions that wait for a place among them; more stop the deciding.
const MAX_WAITING: usize = 256;
/// Pods decided on before others on the same thread get their turn.
const BATCH: usize = 16;

pub struct Scheduler;

/// A running scheduler; dropping it stops it at its next await point.
pub struct Running {
    tasks: [Task; 2],
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(Task::abort);
    }
}

impl Scheduler {
    /// Schedules the pods of `cache` that ask for the default scheduler, writing through `client`
    /// (as `system:kube-scheduler`).
    pub fn start(env: Env, cache: Arc<dyn Cache>, client: Arc<dyn Client>) -> Running {
        let inbox = Arc::new(Inbox::default());
        let resources = ["pods", "nodes", "namespaces"].map(|name| GroupResource::new("", name));
        cache.observe(&resources, inbox.clone());
        let (jobs, waiting) = mpsc::channel(MAX_WAITING);
        let writer = Writer::new(env.clone(), client, inbox.clone());
        let directory = CacheDirectory(cache.clone());
        let driver = Driver { env: env.clone(), cache, directory, inbox, jobs, core: Core::default() };
        let tasks = [
            env.spawn("scheduler", Box::pin(driver.run())),
            env.spawn("scheduler-writes", Box::pin(write(writer, waiting))),
        ];
        Running { tasks }
    }
}

async fn write(writer: Writer, mut waiting: mpsc::Receiver<Job>) {
    let jobs = stream::poll_fn(move |context| waiting.poll_recv(context));
    jobs.for_each_concurrent(MAX_IN_FLIGHT, |job| writer.run(job)).await;
}

struct Driver {
    env: Env,
    cache: Arc<dyn Cache>,
    directory: CacheDirectory,
    inbox: Arc<Inbox>,
    jobs: mpsc::Sender<Job>,
    core: Core,
}

impl Driver {
    async fn run(mut self) {
        loop {
            self.catch_up();
            let mut decided = 0;
            while decided < BATCH
                && let Some(decision) = self.decide()
            {
                decided += 1;
                if self.jobs.send(job(decision)).await.is_err() {
                    return;
                }
                self.catch_up();
            }
            match decided {
                0 => self.sleep().await,
                _ => give_way().await,
            }
        }
    }

    /// Tells the core what has happened.
    fn catch_up(&mut self) {
        let waiting = self.inbox.take();
        let now = self.env.elapsed();
        for outcome in waiting.outcomes {
            match outcome {
                Outcome::Evicted { pod, failed } => self.core.evicted(&pod, failed, now),
                Outcome::NotBound { pod } => {
                    self.core.bind_failed(&pod, now);
                    self.pod_changed(&pod.key);
                }
            }
        }
        for touched in waiting.touched {
            match touched {
                Touched::Pod(key) => self.pod_changed(&key),
                Touched::Namespace => self.core.namespace_changed(now),
                Touched::Node(name) => {
                    let nodes = GroupResource::new("", "nodes");
                    let node = self.cache.get_as::<Node>(&nodes, &ObjectKey::cluster(name.clone()));
                    self.core.node_changed(&name, node, now);
                }
            }
        }
    }

    fn pod_changed(&mut self, key: &ObjectKey) {
        let pods = GroupResource::new("", "pods");
        let pod = match self.cache.get(&pods, key).is_some_and(|pod| is_anothers(&pod)) {
            true => None,
            false => self.cache.get_as::<Pod>(&pods, key),
        };
        self.core.pod_changed(key, pod, self.env.elapsed());
    }

    fn decide(&mut self) -> Option<Decision> {
        let env = self.env.clone();
        let mut draw = |below: usize| {
            let bound = u64::try_from(below.max(1)).unwrap_or(u64::MAX);
            usize::try_from(env.random_u64() % bound).unwrap_or(0)
        };
        self.core.next(&self.directory, &mut draw, self.env.elapsed())
    }

    async fn sleep(&self) {
        match self.core.deadline() {
            None => self.inbox.filled().await,
            Some(deadline) => {
                let delay = deadline.saturating_sub(self.env.elapsed());
                self.env.timeout(delay, self.inbox.filled()).await;
            }
        }
    }
}

/// Whether another scheduler is to place it: not to be told from a pod that is not there, and not worth decoding.
fn is_anothers(pod: &Entry) -> bool {
    let scheduler = pod.field("spec.schedulerName").unwrap_or_default();
    pod.field("spec.nodeName") == Some("") && !scheduler.is_empty() && scheduler != NAME
}

fn job(decision: Decision) -> Job {
    match decision {
        Decision::Bind { pod, node } => Job::Bind { pod, node },
        Decision::Wait(wait) => Job::Wait(wait),
    }
}

/// Lets other tasks of the thread run.
async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
