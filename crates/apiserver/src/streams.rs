//! Bodies that are made while they are written: large lists, and watches. Each is contained if it
//! panics, and taken back if its client takes too long, so that a client that does not read holds
//! neither seats nor objects.
//!
//! HTTP asks a body for more only when there is room for it, so a body whose client has stopped
//! reading is not asked again. [`tend`] finds those, and what they hold is dropped where they stand;
//! all that is left is the chunk that waits in the connection's buffer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use ironclad_env::{Env, EnvironmentExt};
use parking_lot::Mutex;
use prometheus::IntCounter;
use tokio_util::sync::CancellationToken;

use crate::reply::{Body, BodyError};

/// How long a client may take over one chunk of a body.
const STALLED: Duration = Duration::from_secs(60);

/// How often bodies are looked at.
const PERIOD: Duration = Duration::from_secs(5);

/// All bodies that are being written.
pub struct Streams {
    env: Env,
    panics: IntCounter,
    open: Mutex<Vec<Weak<Stream>>>,
}

/// One of them.
struct Stream {
    /// `None` once it has ended, or has been taken back.
    body: Mutex<Option<Body>>,
    /// When its client was last given something, in milliseconds on the monotonic clock; 0 while
    /// it is the client that waits.
    given: AtomicU64,
    /// When it must be over, on the same clock.
    ends: u64,
}

impl Streams {
    pub fn new(env: Env, panics: IntCounter) -> Arc<Self> {
        Arc::new(Self { env, panics, open: Mutex::default() })
    }

    /// The same body under supervision. `limit` is how long all of it may take.
    pub fn supervise(self: &Arc<Self>, body: Body, limit: Option<Duration>) -> Body {
        let ends = limit.map_or(u64::MAX, |limit| self.now().saturating_add(milliseconds(limit)));
        // Nobody has asked for it yet; that too must not take for ever.
        let given = AtomicU64::new(self.now());
        let stream = Arc::new(Stream { body: Mutex::new(Some(body)), given, ends });
        self.open.lock().push(Arc::downgrade(&stream));
        Supervised { streams: self.clone(), stream }.boxed_unsync()
    }

    fn now(&self) -> u64 {
        milliseconds(self.env.elapsed()).max(1)
    }

    /// Takes back what has been left lying.
    fn sweep(&self) {
        let now = self.now();
        let mut late = Vec::new();
        self.open.lock().retain(|stream| match stream.upgrade() {
            Some(stream) => {
                if stream.is_late(now) {
                    late.push(stream);
                }
                true
            }
            None => false,
        });
        // Dropped without the list's lock: what a body holds may be a lot.
        let taken = late.iter().filter_map(|stream| stream.body.lock().take()).count();
        if taken > 0 {
            tracing::debug!(taken, "bodies were taken back from clients that do not read them");
        }
    }

    fn next(&self, stream: &Stream, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut body = stream.body.lock();
        let Some(inner) = body.as_mut() else {
            return Poll::Ready(Some(Err("the client took too long".into())));
        };
        let polled = catch_unwind(AssertUnwindSafe(|| http_body::Body::poll_frame(Pin::new(inner), cx)));
        let Ok(polled) = polled else {
            self.panics.inc();
            tracing::error!("the body of an answer panicked");
            *body = None;
            return Poll::Ready(Some(Err("the server panicked".into())));
        };
        stream.given.store(if polled.is_pending() { 0 } else { self.now() }, Ordering::Relaxed);
        polled
    }
}

impl Stream {
    fn is_late(&self, now: u64) -> bool {
        let given = self.given.load(Ordering::Relaxed);
        let is_stalled = given > 0 && now.saturating_sub(given) > milliseconds(STALLED);
        is_stalled || now > self.ends
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Looks after all bodies until `stop`.
pub async fn tend(streams: Weak<Streams>, stop: CancellationToken) {
    loop {
        let Some(now) = streams.upgrade() else { return };
        now.sweep();
        let period = now.env.timeout(PERIOD, stop.clone().cancelled_owned());
        drop(now);
        if period.await.is_some() {
            return;
        }
    }
}

struct Supervised {
    streams: Arc<Streams>,
    stream: Arc<Stream>,
}

impl http_body::Body for Supervised {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.streams.next(&self.stream, cx)
    }

    fn is_end_stream(&self) -> bool {
        self.stream.body.lock().as_ref().is_some_and(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.stream.body.lock().as_ref().map_or_else(SizeHint::default, http_body::Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, stream};
    use http_body_util::StreamBody;
    use ironclad_env::SimEnv;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Says when it is dropped.
    struct Held(Arc<AtomicU64>);

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A body of `chunks` that holds something, the last of which panics if `panics`.
    fn body(chunks: usize, panics: bool, held: Held) -> Body {
        let made = (0..chunks).map(move |at| {
            assert!(!panics || at + 1 < chunks, "a defect of a table");
            let _ = &held;
            Ok::<_, BodyError>(Frame::data(Bytes::from_static(b"chunk")))
        });
        StreamBody::new(stream::iter(made)).boxed_unsync()
    }

    struct World {
        env: Arc<SimEnv>,
        streams: Arc<Streams>,
        dropped: Arc<AtomicU64>,
    }

    impl World {
        fn new() -> Self {
            let env = SimEnv::new(1);
            let panics = IntCounter::new("panics", "For the test.").expect("a counter");
            let streams = Streams::new(env.shared(), panics);
            Self { env, streams, dropped: Arc::default() }
        }

        fn supervised(&self, chunks: usize, panics: bool, limit: Option<Duration>) -> Body {
            self.streams.supervise(body(chunks, panics, Held(self.dropped.clone())), limit)
        }

        fn wait(&self, duration: Duration) {
            self.env.run_for(duration);
            self.streams.sweep();
        }

        fn dropped(&self) -> u64 {
            self.dropped.load(Ordering::Relaxed)
        }
    }

    fn take(body: &mut Body) -> Result<usize, String> {
        let frame = body.frame().now_or_never().expect("at once");
        let frame = frame.transpose().map_err(|error| error.to_string())?;
        Ok(frame.and_then(|frame| frame.into_data().ok()).map_or(0, |data| data.len()))
    }

    #[test]
    fn a_client_that_reads_gets_everything() {
        let world = World::new();
        let mut body = world.supervised(5, false, None);
        for _ in 0..5 {
            world.wait(50 * SECOND);
            assert_eq!(take(&mut body), Ok(5));
        }
        assert_eq!(take(&mut body), Ok(0));
        drop(body);
        world.wait(SECOND);
        assert!(world.streams.open.lock().is_empty());
    }

    #[test]
    fn what_nobody_takes_is_dropped_where_it_stands() {
        let world = World::new();
        let (mut begun, untouched) = (world.supervised(5, false, None), world.supervised(5, false, None));
        assert_eq!(take(&mut begun), Ok(5));
        world.wait(59 * SECOND);
        assert_eq!(world.dropped(), 0);
        world.wait(2 * SECOND);
        assert_eq!(world.dropped(), 2);
        assert_eq!(take(&mut begun), Err("the client took too long".to_owned()));
        drop(untouched);
    }

    #[test]
    fn a_body_has_no_longer_than_its_request() {
        let world = World::new();
        let mut body = world.supervised(500, false, Some(30 * SECOND));
        for _ in 0..3 {
            assert_eq!(take(&mut body), Ok(5));
            world.wait(9 * SECOND);
        }
        world.wait(9 * SECOND);
        assert_eq!((world.dropped(), take(&mut body).is_err()), (1, true));
    }

    #[test]
    fn whoever_waits_for_us_may_wait() {
        let world = World::new();
        let pending = StreamBody::new(stream::pending::<Result<Frame<Bytes>, BodyError>>()).boxed_unsync();
        let mut body = world.streams.supervise(pending, None);
        assert!(body.frame().now_or_never().is_none());
        world.wait(3600 * SECOND);
        assert!(body.frame().now_or_never().is_none(), "it is still there");
    }

    #[test]
    fn a_panic_ends_one_body_and_is_counted() {
        let world = World::new();
        let mut body = world.supervised(2, true, None);
        assert_eq!(take(&mut body), Ok(5));
        assert_eq!(take(&mut body), Err("the server panicked".to_owned()));
        assert_eq!((world.streams.panics.get(), world.dropped()), (1, 1));
    }
}
