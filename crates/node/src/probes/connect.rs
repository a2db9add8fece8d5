//! Connections, with errors as Go words them.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// Connects to a host by address or name.
pub(super) async fn dial(host: &str, port: u16) -> Result<TcpStream, String> {
    let found = lookup_host((host, port)).await;
    let mut addresses = found.map_err(|_| format!("dial tcp: lookup {host}: no such host"))?;
    let address = addresses.next().ok_or_else(|| format!("dial tcp: lookup {host}: no such host"))?;
    connect(address).await.map_err(|error| format!("dial tcp {address}: {}", worded(&error)))
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Probes come often: their connections must not linger and use up ports.
    socket.set_zero_linger()?;
    socket.connect(address).await
}

fn worded(error: &io::Error) -> String {
    use io::ErrorKind::*;
    match error.kind() {
        ConnectionRefused => "connect: connection refused".to_owned(),
        ConnectionReset => "connect: connection reset by peer".to_owned(),
        HostUnreachable => "connect: no route to host".to_owned(),
        NetworkUnreachable => "connect: network is unreachable".to_owned(),
        TimedOut => "connect: connection timed out".to_owned(),
        _ => format!("connect: {error}"),
    }
}
