//! The outside half of probes and hooks: a command, an HTTP request, a connection, a gRPC health question.

mod connect;
mod exec;
mod grpc;
mod http;

pub(crate) use exec::exec;
pub(crate) use grpc::grpc;
pub(crate) use http::http;

use std::time::Duration;

use ironclad_env::{Env, EnvironmentExt};
use ironclad_node_core::effect::{Answer, Failure, FailureKind};

/// At most this much of an answer is kept, bytes.
const MAX_OUTPUT: usize = 10 * 1024;

/// Opens a connection and closes it.
pub(crate) async fn tcp(env: &Env, host: &str, port: u16, timeout: Duration) -> Result<Answer, Failure> {
    match env.timeout(timeout, connect::dial(host, port)).await {
        None => Err(timed_out()),
        Some(Err(message)) => Err(Failure::other(message)),
        Some(Ok(_)) => Ok(Answer::Done),
    }
}

fn timed_out() -> Failure {
    Failure { kind: FailureKind::Timeout, message: "context deadline exceeded".to_owned() }
}
