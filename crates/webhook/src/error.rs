//! Why a call failed. The texts are those of Go's HTTP client and of client-go: operators
//! read and search for them.

use std::io;

use ironclad_api::Status;
use rustls::CertificateError;
use thiserror::Error;

#[derive(Clone, Debug, PartialEq, Error)]
pub enum CallError {
    /// The endpoint cannot be called at all.
    #[error("{0}")]
    Unusable(String),
    /// No answer came. `Post "https://host/path?timeout=10s": why`.
    #[error("Post \"{url}\": {why}")]
    Transport { url: String, why: String },
    /// The server refused; its own Status, or one made of its answer's code.
    #[error("{0}")]
    Refused(Status),
    /// The server agreed and said nothing, where an answer is needed.
    #[error("{0}")]
    Empty(String),
    /// The answer is not what it should be.
    #[error("{0}")]
    Malformed(String),
}

impl CallError {
    /// Whether the same call may succeed soon, as upstream judges it for its webhooks.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Transport { why, .. } => why.contains("connection reset by peer"),
            Self::Refused(status) => {
                status.is_internal_error()
                    || status.is_timeout()
                    || status.is_too_many_requests()
                    || status.retry_after_seconds().is_some_and(|seconds| seconds > 0)
            }
            Self::Unusable(_) | Self::Empty(_) | Self::Malformed(_) => false,
        }
    }

    /// Whether it took too long.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Transport { why, .. } => why == DEADLINE,
            Self::Refused(status) => status.is_timeout(),
            Self::Unusable(_) | Self::Empty(_) | Self::Malformed(_) => false,
        }
    }
}

/// Of a call, or a part of it, that took too long.
pub(crate) const DEADLINE: &str = "context deadline exceeded";

pub(crate) fn dial(address: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("dial tcp {address}: connect: connection refused"),
        io::ErrorKind::HostUnreachable => format!("dial tcp {address}: connect: no route to host"),
        io::ErrorKind::NetworkUnreachable => format!("dial tcp {address}: connect: network is unreachable"),
        io::ErrorKind::TimedOut => format!("dial tcp {address}: connect: connection timed out"),
        _ => format!("dial tcp {address}: {error}"),
    }
}

/// Of a handshake that failed; rustls' reason is inside of an I/O error.
pub(crate) fn handshake(name: &str, error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(error)) => {
            format!("tls: failed to verify certificate: {}", certificate(name, error))
        }
        Some(rustls::Error::AlertReceived(alert)) => format!("remote error: tls: {alert:?}"),
        Some(other) => format!("tls: {other}"),
        None if error.kind() == io::ErrorKind::UnexpectedEof => "EOF".to_owned(),
        None if error.kind() == io::ErrorKind::ConnectionReset => "read: connection reset by peer".to_owned(),
        None => error.to_string(),
    }
}

fn certificate(name: &str, error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::UnknownIssuer | E::BadSignature => "x509: certificate signed by unknown authority".to_owned(),
        E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. } => {
            "x509: certificate has expired or is not yet valid".to_owned()
        }
        E::NotValidForNameContext { presented, .. } => not_valid_for(name, presented),
        E::NotValidForName => not_valid_for(name, &[]),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "x509: certificate specifies an incompatible key usage".to_owned()
        }
        other => format!("x509: {other}"),
    }
}

/// `presented` are rustls' texts: `DnsName("a")`, `IpAddress(127.0.0.1)`.
fn not_valid_for(name: &str, presented: &[String]) -> String {
    let is_ip = name.parse::<std::net::IpAddr>().is_ok();
    let (kind, quotes): (&str, &[char]) = if is_ip { ("IpAddress(", &[]) } else { ("DnsName(", &['"']) };
    let names = presented.iter().filter_map(|text| text.strip_prefix(kind)?.strip_suffix(')'));
    let names: Vec<&str> = names.map(|text| text.trim_matches(quotes)).collect();
    match (names.is_empty(), is_ip) {
        (true, true) => {
            format!("x509: cannot validate certificate for {name} because it doesn't contain any IP SANs")
        }
        (true, false) => {
            format!("x509: certificate is not valid for any names, but wanted to match {name}")
        }
        (false, _) => format!("x509: certificate is valid for {}, not {name}", names.join(", ")),
    }
}

/// Of an exchange that broke off.
pub(crate) fn exchange(error: &hyper::Error) -> String {
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return "EOF".to_owned();
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
