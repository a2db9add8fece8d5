//! What the server cannot do without on this machine: TLS and the kernel, with nothing of ours around them. For
//! docs/benchmarks.md: `cargo run --release -p ironclad-apiserver --example floors`
//!
//! CPU time is that of the sending thread alone, so what the kernel does for the receiver within the sender's system
//! call (on the loopback device: all of TCP) counts, as it does for a server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use ironclad_pki::ca::CertificateAuthority;
use ironclad_pki::tls::{self, CertificateSlot, Trust};
use jiff::Timestamp;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConnection, ServerConnection, StreamOwned};

type Error = Box<dyn std::error::Error>;
type Sender = StreamOwned<ServerConnection, TcpStream>;

/// An event of the bench's watches: a ConfigMap of a kilobyte as a watch frames it.
const EVENT: usize = 1400;
const REQUEST: usize = 150;
const RECORD: usize = 16 * 1024;
const LIST: usize = 36_800_000;

fn main() -> Result<(), Error> {
    for together in [1, 6, 12] {
        let each = sent(together * EVENT, 60_000 / together)? / together as f64;
        println!("{together:>2} events of {EVENT} B in one write: {each:.1} us CPU per event");
    }
    let list = sent(RECORD, LIST / RECORD)? * (LIST / RECORD) as f64;
    println!("a list of {LIST} B in records of {RECORD} B: {:.1} ms CPU", list / 1e3);
    println!("a request of {REQUEST} B and its answer of {EVENT} B: {:.1} us CPU", answered(20_000)?);
    Ok(())
}

/// The CPU time, in microseconds, of one write of `size` bytes.
fn sent(size: usize, count: usize) -> Result<f64, Error> {
    let (mut sender, client) = connected()?;
    // Not decrypted: that is the client's work, and this is one thread's time.
    let mut socket = client.sock;
    let drain = std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        while socket.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    let bytes = vec![b'x'; size];
    let before = cpu_us()?;
    for _ in 0..count {
        sender.write_all(&bytes)?;
    }
    let used = cpu_us()? - before;
    drop(sender);
    drain.join().map_err(|_| "the reader failed")?;
    Ok(used / count as f64)
}

/// The CPU time, in microseconds, of reading a request and answering it.
fn answered(count: usize) -> Result<f64, Error> {
    let (mut server, mut client) = connected()?;
    let asking = std::thread::spawn(move || {
        let (request, mut answer) = (vec![b'x'; REQUEST], vec![0; EVENT]);
        (0..count).all(|_| client.write_all(&request).is_ok() && client.read_exact(&mut answer).is_ok())
    });
    let (mut request, answer) = (vec![0; REQUEST], vec![b'x'; EVENT]);
    let before = cpu_us()?;
    for _ in 0..count {
        server.read_exact(&mut request)?;
        server.write_all(&answer)?;
    }
    let used = cpu_us()? - before;
    asking.join().map_err(|_| "the client failed")?;
    Ok(used / count as f64)
}

/// Both ends of a connection, after its handshake.
fn connected() -> Result<(Sender, StreamOwned<ClientConnection, TcpStream>), Error> {
    let ca = CertificateAuthority::generate("floors", Timestamp::now(), [1; 16])?;
    let key = PrivateKeyDer::Pkcs8(ca.key().to_pkcs8());
    let identity = CertificateSlot::new(vec![ca.certificate().der().clone()], key)?;
    let server = ServerConnection::new(Arc::new(tls::server_config(identity, &[])?))?;
    let name = ServerName::try_from("localhost")?;
    let client =
        ClientConnection::new(Arc::new(tls::client_config(&Trust::Insecure, None, tls::HTTP1)?), name)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let to_server = TcpStream::connect(listener.local_addr()?)?;
    let (to_client, _) = listener.accept()?;
    to_server.set_nodelay(true)?;
    to_client.set_nodelay(true)?;
    let (mut server, mut client) = (StreamOwned::new(server, to_client), StreamOwned::new(client, to_server));
    let shaking = std::thread::spawn(move || client.flush().map(|()| client));
    server.write_all(b"x")?;
    let mut client = shaking.join().map_err(|_| "the client failed")??;
    client.read_exact(&mut [0])?;
    Ok((server, client))
}

/// The CPU time of this thread. Source: Documentation/scheduler/sched-stats.rst
fn cpu_us() -> Result<f64, Error> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().ok_or("no figures")?.parse()?;
    Ok(nanoseconds / 1e3)
}
