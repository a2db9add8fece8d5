//! The gRPC health question (grpc/health/v1), over HTTP/2 without TLS. The two messages have one field each, so
//! they are written and read by hand.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use ironclad_env::{Env, EnvironmentExt};
use ironclad_node_core::effect::{Answer, Failure, GrpcHealth};

use super::{MAX_OUTPUT, connect};

const UNIMPLEMENTED: u32 = 12;

/// Asks how a service is; the empty name is the server itself.
pub(crate) async fn grpc(
    env: &Env,
    host: &str,
    port: u16,
    service: &str,
    timeout: Duration,
) -> Result<Answer, Failure> {
    let begun = env.elapsed();
    let health = match env.timeout(timeout, connect::dial(host, port)).await {
        None => GrpcHealth::ConnectTimeout("context deadline exceeded".to_owned()),
        Some(Err(message)) => GrpcHealth::ConnectTimeout(message),
        Some(Ok(stream)) => {
            let left = timeout.saturating_sub(env.elapsed().saturating_sub(begun));
            let asked = env.timeout(left, ask(stream, host, port, service)).await;
            asked.unwrap_or(Ok(GrpcHealth::CallTimeout)).unwrap_or_else(GrpcHealth::Error)
        }
    };
    Ok(Answer::Grpc(health))
}

async fn ask(
    stream: tokio::net::TcpStream,
    host: &str,
    port: u16,
    service: &str,
) -> Result<GrpcHealth, String> {
    let io = TokioIo::new(stream);
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    // Ends with the sender.
    tokio::spawn(connection);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let request = Request::post(format!("http://{host}:{port}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "kube-probe/1.36")
        .body(Full::new(question(service)))
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    read(response).await
}

/// A frame that is not compressed, with HealthCheckRequest{service = 1}.
fn question(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(0x0a);
        put_varint(&mut message, service.len() as u64);
        message.put_slice(service.as_bytes());
    }
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.extend_from_slice(&message);
    frame.freeze()
}

fn put_varint(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

async fn read(response: Response<Incoming>) -> Result<GrpcHealth, String> {
    let status = |headers: &http::HeaderMap| {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let code: u32 = text("grpc-status")?.parse().ok()?;
        Some((code, text("grpc-message").unwrap_or_default().to_owned()))
    };
    let mut outcome = status(response.headers());
    let mut bytes = Vec::new();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        if let Some(trailers) = frame.trailers_ref() {
            outcome = status(trailers).or(outcome);
        } else if let Ok(data) = frame.into_data()
            && bytes.len() < MAX_OUTPUT
        {
            bytes.extend_from_slice(&data);
        }
    }
    match outcome {
        Some((0, _)) => Ok(health(&bytes)),
        Some((UNIMPLEMENTED, message)) => Ok(GrpcHealth::Unimplemented(message)),
        // NOT_FOUND: the server does not know the service.
        Some((5, message)) => Ok(GrpcHealth::Error(format!("rpc error: code = NotFound desc = {message}"))),
        Some((code, message)) => Err(format!("rpc error: code = Code({code}) desc = {message}")),
        None => Err("the answer has no grpc-status".to_owned()),
    }
}

/// HealthCheckResponse{status = 1}; an absent field is UNKNOWN.
fn health(frame: &[u8]) -> GrpcHealth {
    let message = frame.get(5..).unwrap_or_default();
    let status = match message {
        [0x08, value, ..] => *value,
        _ => 0,
    };
    match status {
        1 => GrpcHealth::Serving,
        2 => GrpcHealth::NotServing("NOT_SERVING".to_owned()),
        3 => GrpcHealth::NotServing("SERVICE_UNKNOWN".to_owned()),
        _ => GrpcHealth::NotServing("UNKNOWN".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_the_contract_has_them() {
        assert_eq!(question("").as_ref(), [0, 0, 0, 0, 0]);
        assert_eq!(question("ab").as_ref(), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert_eq!(health(&[0, 0, 0, 0, 2, 0x08, 1]), GrpcHealth::Serving);
        assert_eq!(health(&[0, 0, 0, 0, 2, 0x08, 2]), GrpcHealth::NotServing("NOT_SERVING".into()));
        assert_eq!(health(&[0, 0, 0, 0, 0]), GrpcHealth::NotServing("UNKNOWN".into()));
    }
}
