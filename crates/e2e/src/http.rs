//! HTTP/1.0 over a connection of its own, so that every request meets the service proxy anew.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};

const LIMIT: Duration = Duration::from_secs(10);

/// The body of a 2xx or 3xx answer.
pub fn get(to: SocketAddr, path: &str) -> anyhow::Result<String> {
    ask(to, &format!("GET {path} HTTP/1.0\r\nHost: {to}\r\n\r\n"))
}

/// Posts a form.
pub fn post(to: SocketAddr, path: &str, form: &str) -> anyhow::Result<String> {
    let length = form.len();
    let head = format!("POST {path} HTTP/1.0\r\nHost: {to}\r\nContent-Length: {length}\r\n");
    ask(to, &format!("{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}"))
}

fn ask(to: SocketAddr, request: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&to, LIMIT).context("connecting")?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(request.as_bytes()).context("sending")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("reading")?;
    let answer = String::from_utf8_lossy(&answer).replace("\r\n", "\n");
    let (head, body) = answer.split_once("\n\n").context("the answer has no head")?;
    let code = head.split_whitespace().nth(1).unwrap_or_default();
    ensure!(code.starts_with('2') || code.starts_with('3'), "answered with {head:?}: {body}");
    Ok(body.to_owned())
}
