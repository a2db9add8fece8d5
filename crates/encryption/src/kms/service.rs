//! The connection to a key management service.
//!
//! The service is called on a thread of its own. So the store's values can be opened where waiting is not
//! possible: the caller blocks, which happens once for each wrapped key, at the start.

use std::error::Error;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;

use hyper_unix::service_fn;
use hyper_util::rt::TokioIo;
use ironclad_env::BoxFuture;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

use super::v2::key_management_service_client::KeyManagementServiceClient;
use super::v2::{
    DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, StatusRequest, StatusResponse,
};

/// The pause before a service that does not listen is tried again.
const AGAIN: Duration = Duration::from_millis(100);

type Client = KeyManagementServiceClient<Channel>;
type Answer<T> = BoxFuture<'static, Result<Response<T>, Status>>;

/// Why a call has no answer, as gRPC's Go library says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rpc error: code = {code:?} desc = {message}")]
pub struct CallError {
    pub code: Code,
    pub message: String,
}

pub struct KeyService {
    socket: PathBuf,
    timeout: Duration,
    connection: OnceLock<Connection>,
}

struct Connection {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    client: Client,
}

impl KeyService {
    /// Connects with the first call. A path that begins with `@` is a name without a file.
    pub fn new(socket: impl Into<PathBuf>, timeout: Duration) -> Self {
        Self { socket: socket.into(), timeout, connection: OnceLock::new() }
    }

    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    pub async fn status(&self) -> Result<StatusResponse, CallError> {
        self.call(|mut client| Box::pin(async move { client.status(StatusRequest {}).await })).await
    }

    pub async fn encrypt(&self, request: EncryptRequest) -> Result<EncryptResponse, CallError> {
        let call = move |mut client: Client| -> Answer<EncryptResponse> {
            let request = request.clone();
            Box::pin(async move { client.encrypt(request).await })
        };
        self.call(call).await
    }

    /// Blocks the thread until there is an answer, or the time is over.
    pub fn decrypt(&self, request: DecryptRequest) -> Result<DecryptResponse, CallError> {
        let call = move |mut client: Client| -> Answer<DecryptResponse> {
            let request = request.clone();
            Box::pin(async move { client.decrypt(request).await })
        };
        let (sender, receiver) = mpsc::sync_channel(1);
        let waiting = self.waiting(call)?;
        self.connection()?.spawn(async move {
            let _ = sender.send(waiting.await);
        })?;
        receiver.recv().unwrap_or_else(|_| Err(ended()))
    }

    async fn call<T, C>(&self, call: C) -> Result<T, CallError>
    where
        T: Send + 'static,
        C: Fn(Client) -> Answer<T> + Send + Sync + 'static,
    {
        let waiting = self.waiting(call)?;
        self.connection()?.spawn(waiting)?.await.unwrap_or_else(|_| Err(ended()))
    }

    /// A call that waits for a service that does not listen yet, at most for the service's time.
    fn waiting<T, C>(
        &self,
        call: C,
    ) -> Result<impl Future<Output = Result<T, CallError>> + Send + use<T, C>, CallError>
    where
        T: Send + 'static,
        C: Fn(Client) -> Answer<T> + Send + Sync + 'static,
    {
        let client = self.connection()?.client.clone();
        let (socket, timeout) = (self.socket.clone(), self.timeout);
        Ok(async move {
            let mut why =
                CallError { code: Code::DeadlineExceeded, message: "context deadline exceeded".to_owned() };
            let attempts = async {
                loop {
                    match call(client.clone()).await {
                        Ok(answer) => return Ok(answer.into_inner()),
                        Err(status) => match unreachable(&status, &socket) {
                            Some(error) => why = error,
                            None => return Err(told(&status)),
                        },
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            };
            match tokio::time::timeout(timeout, attempts).await {
                Ok(answer) => answer,
                Err(_) => Err(why),
            }
        })
    }

    fn connection(&self) -> Result<&Connection, CallError> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection);
        }
        let made = Connection::open(&self.socket);
        let made = made.map_err(|error| CallError { code: Code::Internal, message: error.to_string() })?;
        Ok(self.connection.get_or_init(|| made))
    }
}

// === impl Connection ===

impl Connection {
    fn open(socket: &Path) -> io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("kms").enable_all().build()?;
        let client = {
            let _inside = runtime.enter();
            KeyManagementServiceClient::new(channel_to(address(socket)))
        };
        Ok(Self { runtime: Some(runtime), client })
    }

    fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<tokio::task::JoinHandle<T>, CallError> {
        Ok(self.runtime.as_ref().ok_or_else(ended)?.spawn(task))
    }
}

impl Drop for Connection {
    /// Dropped in the ordinary way, a runtime waits for its thread, which async callers must not.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn channel_to(socket: PathBuf) -> Channel {
    // The authority is never resolved; every connection goes to the socket.
    Endpoint::from_static("http://localhost").connect_with_connector_lazy(service_fn(move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    }))
}

/// The kernel's form of a name without a file begins with a zero byte.
fn address(socket: &Path) -> PathBuf {
    match socket.to_str().and_then(|path| path.strip_prefix('@')) {
        Some(name) => PathBuf::from(format!("\0{name}")),
        None => socket.to_owned(),
    }
}

/// A status that was made on this side, because there is no connection.
fn unreachable(status: &Status, socket: &Path) -> Option<CallError> {
    let mut cause = status.source()?;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let socket = socket.display();
    let message =
        format!("connection error: desc = \"transport: Error while dialing: dial unix {socket}: {cause}\"");
    Some(CallError { code: Code::Unavailable, message })
}

fn told(status: &Status) -> CallError {
    CallError { code: status.code(), message: status.message().to_owned() }
}

fn ended() -> CallError {
    CallError { code: Code::Cancelled, message: "the connection is being closed".to_owned() }
}
