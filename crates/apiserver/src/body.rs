//! Bodies of requests, read whole and within a limit, each and together.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use ironclad_api::status::Status;
use ironclad_env::{Env, EnvironmentExt};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What upstream takes (`MaxRequestBodyBytes`).
pub const MAX_BODY: usize = 3 * 1024 * 1024;

/// So much of a body that is too large is read and thrown away, because many clients look
/// at the answer only when they have sent everything.
const MAX_DISCARDED: usize = 4 * MAX_BODY;

/// A body up to this size costs nothing but its request's seat: seats bound what these take together.
const SMALL: usize = 16 * 1024;

/// What the large bodies of a priority level's requests may take together. What is decoded of
/// them is several times as large, and lives as long.
const MAX_TOGETHER: usize = 8 * 1024 * 1024;

/// Whoever holds a share of that must send: so many bytes a second, after a while to begin with. Slow links get through:
/// a whole request has 60 seconds, which asks more of large bodies.
const PACE: usize = 16 * 1024;
const PACE_AFTER: Duration = Duration::from_secs(5);

/// The unit in which it is taken.
const UNIT: usize = 1024;

/// What is left of [`MAX_TOGETHER`] on a priority level.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Semaphore>);

/// A request's share of its level's budget: taken when its body turns out to be large, given back with the last clone.
#[derive(Clone)]
pub struct Share {
    budget: Budget,
    env: Env,
    /// How long it waits for its share.
    patience: Duration,
    taken: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_TOGETHER / UNIT)))
    }
}

impl Share {
    pub fn new(budget: Budget, env: Env, patience: Duration) -> Self {
        Self { budget, env, patience, taken: Arc::default() }
    }

    /// Takes all that the body may need at once: with parts of it, those who wait could wait for each other.
    async fn take(&self, bytes: usize) -> Result<(), Status> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let permit = self.env.timeout(self.patience, self.budget.0.clone().acquire_many_owned(units)).await;
        let Some(Ok(permit)) = permit else {
            return Err(Status::too_many_requests("Too many requests, please try again later.", 1));
        };
        *self.taken.lock() = Some(permit);
        Ok(())
    }

    /// The next frame of a body of which so much has come since its share was taken. An error if it comes too slowly:
    /// others wait for the share.
    async fn frame_in_time<B>(
        &self,
        body: &mut B,
        since: Duration,
        come: usize,
    ) -> Result<Option<Result<http_body::Frame<Bytes>, B::Error>>, Status>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: Send,
    {
        let until = since + PACE_AFTER + Duration::from_secs((come / PACE) as u64);
        let left = until.saturating_sub(self.env.elapsed());
        let frame = self.env.timeout(left, body.frame()).await;
        frame.ok_or_else(|| Status::timeout("the body of the request comes too slowly", 0))
    }

    /// Gives back what the body did not need after all.
    fn keep(&self, bytes: usize) {
        if let Some(permit) = &mut *self.taken.lock() {
            let spare = permit.num_permits().saturating_sub(bytes.div_ceil(UNIT));
            drop(permit.split(spare));
        }
    }
}

/// The body, or 413; 429 if there was no share for it in time. Without one it is exempt.
pub async fn read<B>(mut body: B, share: Option<&Share>) -> Result<Bytes, Status>
where
    B: Body<Data = Bytes> + Unpin + Send,
    B::Error: std::fmt::Display + Send,
{
    let announced = body.size_hint();
    if announced.lower() > MAX_BODY as u64 {
        return Err(too_large(body).await);
    }
    let most = announced.upper().and_then(|bytes| usize::try_from(bytes).ok());
    let most = most.unwrap_or(MAX_BODY).min(MAX_BODY);
    let mut untaken = share;
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut held: Option<(&Share, Duration)> = None;
    loop {
        let come = first.len() + rest.len();
        let frame = match held {
            None => body.frame().await,
            Some((share, since)) => share.frame_in_time(&mut body, since, come).await?,
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| Status::bad_request(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        let come = first.len() + rest.len() + data.len();
        if come > MAX_BODY {
            return Err(too_large(body).await);
        }
        // Not before so much has come: what is only announced takes nothing from others.
        if come > SMALL
            && let Some(share) = untaken.take()
        {
            share.take(most.max(come)).await?;
            held = Some((share, share.env.elapsed()));
        }
        // Most bodies are one frame, which needs no copy.
        match first.is_empty() {
            true => first = data,
            false => rest.extend_from_slice(&data),
        }
    }
    if let Some(share) = share {
        share.keep(first.len() + rest.len());
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

async fn too_large<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Status {
    let mut discarded = 0;
    while discarded < MAX_DISCARDED {
        match body.frame().await {
            Some(Ok(frame)) => discarded += frame.data_ref().map_or(0, Bytes::len),
            _ => break,
        }
    }
    Status::request_entity_too_large(MAX_BODY)
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt, stream};
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};
    use ironclad_env::SimEnv;

    use super::*;

    fn chunks(
        count: usize,
        size: usize,
    ) -> impl Body<Data = Bytes, Error = std::convert::Infallible> + Unpin + Send {
        let chunk = move |n: usize| Ok(Frame::data(Bytes::from(vec![n as u8; size])));
        StreamBody::new(stream::iter((0..count).map(chunk)))
    }

    #[test]
    fn bodies_are_put_together_within_the_limit() {
        let check = |count: usize, size: usize, want: Result<usize, u16>| {
            let got = read(chunks(count, size), None).now_or_never().expect("at once");
            assert_eq!(got.map(|body| body.len()).map_err(|status| status.code), want, "{count} of {size}");
        };
        check(0, 0, Ok(0));
        check(1, 10, Ok(10));
        check(3, 10, Ok(30));
        check(3, 1 << 20, Ok(MAX_BODY));
        check(3073, 1024, Err(413));
    }

    #[test]
    fn a_body_that_announces_its_size_is_refused() {
        let body = Full::new(Bytes::from(vec![0; MAX_BODY + 1]));
        let status = read(body, None).now_or_never().expect("at once").expect_err("too large");
        assert_eq!(status.message, "Request entity too large: limit is 3145728");
    }

    struct World {
        env: Arc<SimEnv>,
        budget: Budget,
    }

    impl World {
        fn new() -> Self {
            Self { env: SimEnv::new(1), budget: Budget::default() }
        }

        fn share(&self) -> Share {
            Share::new(self.budget.clone(), self.env.shared(), Duration::from_secs(15))
        }

        fn taken(&self) -> usize {
            MAX_TOGETHER - self.budget.0.available_permits() * UNIT
        }
    }

    #[test]
    fn large_bodies_take_their_size_for_as_long_as_their_request_lives() {
        let check = |count: usize, size: usize, want: usize| {
            let (world, body) = (World::new(), chunks(count, size));
            let share = world.share();
            let read = read(body, Some(&share)).now_or_never().expect("at once");
            assert_eq!(world.taken(), want, "{count} of {size}, {:?}", read.map(|body| body.len()));
            drop(share);
            assert_eq!(world.taken(), 0);
        };
        check(1, 100, 0);
        check(1, SMALL, 0);
        check(SMALL / 1024 + 1, 1024, SMALL + 1024);
        check(1, SMALL + 1, SMALL + 1024);
        check(3, 1 << 20, MAX_BODY);
    }

    #[test]
    fn what_has_not_come_takes_nothing() {
        let world = World::new();
        let share = world.share();
        let begun = |come: usize| {
            let come =
                stream::iter([Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(vec![0; come])))]);
            StreamBody::new(come.chain(stream::pending()))
        };
        assert!(read(begun(SMALL), Some(&share)).now_or_never().is_none());
        assert_eq!(world.taken(), 0);
        assert!(read(begun(SMALL + 1), Some(&share)).now_or_never().is_none());
        assert_eq!(world.taken(), MAX_BODY, "nobody knows how much will come");
    }

    #[test]
    fn a_large_body_that_stops_coming_is_not_waited_for() {
        let world = World::new();
        let check = |come: usize, within: u64, want: Option<u16>| {
            let share = world.share();
            let first = Frame::data(Bytes::from(vec![0; come]));
            let body = stream::iter([Ok::<_, std::convert::Infallible>(first)]).chain(stream::pending());
            let read = async move { read(StreamBody::new(body), Some(&share)).await.err() };
            let refused = world.env.block_on(Duration::from_secs(within), read).flatten();
            assert_eq!(refused.map(|status| status.code), want, "{come} in {within} s");
            assert_eq!(world.taken(), 0);
        };
        check(SMALL + 1, 6, Some(504));
        check(SMALL, 60, None);
        check(PACE * 10, 14, None);
        check(PACE * 10, 16, Some(504));
    }

    #[test]
    fn large_bodies_wait_for_each_other_and_not_for_ever() {
        let world = World::new();
        let all = MAX_TOGETHER / MAX_BODY;
        let shares: Vec<Share> = (0..all).map(|_| world.share()).collect();
        for share in &shares {
            read(chunks(3, 1 << 20), Some(share)).now_or_never().expect("at once").expect("a body");
        }
        let (late, small) = (world.share(), world.share());
        let waiting = late.clone();
        let refused = async move { read(chunks(3, 1 << 20), Some(&waiting)).await.err() };
        let refused = world.env.block_on(Duration::from_secs(16), refused).flatten().expect("no share");
        assert_eq!((refused.code, refused.retry_after_seconds()), (429, Some(1)));
        assert!(read(chunks(16, 1024), Some(&small)).now_or_never().expect("at once").is_ok());
        drop(shares);
        assert!(read(chunks(3, 1 << 20), Some(&late)).now_or_never().expect("at once").is_ok());
    }
}
