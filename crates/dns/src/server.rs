//! The shell: sockets in, sockets out.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use ironclad_env::{Env, EnvironmentExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::forward::Forwarder;
use crate::listen;
use crate::records::Records;
use crate::resolv::{Upstreams, nameservers};
use crate::respond::{Responder, Response};
use crate::wire::Transport;
use crate::zone::ZoneConfig;

/// Greater queries are cut, and then refused as malformed.
const QUERY_BUFFER: usize = 4096;
/// TCP clients at a time, per address; more wait to be accepted.
const MOST_CONNECTIONS: usize = 128;
/// How long a TCP client may say nothing.
const IDLE: Duration = Duration::from_secs(10);
/// How often the resolv.conf is looked at.
const RELOAD: Duration = Duration::from_secs(10);
/// A pause after a socket's error, which may come again at once.
const AFTER_ERROR: Duration = Duration::from_millis(20);

/// An address cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve DNS on {addr}: {error}")]
pub struct BindError {
    pub addr: SocketAddr,
    pub error: io::Error,
}

/// A DNS server on some addresses.
pub struct Server {
    responder: Arc<Responder>,
    sockets: Vec<(Arc<UdpSocket>, TcpListener)>,
    upstreams: Upstreams,
    env: Env,
}

impl Server {
    /// Takes the addresses, for UDP and TCP. To be called within a tokio runtime.
    /// Until records are published, names of the zone are answered with SERVFAIL
    /// and all others from upstream.
    pub fn bind(
        addrs: &[SocketAddr],
        upstreams: Upstreams,
        zone: &ZoneConfig,
        env: Env,
    ) -> Result<Self, BindError> {
        let bind = |addr: &SocketAddr| match listen::both(*addr) {
            Ok((udp, tcp)) => Ok((Arc::new(udp), tcp)),
            Err(error) => Err(BindError { addr: *addr, error }),
        };
        let sockets = addrs.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        let forwarder = Forwarder::new(read_upstreams(&upstreams), env.clone());
        let responder = Arc::new(Responder::new(Records::unsynced(zone), forwarder));
        Ok(Self { responder, sockets, upstreams, env })
    }

    /// The addresses as bound; of use where a port was left open.
    pub fn addrs(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|(udp, _)| udp.local_addr().ok()).collect()
    }

    /// A way to publish records while the server runs.
    pub fn publisher(&self) -> Publisher {
        Publisher(self.responder.clone())
    }

    /// Answers from these records from now on.
    pub fn publish(&self, records: Arc<Records>) {
        self.responder.publish(records);
    }

    /// Serves until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let Self { responder, sockets, upstreams, env } = self;
        let mut tasks: Vec<futures::future::BoxFuture<'static, ()>> = Vec::new();
        for (udp, tcp) in sockets {
            tasks.push(Box::pin(serve_udp(udp, responder.clone(), env.clone())));
            tasks.push(Box::pin(serve_tcp(tcp, responder.clone(), env.clone())));
        }
        tasks.push(Box::pin(reload(upstreams, responder, env)));
        tokio::select! {
            () = cancel.cancelled() => {}
            _ = join_all(tasks) => {}
        }
    }
}

/// Publishes records to a server that runs.
#[derive(Clone)]
pub struct Publisher(Arc<Responder>);

impl Publisher {
    pub fn publish(&self, records: Arc<Records>) {
        self.0.publish(records);
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, responder: Arc<Responder>, env: Env) {
    let mut buffer = vec![0; QUERY_BUFFER];
    loop {
        // Errors here are those of earlier sends (a client that is gone).
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else {
            env.sleep(AFTER_ERROR).await;
            continue;
        };
        let packet = buffer.get(..length).unwrap_or_default();
        match responder.respond(packet, Transport::Udp) {
            Response::Nothing => {}
            Response::Now(bytes) => drop(socket.send_to(&bytes, client).await),
            Response::Later(request) => {
                // The forwarder bounds how many of these wait for upstream.
                let (socket, responder) = (socket.clone(), responder.clone());
                let task = async move {
                    let bytes = responder.resolve(&request, Transport::Udp).await;
                    let _ = socket.send_to(&bytes, client).await;
                };
                env.spawn("dns-query", Box::pin(task));
            }
        }
    }
}

async fn serve_tcp(listener: TcpListener, responder: Arc<Responder>, env: Env) {
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(permit) = connections.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            env.sleep(AFTER_ERROR).await;
            continue;
        };
        let (responder, task_env) = (responder.clone(), env.clone());
        let task = async move {
            let _permit = permit;
            let _ = serve_connection(stream, &responder, &task_env).await;
        };
        env.spawn("dns-connection", Box::pin(task));
    }
}

/// Answers one query after the other, until the client is done or silent.
async fn serve_connection(mut stream: TcpStream, responder: &Responder, env: &Env) -> io::Result<()> {
    let timed_out = || io::Error::from(io::ErrorKind::TimedOut);
    loop {
        let packet = env.timeout(IDLE, read_packet(&mut stream)).await.ok_or_else(timed_out)??;
        let bytes = match responder.respond(&packet, Transport::Tcp) {
            Response::Nothing => return Ok(()),
            Response::Now(bytes) => bytes,
            Response::Later(request) => responder.resolve(&request, Transport::Tcp).await,
        };
        let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes()[..], &bytes].concat();
        env.timeout(IDLE, stream.write_all(&framed)).await.ok_or_else(timed_out)??;
    }
}

async fn read_packet(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut packet = vec![0; length.into()];
    stream.read_exact(&mut packet).await?;
    Ok(packet)
}

/// Follows changes of the resolv.conf.
async fn reload(upstreams: Upstreams, responder: Arc<Responder>, env: Env) {
    loop {
        env.sleep(RELOAD).await;
        if matches!(upstreams, Upstreams::ResolvConf { .. }) {
            responder.forwarder.set_upstreams(read_upstreams(&upstreams));
        }
    }
}

/// A file that cannot be read names nobody.
fn read_upstreams(upstreams: &Upstreams) -> Vec<SocketAddr> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "cannot read name servers");
            String::new()
        })
    };
    match upstreams {
        Upstreams::Fixed(addrs) => addrs.clone(),
        Upstreams::ResolvConf { path, own } => nameservers(&read(path), own),
    }
}
