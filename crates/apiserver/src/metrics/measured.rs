//! How long an answer took, and how large it was: known at once, or when its last piece has been written.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use ironclad_env::Env;

use super::Metrics;
use super::routes::{Route, Routes};
use crate::reply::{Body, BodyError, Reply};

/// When a request began, and how much of its time was not this server's.
pub struct Timing {
    pub env: Env,
    pub started: Duration,
    /// Webhooks, and waiting for a turn.
    pub outside: Duration,
}

impl Metrics {
    /// Counts the answer's time and size once it is complete.
    pub fn measure(&self, route: Arc<Route>, timing: Timing, reply: Reply) -> Reply {
        let mut measure = Measure { routes: self.routes.clone(), route, timing, bytes: 0 };
        if let Some(bytes) = reply.body().size_hint().exact() {
            // Dropped here, which counts it.
            measure.bytes = bytes;
            return reply;
        }
        reply.map(|body| Measured { body, measure }.boxed_unsync())
    }
}

/// Counts when it is dropped.
struct Measure {
    routes: Arc<Routes>,
    route: Arc<Route>,
    timing: Timing,
    bytes: u64,
}

impl Drop for Measure {
    fn drop(&mut self) {
        let Timing { env, started, outside } = &self.timing;
        let took = env.elapsed().saturating_sub(*started);
        self.routes.took(&self.route, took.as_secs_f64(), outside.as_secs_f64());
        self.routes.answered_with(&self.route, self.bytes);
    }
}

/// A body that is measured while it is written.
struct Measured {
    body: Body,
    measure: Measure,
}

impl http_body::Body for Measured {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            this.measure.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
