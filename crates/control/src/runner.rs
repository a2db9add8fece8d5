//! The runner: one queue and a few workers per controller.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use ironclad_api::ObjectKey;
use ironclad_api::status::Status;
use ironclad_client::{Cache, Change, Client, Observer, Recorder};
use ironclad_env::{Env, EnvironmentExt, Task};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::metrics::Figures;
use crate::queue::{Next, Queue};
use crate::unfinished::Unfinished;
use crate::{Controller, Plan, View, Write};

/// Keys of one controller that are worked on at once.
const WORKERS: usize = 4;
/// Writes of one stage that are in flight at once.
const MAX_IN_FLIGHT: usize = 64;
/// How long a key waits for the cache to show its own write before it is tried again anyway.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(30);
const CATCH_UP_POLL: Duration = Duration::from_millis(5);

/// Starts controllers over one cache.
pub struct Runner {
    pub env: Env,
    pub cache: Arc<dyn Cache>,
}

/// Running controllers; dropping it stops them at their next await point.
pub struct Running {
    tasks: Vec<Task>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(Task::abort);
    }
}

impl Runner {
    /// Runs `controllers`, each with the client that `client_of` makes for its name.
    pub fn start(
        &self,
        controllers: Vec<Arc<dyn Controller>>,
        client_of: &dyn Fn(&str) -> Arc<dyn Client>,
    ) -> Running {
        let tasks = controllers.into_iter().flat_map(|controller| {
            let client = client_of(controller.name());
            Worker::new(self.env.clone(), self.cache.clone(), client, controller).spawn()
        });
        Running { tasks: tasks.collect() }
    }
}

/// One controller with its queue; its tasks share it.
struct Worker {
    env: Env,
    cache: Arc<dyn Cache>,
    client: Arc<dyn Client>,
    recorder: Recorder,
    controller: Arc<dyn Controller>,
    queue: Mutex<Queue>,
    figures: Figures,
    unfinished: Arc<Unfinished>,
    /// The failure of each key's last plan, for `View::last_failure`.
    failures: Mutex<HashMap<ObjectKey, Arc<Status>>>,
    wake: Notify,
}

impl Worker {
    fn new(
        env: Env,
        cache: Arc<dyn Cache>,
        client: Arc<dyn Client>,
        controller: Arc<dyn Controller>,
    ) -> Arc<Self> {
        let recorder = Recorder::new(env.clone(), client.clone(), controller.name(), "");
        let figures = Figures::of(controller.name());
        let unfinished = Unfinished::of(controller.name(), env.clone());
        Arc::new(Self {
            env,
            cache,
            client,
            recorder,
            controller,
            queue: Mutex::default(),
            figures,
            unfinished,
            failures: Mutex::default(),
            wake: Notify::new(),
        })
    }

    fn spawn(self: Arc<Self>) -> Vec<Task> {
        for watch in self.controller.watches() {
            let resources: Vec<_> = watch.resource.clone().into_iter().collect();
            let feed = Feed { worker: self.clone(), watch };
            self.cache.observe(&resources, Arc::new(feed));
        }
        let name = self.controller.name();
        (0..WORKERS).map(|_| self.env.spawn(name, Box::pin(self.clone().work()))).collect()
    }

    async fn work(self: Arc<Self>) {
        loop {
            let key = self.next().await;
            let begun = self.unfinished.begin();
            self.run(&key).await;
            self.figures.worked.observe(begun.took().as_secs_f64());
            drop(begun);
            self.queue.lock().done(&key, self.env.elapsed());
            self.wake.notify_one();
        }
    }

    async fn next(&self) -> ObjectKey {
        loop {
            let next = {
                let mut queue = self.queue.lock();
                let next = queue.next(self.env.elapsed());
                self.figures.depth.set(queue.depth() as i64);
                next
            };
            match next {
                Next::Run(key, waited) => {
                    self.figures.waited.observe(waited.as_secs_f64());
                    // One notification may stand for many keys: pass it on.
                    self.wake.notify_one();
                    return key;
                }
                Next::Sleep(delay) => drop(self.env.timeout(delay, self.wake.notified()).await),
                Next::Wait => self.wake.notified().await,
            }
        }
    }

    async fn run(&self, key: &ObjectKey) {
        let last_failure = self.failures.lock().get(key).cloned();
        let view = View { cache: &*self.cache, last_failure: last_failure.as_ref() };
        let (outcome, requeue_after) = match self.plan(&view, key) {
            Ok(plan) => {
                let requeue_after = plan.requeue_after;
                (self.execute(plan).await, requeue_after)
            }
            Err(status) => (Err(status), None),
        };
        let now = self.env.elapsed();
        let mut queue = self.queue.lock();
        match outcome {
            Ok(()) => {
                self.failures.lock().remove(key);
                queue.succeeded(key);
                if let Some(delay) = requeue_after {
                    queue.add_after(key.clone(), now, delay);
                }
            }
            Err(status) => {
                tracing::debug!(controller = self.controller.name(), %key, error = %status, "reconcile failed");
                self.failures.lock().insert(key.clone(), Arc::new(status));
                self.figures.retries.inc();
                queue.failed(key, now);
            }
        }
    }

    /// What is to be done. A controller that panics has failed with this key, and goes on with the others.
    fn plan(&self, view: &View<'_>, key: &ObjectKey) -> Result<Plan, Status> {
        let now = self.env.now();
        let planned = catch_unwind(AssertUnwindSafe(|| self.controller.reconcile(view, key, now)));
        planned.map_err(|_| {
            tracing::error!(controller = self.controller.name(), %key, "the controller panicked");
            Status::internal_error("the controller panicked")
        })
    }

    async fn execute(&self, plan: Plan) -> Result<(), Status> {
        let outcome = self.write(plan.stages).await;
        for event in &plan.events {
            self.recorder.record(event).await;
        }
        self.catch_up(outcome?).await;
        Ok(())
    }

    /// Runs the stages; the newest revision that they wrote.
    async fn write(&self, stages: Vec<Vec<Write>>) -> Result<u64, Status> {
        let mut newest = 0;
        for stage in stages {
            let mut writes = stage.into_iter().peekable();
            while writes.peek().is_some() {
                let batch = writes.by_ref().take(MAX_IN_FLIGHT);
                let results = join_all(batch.map(|write| self.call(write))).await;
                for revision in results.into_iter().collect::<Result<Vec<_>, _>>()? {
                    newest = newest.max(revision);
                }
            }
        }
        Ok(newest)
    }

    /// The revision that the write made. To delete what is gone already is no failure.
    async fn call(&self, write: Write) -> Result<u64, Status> {
        let is_delete = matches!(write, Write::Delete { .. });
        let (request, tell) = write.into_request();
        let target = request.target.name.clone();
        let result = match self.client.call(request).await {
            Err(status) if is_delete && status.is_not_found() => return Ok(0),
            result => result,
        };
        if let Some(tell) = tell {
            self.recorder.record(&tell.about(&target, &result)).await;
        }
        Ok(result?.resource_version().parse().unwrap_or(0))
    }

    /// Waits until the cache shows `revision`.
    async fn catch_up(&self, revision: u64) {
        let deadline = self.env.elapsed() + CATCH_UP_LIMIT;
        while self.cache.revision() < revision && self.env.elapsed() < deadline {
            self.env.sleep(CATCH_UP_POLL).await;
        }
    }
}

/// Maps changes of one kind to keys of one controller.
struct Feed {
    worker: Arc<Worker>,
    watch: crate::Watch,
}

impl Observer for Feed {
    fn changed(&self, change: &Change) {
        let keys = (self.watch.keys)(change, &*self.worker.cache);
        if keys.is_empty() {
            return;
        }
        let figures = &self.worker.figures;
        let now = self.worker.env.elapsed();
        let mut queue = self.worker.queue.lock();
        let added = keys.into_iter().map(|key| u64::from(queue.add(key, now))).sum();
        figures.adds.inc_by(added);
        figures.depth.set(queue.depth() as i64);
        drop(queue);
        self.worker.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use ironclad_api::Object;
    use ironclad_client::Request;
    use ironclad_client::testing::Objects;
    use ironclad_env::{BoxFuture, SimEnv};
    use jiff::Timestamp;

    use super::*;
    use crate::Watch;

    /// Cannot cope with one key.
    struct Frail;

    impl Controller for Frail {
        fn name(&self) -> &'static str {
            "frail-controller"
        }

        fn watches(&self) -> Vec<Watch> {
            Vec::new()
        }

        fn reconcile(&self, _: &View<'_>, key: &ObjectKey, _: Timestamp) -> Plan {
            assert_ne!(key.name, "bad");
            Plan::done()
        }
    }

    struct Nobody;

    impl Client for Nobody {
        fn call(&self, _: Request) -> BoxFuture<'_, Result<Object, Status>> {
            Box::pin(std::future::ready(Err(Status::internal_error("nobody is there"))))
        }
    }

    #[test]
    fn a_panic_fails_its_key_and_no_other() {
        let sim = SimEnv::new(1);
        let worker =
            Worker::new(sim.shared(), Arc::new(Objects::default()), Arc::new(Nobody), Arc::new(Frail));
        let works = worker.clone();
        let ran = sim.block_on(Duration::from_secs(1), async move {
            for name in ["bad", "good", "bad"] {
                works.run(&ObjectKey::cluster(name)).await;
            }
        });
        assert!(ran.is_some());
        let failures = worker.failures.lock();
        let told: Vec<_> = failures.iter().map(|(key, why)| (key.name.as_str(), why.to_string())).collect();
        assert_eq!(told.len(), 1);
        assert!(told.iter().all(|(name, why)| *name == "bad" && why.contains("panicked")), "{told:?}");
    }
}
