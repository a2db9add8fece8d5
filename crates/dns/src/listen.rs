//! Sockets that share their address, so that a new server can take over from an
//! old one without a moment of silence.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, getsockname, listen, setsockopt,
    socket, sockopt,
};
use std::os::fd::AsRawFd;
use tokio::net::{TcpListener, UdpSocket};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// Binds UDP and TCP to one address. Port 0 takes a free one, the same for both.
pub(crate) fn both(addr: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let udp = bound(addr, SockType::Datagram)?;
    let port = port_of(&udp)?;
    let tcp = bound(SocketAddr::new(addr.ip(), port), SockType::Stream)?;
    listen(&tcp, Backlog::new(BACKLOG)?)?;
    let udp = UdpSocket::from_std(std::net::UdpSocket::from(udp))?;
    let tcp = TcpListener::from_std(std::net::TcpListener::from(tcp))?;
    Ok((udp, tcp))
}

fn bound(addr: SocketAddr, kind: SockType) -> io::Result<OwnedFd> {
    let family = if addr.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd = socket(family, kind, flags, None)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    setsockopt(&fd, sockopt::ReusePort, &true)?;
    if addr.is_ipv6() {
        // `[::]` beside `0.0.0.0` is two sockets, not a conflict.
        setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
    }
    bind(fd.as_raw_fd(), &SockaddrStorage::from(addr))?;
    Ok(fd)
}

fn port_of(fd: &OwnedFd) -> io::Result<u16> {
    let addr: SockaddrStorage = getsockname(fd.as_raw_fd())?;
    let v4 = addr.as_sockaddr_in().map(|addr| addr.port());
    let port = v4.or_else(|| addr.as_sockaddr_in6().map(|addr| addr.port()));
    port.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}
