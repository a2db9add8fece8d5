//! The connection to a runtime: one gRPC channel over a unix socket for both services.

mod cri;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use hyper_unix::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};

use crate::Deadlines;
use crate::v1::image_service_client::ImageServiceClient;
use crate::v1::runtime_service_client::RuntimeServiceClient;

/// gRPC's default of 4 MiB is too small for a list on a full node; upstream uses 16 MiB too.
const MESSAGE_LIMIT: usize = 16 * 1024 * 1024;

/// Calls waiting for the connection. A node has a few workers; more than this means something is wrong
/// and waiting is right.
const QUEUE: usize = 256;

/// A CRI runtime behind a unix socket. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct CriClient {
    socket: PathBuf,
    deadlines: Deadlines,
    runtime: RuntimeServiceClient<Channel>,
    images: ImageServiceClient<Channel>,
}

impl CriClient {
    /// A client of the runtime at `socket`, a path with or without `unix://` before it.
    ///
    /// Connects with the first call, and again with the first call after the runtime went away, so a
    /// runtime that is down shows as [`CriError::Unreachable`] of the call and never here. Must be called
    /// inside a tokio runtime.
    pub fn new(socket: impl AsRef<Path>, deadlines: Deadlines) -> Self {
        let socket = plain_path(socket.as_ref());
        let channel = channel_to(socket.clone());
        Self {
            runtime: RuntimeServiceClient::new(channel.clone())
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT),
            images: ImageServiceClient::new(channel)
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT),
            socket,
            deadlines,
        }
    }

    /// Where the runtime listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

/// Strips the scheme that upstream's configuration writes before a socket's path.
fn plain_path(socket: &Path) -> PathBuf {
    let text = socket.as_os_str().to_string_lossy();
    match text.strip_prefix("unix://") {
        Some(path) => PathBuf::from(path),
        None => socket.to_owned(),
    }
}

pub(crate) fn channel_to(socket: PathBuf) -> Channel {
    // The authority is never resolved; every connection goes to the socket.
    Endpoint::from_static("http://localhost").buffer_size(QUEUE).connect_with_connector_lazy(service_fn(
        move |_| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        },
    ))
}
