//! Connections that stop speaking HTTP.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use ironclad_env::EnvironmentExt;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::metrics::Counted;
use crate::reply::{self, Reply};
use crate::server::Shared;

/// How long the last bytes may take when one side has ended.
const LAST_BYTES: Duration = Duration::from_secs(5);

/// What lasts as long as an upgraded connection: whoever carries that on holds a clone until its end.
#[derive(Clone, Default)]
pub struct Session(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

impl Session {
    /// Keeps something until nobody holds the session any more.
    pub fn keep(&self, guard: impl Send + 'static) {
        *self.0.lock() = Some(Box::new(guard));
    }
}

pub fn is_upgrade(headers: &HeaderMap) -> bool {
    let connection = headers.get_all(CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    headers.contains_key(UPGRADE)
        && connection.into_iter().any(|value| value.to_ascii_lowercase().contains("upgrade"))
}

/// 101, with the headers that every upgrade has.
pub fn switching() -> Reply {
    let mut reply = Response::new(reply::empty());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    reply
}

/// Tells the client that the upgrade happens, and joins both connections once it has.
pub fn join(
    shared: &Shared,
    client: OnUpgrade,
    mut answer: Response<Incoming>,
    session: Option<Session>,
) -> Reply {
    let mut reply = switching();
    for (name, value) in answer.headers() {
        reply.headers_mut().insert(name.clone(), value.clone());
    }
    let backend = hyper::upgrade::on(&mut answer);
    let (env, stop) = (shared.env.clone(), shared.stop.clone());
    let open = Counted::new(shared.metrics.tunnels.clone());
    shared.env.spawn(
        "tunnel",
        Box::pin(async move {
            let _open = (open, session);
            if let (Ok(client), Ok(backend)) = (client.await, backend.await) {
                tokio::select! {
                    () = copy_both(&env, client, backend) => {}
                    () = stop.cancelled() => {}
                }
            }
        }),
    );
    reply
}

/// Copies both ways until one side ends, then lets the other have its last bytes.
async fn copy_both(env: &ironclad_env::Env, client: Upgraded, backend: Upgraded) {
    let (mut from_client, mut to_client) = tokio::io::split(TokioIo::new(client));
    let (mut from_backend, mut to_backend) = tokio::io::split(TokioIo::new(backend));
    let up = copy(&mut from_client, &mut to_backend);
    let down = copy(&mut from_backend, &mut to_client);
    tokio::pin!(up, down);
    tokio::select! {
        () = &mut up => drop(env.timeout(LAST_BYTES, down).await),
        () = &mut down => {}
    }
}

async fn copy(from: &mut (impl AsyncReadExt + Unpin), to: &mut (impl AsyncWriteExt + Unpin)) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        let wrote = match buffer.get(..read) {
            Some(bytes) => to.write_all(bytes).await,
            None => break,
        };
        // Whatever is there goes at once: the other end may be a terminal.
        if wrote.is_err() || to.flush().await.is_err() {
            break;
        }
    }
    // The other end may be gone already.
    let _ = to.shutdown().await;
}
