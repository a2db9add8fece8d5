//! Asks upstream.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use hickory_proto::op::ResponseCode;
use ironclad_env::{Env, EnvironmentExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;

use crate::cache::Cache;
use crate::records::Reply;
use crate::wire::{Request, Transport, parse_response};

/// How long one upstream has for one answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often all of them are asked, one after the other.
const ROUNDS: usize = 2;
/// Questions under way; more are answered with SERVFAIL at once.
const MOST_IN_FLIGHT: usize = 1000;
/// Packets that are not the answer (late ones, forged ones) before we give up.
const MOST_STRAY_PACKETS: usize = 16;

/// Why one upstream gave no answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("no answer in {PATIENCE:?}")]
    Timeout,
    #[error("not an answer to what was asked")]
    Garbled,
}

pub(crate) struct Forwarder {
    upstreams: ArcSwap<Vec<SocketAddr>>,
    /// The one that answered last; it is asked first.
    preferred: AtomicUsize,
    in_flight: Semaphore,
    cache: Cache,
    env: Env,
}

impl Forwarder {
    pub(crate) fn new(upstreams: Vec<SocketAddr>, env: Env) -> Self {
        Self {
            upstreams: ArcSwap::from_pointee(upstreams),
            preferred: AtomicUsize::new(0),
            in_flight: Semaphore::new(MOST_IN_FLIGHT),
            cache: Cache::default(),
            env,
        }
    }

    /// Where to ask from now on.
    pub(crate) fn set_upstreams(&self, upstreams: Vec<SocketAddr>) {
        if **self.upstreams.load() != upstreams {
            tracing::info!(?upstreams, "asking these name servers");
            self.upstreams.store(Arc::new(upstreams));
        }
    }

    /// Upstream's answer, fresh or kept; SERVFAIL if there is none to be had.
    pub(crate) async fn resolve(&self, request: &Request, transport: Transport) -> Reply {
        if let Some(kept) = self.cache.get(request, self.env.elapsed()) {
            return kept;
        }
        let failed = || Reply::error(ResponseCode::ServFail);
        let Ok(_permit) = self.in_flight.try_acquire() else { return failed() };
        match self.ask_around(request, transport).await {
            Some(reply) => {
                if !reply.truncated {
                    self.cache.put(request, &reply, self.env.elapsed());
                }
                reply
            }
            None => failed(),
        }
    }

    /// Asks one after the other until one knows. A failure that an upstream
    /// reports is passed on only if no other does better.
    async fn ask_around(&self, request: &Request, transport: Transport) -> Option<Reply> {
        let upstreams = self.upstreams.load_full();
        let first = self.preferred.load(Ordering::Relaxed);
        let mut reported = None;
        for attempt in 0..upstreams.len() * ROUNDS {
            let index = (first + attempt) % upstreams.len();
            let Some(upstream) = upstreams.get(index) else { continue };
            match self.ask(*upstream, request, transport).await {
                Ok(reply) if is_failure(reply.code) => reported = Some(reply),
                Ok(reply) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Some(reply);
                }
                Err(error) => tracing::debug!(%upstream, %error, "name server failed"),
            }
        }
        reported
    }

    /// Asks over UDP, and over TCP what does not fit.
    async fn ask(
        &self,
        upstream: SocketAddr,
        request: &Request,
        transport: Transport,
    ) -> Result<Reply, AskError> {
        let udp = self.env.timeout(PATIENCE, self.ask_udp(upstream, request)).await;
        let reply = udp.unwrap_or(Err(AskError::Timeout))?;
        if !reply.truncated || transport == Transport::Udp {
            // A client over UDP is told to come back over TCP.
            return Ok(reply);
        }
        let tcp = self.env.timeout(PATIENCE, self.ask_tcp(upstream, request)).await;
        tcp.unwrap_or(Err(AskError::Timeout))
    }

    async fn ask_udp(&self, upstream: SocketAddr, request: &Request) -> Result<Reply, AskError> {
        let unspecified: IpAddr = match upstream {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        // A new socket has a new random port, which a forger would have to guess
        // beside the id (RFC 5452).
        let socket = UdpSocket::bind((unspecified, 0)).await?;
        socket.connect(upstream).await?;
        let id = self.random_id();
        socket.send(&request.upstream_query(id)).await?;
        let mut buffer = [0; 4096];
        for _ in 0..MOST_STRAY_PACKETS {
            let length = socket.recv(&mut buffer).await?;
            let packet = buffer.get(..length).unwrap_or_default();
            if let Some(answer) = parse_response(packet, id, &request.query) {
                return Ok(answer);
            }
        }
        Err(AskError::Garbled)
    }

    async fn ask_tcp(&self, upstream: SocketAddr, request: &Request) -> Result<Reply, AskError> {
        let mut stream = TcpStream::connect(upstream).await?;
        let id = self.random_id();
        let query = request.upstream_query(id);
        let length = u16::try_from(query.len()).map_err(|_| AskError::Garbled)?;
        stream.write_all(&[&length.to_be_bytes()[..], &query].concat()).await?;
        let mut packet = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut packet).await?;
        parse_response(&packet, id, &request.query).ok_or(AskError::Garbled)
    }

    fn random_id(&self) -> u16 {
        let mut bytes = [0; 2];
        self.env.fill(&mut bytes);
        u16::from_be_bytes(bytes)
    }
}

/// Codes by which a server says that it cannot, not that there is nothing.
fn is_failure(code: ResponseCode) -> bool {
    matches!(
        code,
        ResponseCode::ServFail | ResponseCode::Refused | ResponseCode::NotImp | ResponseCode::FormErr
    )
}
