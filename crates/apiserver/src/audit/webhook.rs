//! Events sent to a server elsewhere: many at a time, or each while its request waits.
//!
//! ```text
//!  requests ─► queue (bounded) ─► batch: full, or old enough ─► throttle ─► call, again if it fails
//! ```
//!
//! In batches no request ever waits for it: an event that finds no room is counted as lost.
//! Source: <https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#webhook-backend>

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use ironclad_env::{Env, EnvironmentExt};
use ironclad_webhook::{CallError, Deadline, Patience, Remote};
use prometheus::IntCounter;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::throttle::Throttle;

/// Of each call, as upstream.
const DEADLINE: Deadline = Deadline::Told { seconds: 30 };
/// Calls that are under way at once; further batches wait.
const AT_ONCE: usize = 8;
/// Events that wait, be it to be sent or for an answer, take no more memory than this.
const MOST_BYTES: usize = 64 << 20;

/// Who waits for the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nobody: events are sent together.
    #[default]
    Batch,
    /// Every request, and goes on whatever comes of it.
    Blocking,
    /// The same, but a request whose first event is not taken is refused.
    BlockingStrict,
}

/// How events are sent. The defaults are upstream's.
#[derive(Clone)]
pub struct Settings {
    pub remote: Remote,
    pub mode: Mode,
    /// Events larger than this, in bytes, are sent without what was asked and answered.
    pub largest_event: Option<usize>,
    /// Events that may wait.
    pub buffer: usize,
    /// Events sent together.
    pub batch: usize,
    /// How long an event waits for others.
    pub wait: Duration,
    /// Batches in a second, on average; zero: as many as there are.
    pub per_second: u32,
    /// Batches that may be sent at once after a pause.
    pub burst: u32,
    pub patience: Patience,
}

impl Settings {
    pub fn new(remote: Remote) -> Self {
        Self {
            remote,
            mode: Mode::default(),
            largest_event: None,
            buffer: 10_000,
            batch: 400,
            wait: Duration::from_secs(30),
            per_second: 10,
            burst: 15,
            patience: Patience { calls: 5, first_wait: Duration::from_secs(10), with_everything: true },
        }
    }
}

/// The way to the server.
#[derive(Clone)]
pub struct Outbox {
    events: mpsc::Sender<Bytes>,
    shared: Arc<Shared>,
}

struct Shared {
    env: Env,
    settings: Settings,
    bytes: AtomicUsize,
    lost: IntCounter,
    calls: Arc<Semaphore>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Outbox {
    /// `lost` counts what could not be sent.
    pub fn start(env: Env, settings: Settings, lost: IntCounter) -> Self {
        let (events, waiting) = mpsc::channel(settings.buffer.max(1));
        let shared = Arc::new(Shared {
            env: env.clone(),
            settings,
            bytes: AtomicUsize::new(0),
            lost,
            calls: Arc::new(Semaphore::new(AT_ONCE)),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let run = shared.tasks.track_future(shared.clone().run(waiting));
        env.spawn("audit webhook", Box::pin(run));
        Self { events, shared }
    }

    /// Whether an event is not too large to be sent whole.
    pub fn takes(&self, event: &[u8]) -> bool {
        self.shared.settings.largest_event.is_none_or(|largest| event.len() <= largest)
    }

    /// Whether a request must not go on whose first event it has not taken.
    pub fn must_have_all(&self) -> bool {
        self.shared.settings.mode == Mode::BlockingStrict
    }

    /// One event, as JSON. False if the request that it is of must not go on.
    pub async fn post(&self, event: Bytes) -> bool {
        match self.shared.settings.mode {
            Mode::Batch => self.post_later(event),
            Mode::Blocking => drop(self.shared.send(vec![event]).await),
            Mode::BlockingStrict => return self.shared.send(vec![event]).await,
        }
        true
    }

    /// Never waits.
    pub fn post_later(&self, event: Bytes) {
        let length = event.len();
        let before = self.shared.bytes.fetch_add(length, Ordering::Relaxed);
        let sent = match self.shared.settings.mode {
            _ if before + length > MOST_BYTES => false,
            Mode::Batch => self.events.try_send(event).is_ok(),
            Mode::Blocking | Mode::BlockingStrict => {
                self.shared.spawn(vec![event], None);
                true
            }
        };
        if !sent {
            self.shared.bytes.fetch_sub(length, Ordering::Relaxed);
            self.shared.lose(1, "audit buffer queue blocked");
        }
    }

    /// Sends what waits, and returns when that is done or the time is over.
    pub async fn finish(&self, limit: Duration) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        if self.shared.env.timeout(limit, self.shared.tasks.wait()).await.is_none() {
            tracing::warn!("not all audit events could be sent to the webhook in time");
        }
    }
}

impl Shared {
    fn lose(&self, events: usize, why: &str) {
        let before = self.lost.get();
        self.lost.inc_by(events as u64);
        // The first, and then as often as their number doubles: this would flood the ordinary log.
        if (before + events as u64).leading_zeros() != before.leading_zeros() {
            tracing::error!(lost = before + events as u64, why, "audit events are not sent to the webhook");
        }
    }

    async fn run(self: Arc<Self>, mut waiting: mpsc::Receiver<Bytes>) {
        let Settings { per_second, burst, .. } = self.settings;
        let mut throttle = Throttle::new(per_second, burst, self.env.elapsed());
        loop {
            let batch = self.collect(&mut waiting).await;
            if batch.is_empty() {
                return;
            }
            let pause = throttle.take(self.env.elapsed());
            if !pause.is_zero() {
                self.env.sleep(pause).await;
            }
            let Ok(turn) = self.calls.clone().acquire_owned().await else { return };
            self.spawn(batch, Some(turn));
        }
    }

    /// Sends events that count as waiting.
    fn spawn(self: &Arc<Self>, batch: Vec<Bytes>, turn: Option<OwnedSemaphorePermit>) {
        let shared = self.clone();
        let send = async move {
            let length = batch.iter().map(Bytes::len).sum::<usize>();
            shared.send(batch).await;
            shared.bytes.fetch_sub(length, Ordering::Relaxed);
            drop(turn);
        };
        self.env.spawn("audit batch", Box::pin(self.tasks.track_future(send)));
    }

    /// The next batch; empty when there is none to come.
    async fn collect(&self, waiting: &mut mpsc::Receiver<Bytes>) -> Vec<Bytes> {
        let mut batch = Vec::new();
        let most = self.settings.batch.max(1);
        tokio::select! {
            _ = waiting.recv_many(&mut batch, most) => {}
            () = self.stop.cancelled() => {}
        }
        let full = async {
            while let lacking @ 1.. = most - batch.len()
                && waiting.recv_many(&mut batch, lacking).await > 0
            {}
        };
        tokio::select! {
            _ = self.env.timeout(self.settings.wait, full) => {}
            () = self.stop.cancelled() => {}
        }
        while batch.len() < most
            && let Ok(event) = waiting.try_recv()
        {
            batch.push(event);
        }
        batch
    }

    /// Whether they have been taken.
    async fn send(&self, batch: Vec<Bytes>) -> bool {
        let (count, length) = (batch.len(), batch.iter().map(Bytes::len).sum::<usize>());
        let body = list_of(&batch, length);
        drop(batch);
        let Remote { caller, endpoint } = &self.settings.remote;
        match caller.post_patiently(endpoint, body, DEADLINE, self.settings.patience).await {
            Ok(_) | Err(CallError::Empty(_)) => true,
            Err(error) => {
                self.lose(count, &error.to_string());
                false
            }
        }
    }
}

/// `audit.k8s.io/v1 EventList`.
fn list_of(events: &[Bytes], length: usize) -> Bytes {
    const HEAD: &[u8] = br#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":["#;
    let mut body = BytesMut::with_capacity(HEAD.len() + length + events.len() + 2);
    body.put_slice(HEAD);
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            body.put_u8(b',');
        }
        body.put_slice(event);
    }
    body.put_slice(b"]}");
    body.freeze()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use ironclad_env::RealEnv;
    use ironclad_webhook::testing::{Reply, Server};
    use serde_json::{Value, json};

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// A server that refuses as long as it is told to.
    async fn server(refuses: Arc<AtomicBool>) -> Server {
        let answer = move |_: &str, _: &Value| {
            let code = if refuses.load(Ordering::SeqCst) { 403 } else { 200 };
            Reply { code, body: String::new(), ..Reply::json(&json!({})) }
        };
        Server::start(&RealEnv::shared(), &[], Box::new(answer)).await
    }

    fn settings(server: &Server) -> Settings {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hook.yaml");
        std::fs::write(&path, server.kubeconfig("/audit")).expect("written");
        let remote = Remote::load(RealEnv::shared(), &path).unwrap_or_else(|error| panic!("{error}"));
        let settings = Settings::new(remote);
        let patience = Patience { first_wait: Duration::from_millis(1), ..settings.patience };
        Settings { batch: 3, patience, ..settings }
    }

    fn start(settings: Settings) -> Outbox {
        let lost = IntCounter::new("lost", "For the test.").expect("a counter");
        Outbox::start(RealEnv::shared(), settings, lost)
    }

    fn put(outbox: &Outbox, numbers: std::ops::Range<u32>) {
        numbers.for_each(|number| outbox.post_later(Bytes::from(number.to_string())));
    }

    /// The events of each call, smallest first: calls may overtake one another.
    fn sent(server: &Server) -> Vec<Vec<u64>> {
        let events =
            |list: &Value| list["items"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        let mut calls: Vec<Vec<u64>> = server.seen.lock().iter().map(|(_, list)| events(list)).collect();
        calls.sort();
        calls
    }

    #[tokio::test]
    async fn events_go_out_in_batches_and_none_stays_behind() {
        let server = server(Arc::default()).await;
        let outbox = start(settings(&server));
        put(&outbox, 0..7);
        outbox.finish(SOON).await;
        assert_eq!(sent(&server), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        let seen = server.seen.lock();
        let (path, list) = seen.first().expect("a call");
        assert_eq!((path.as_str(), &list["kind"]), ("/audit?timeout=30s", &json!("EventList")));
        assert_eq!(outbox.shared.lost.get(), 0);
    }

    #[tokio::test]
    async fn an_event_waits_for_others_only_so_long() {
        let server = server(Arc::default()).await;
        let wait = Duration::from_millis(20);
        let outbox = start(Settings { wait, ..settings(&server) });
        put(&outbox, 0..1);
        for _ in 0..1000 {
            if !server.seen.lock().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(sent(&server), [[0]]);
    }

    #[tokio::test]
    async fn failures_are_tried_again_and_then_counted() {
        let refuses = Arc::new(AtomicBool::new(true));
        let server = server(refuses.clone()).await;
        let outbox = start(settings(&server));
        put(&outbox, 0..3);
        while server.seen.lock().len() < 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        outbox.finish(SOON).await;
        assert_eq!((outbox.shared.lost.get(), server.seen.lock().len()), (3, 5));
    }

    #[tokio::test]
    async fn what_finds_no_room_is_lost_and_nobody_waits() {
        let server = server(Arc::default()).await;
        let outbox = start(Settings { buffer: 2, ..settings(&server) });
        // Nothing is taken out of the queue before this task waits for something.
        put(&outbox, 0..5);
        outbox.post_later(Bytes::from(vec![b'1'; MOST_BYTES]));
        assert_eq!(outbox.shared.lost.get(), 4);
        outbox.finish(SOON).await;
        assert_eq!(sent(&server), [[0, 1]]);
    }

    #[tokio::test]
    async fn where_requests_wait_they_learn_what_came_of_it() {
        let check = async |mode: Mode, refuses: bool, goes_on: bool| {
            let server = server(Arc::new(AtomicBool::new(refuses))).await;
            let outbox = start(Settings { mode, ..settings(&server) });
            assert_eq!(outbox.post(Bytes::from_static(b"1")).await, goes_on, "{mode:?} {refuses}");
            assert_eq!(server.seen.lock().is_empty(), mode == Mode::Batch, "{mode:?} {refuses}");
            outbox.post_later(Bytes::from_static(b"2"));
            outbox.finish(SOON).await;
            let all = if mode == Mode::Batch { vec![vec![1, 2]] } else { vec![vec![1], vec![2]] };
            if refuses {
                assert_eq!(outbox.shared.lost.get(), 2, "{mode:?}");
            } else {
                assert_eq!(sent(&server), all, "{mode:?}");
            }
        };
        for refuses in [false, true] {
            check(Mode::Batch, refuses, true).await;
            check(Mode::Blocking, refuses, true).await;
            check(Mode::BlockingStrict, refuses, !refuses).await;
        }
    }
}
