//! Gathers what a connection writes in one turn of its task.
//!
//! HTTP/2 here flushes after every frame of data: when one change goes to many watches of one connection, each of
//! them would cost a TLS record and a system call of its own. Gathered, they share them.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is gathered at most: a TLS record's worth. What is larger goes out as it is.
const MOST: usize = 16 * 1024;

/// A stream whose flushes wait for the end of the turn. For connections that nobody takes over:
/// whoever else wrote to it would have to end turns too.
pub struct Gather<S>(Arc<Mutex<Gathering<S>>>);

struct Gathering<S> {
    stream: S,
    waiting: Vec<u8>,
    unflushed: bool,
}

impl<S> Clone for Gather<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gather<S> {
    pub fn new(stream: S) -> Self {
        Self(Arc::new(Mutex::new(Gathering { stream, waiting: Vec::new(), unflushed: false })))
    }

    /// Drives the connection that writes to this stream; each turn ends by sending what it wrote.
    ///
    /// A stream's task wakes the connection's as soon as it has something, and that would run next. `has_company`
    /// says whether other streams may have something too: then a turn first lets the tasks run that are ready.
    pub async fn turns<C, E>(
        &self,
        mut connection: Pin<&mut C>,
        has_company: impl Fn() -> bool,
    ) -> Result<(), Broken>
    where
        C: Future<Output = Result<(), E>>,
        E: Into<Broken>,
    {
        let mut has_waited = false;
        poll_fn(|context| {
            if !has_waited && has_company() {
                has_waited = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            has_waited = false;
            let turn = connection.as_mut().poll(context);
            // Should this have to wait, the stream wakes the same task.
            if let Poll::Ready(Err(error)) = self.0.lock().poll_send(context) {
                return Poll::Ready(Err(error.into()));
            }
            turn.map_err(Into::into)
        })
        .await
    }
}

/// Why a connection ended before its time.
pub type Broken = Box<dyn std::error::Error + Send + Sync>;

impl<S: AsyncWrite + Unpin> Gathering<S> {
    /// Hands everything over to the stream and flushes it.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, &self.waiting))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => drop(self.waiting.drain(..sent)),
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let size: usize = parts.iter().map(|part| part.len()).sum();
        if self.waiting.len() + size > MOST {
            ready!(self.poll_send(context))?;
        }
        self.unflushed = true;
        if size > MOST {
            return Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        }
        parts.iter().for_each(|part| self.waiting.extend_from_slice(part));
        Poll::Ready(Ok(size))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gather<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gather<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().poll_write(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().poll_write(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The end of the turn flushes.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathering = self.0.lock();
        ready!(gathering.poll_send(context))?;
        Pin::new(&mut gathering.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Notes each write, and takes at most `room` bytes of it.
    struct Noting {
        writes: Vec<Vec<u8>>,
        flushes: usize,
        room: usize,
    }

    impl AsyncRead for Noting {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Noting {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.room);
            self.writes.push(bytes[..taken].to_vec());
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushes += 1;
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Sizes of the writes that reach the stream when one turn makes these, each flushed.
    fn check(room: usize, made: &[usize], want: &[usize]) {
        let gather = Gather::new(Noting { writes: Vec::new(), flushes: 0, room });
        let mut writer = gather.clone();
        let turn = async move {
            for (at, size) in made.iter().enumerate() {
                writer.write_all(&vec![at as u8; *size]).await?;
                writer.flush().await?;
            }
            Ok::<(), io::Error>(())
        };
        let driven = gather.turns(std::pin::pin!(turn), || false).now_or_never();
        assert!(driven.is_some_and(|result| result.is_ok()), "{made:?}");
        let state = gather.0.lock();
        let sizes: Vec<usize> = state.stream.writes.iter().map(Vec::len).collect();
        assert_eq!(sizes, want, "{made:?}");
        let bytes = state.stream.writes.concat();
        let all: Vec<u8> = made.iter().enumerate().flat_map(|(at, size)| vec![at as u8; *size]).collect();
        assert_eq!(bytes, all, "nothing is lost or moved");
        assert!(state.stream.flushes >= 1);
    }

    #[test]
    fn a_turn_in_company_lets_others_run_first() {
        let gather = Gather::new(Noting { writes: Vec::new(), flushes: 0, room: 1 });
        let turns = std::cell::Cell::new(0);
        let connection = std::pin::pin!(poll_fn(|_| {
            turns.set(turns.get() + 1);
            Poll::<Result<(), io::Error>>::Pending
        }));
        let mut driven = std::pin::pin!(gather.turns(connection, || true));
        for want in [0, 1, 1, 2] {
            assert!(driven.as_mut().now_or_never().is_none());
            assert_eq!(turns.get(), want);
        }
    }

    #[test]
    fn small_writes_of_a_turn_become_one() {
        check(usize::MAX, &[10, 20, 30], &[60]);
        check(usize::MAX, &[MOST, 1], &[MOST, 1]);
        check(usize::MAX, &[10, MOST + 5, 10], &[10, MOST + 5, 10]);
        check(7, &[10, 10], &[7, 7, 6]);
    }
}
