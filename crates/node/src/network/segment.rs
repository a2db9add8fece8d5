//! Further nodes on one machine: each in a network namespace of its own, all on one bridge with the machine itself.
//!
//! ```text
//!  machine ── bridge 10.245.0.1 ─┬─ veth ═ eth0 10.245.0.2 (node 2)
//!                                └─ veth ═ eth0 10.245.0.3 (node 3)
//! ```
//!
//! A namespace has a file, which keeps it alive: `nsenter --net=FILE COMMAND` runs something in it.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use ipnet::Ipv4Net;
use rtnetlink::{LinkBridge, LinkBridgePort, LinkUnspec, LinkVeth, RouteMessageBuilder};
use rustix::mount::{UnmountFlags, mount_bind, unmount};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use super::NetworkError;
use super::links::{self, EEXIST, Netlink, unless};

/// What the link is called that a namespace has.
const INSIDE: &str = "eth0";
/// What a file system of namespaces calls itself (linux/magic.h, NSFS_MAGIC).
const NSFS: u64 = 0x6e73_6673;

/// The bridge that the nodes of one machine are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub bridge: String,
    /// The machine's own address on it, which is the nodes' way out; its network is all of them.
    pub gateway: Ipv4Net,
}

/// One node's place on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// The file that it is mounted at.
    pub file: PathBuf,
    /// The end of its cable that is on the bridge.
    pub link: String,
    pub address: Ipv4Addr,
}

impl Namespace {
    /// Opens it, for [`enter`].
    pub fn open(&self) -> io::Result<File> {
        if is_namespace(&self.file) { File::open(&self.file) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

/// Moves the calling thread into a namespace. Async-signal-safe: may be called between fork and exec.
pub fn enter(namespace: &File) -> io::Result<()> {
    Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?)
}

/// Makes what is missing of the bridge. Idempotent.
pub async fn make_segment(segment: &Segment) -> Result<(), NetworkError> {
    let netlink = Netlink::open()?;
    let name = &segment.bridge;
    let failed = |source| NetworkError::Link { name: name.clone(), source };
    let index = match netlink.index(name).await? {
        Some(index) => index,
        None => {
            let bridge = netlink.handle.link().add(LinkBridge::new(name).build()).execute().await;
            unless(bridge, EEXIST).map_err(failed)?;
            netlink.required(name).await?
        }
    };
    let up = LinkUnspec::new_with_index(index).up().build();
    netlink.handle.link().set(up).execute().await.map_err(failed)?;
    let (ip, width) = (IpAddr::V4(segment.gateway.addr()), segment.gateway.prefix_len());
    unless(netlink.handle.address().add(index, ip, width).execute().await, EEXIST).map_err(failed)
}

/// Makes what is missing of a namespace and its cable. Idempotent.
pub async fn make_namespace(segment: &Segment, namespace: &Namespace) -> Result<(), NetworkError> {
    let path = namespace.file.clone();
    let failed = |source| NetworkError::File { path: path.clone(), source };
    if !is_namespace(&path) {
        let path = path.clone();
        in_a_thread(move || make_file(&path)).await.map_err(failed)?;
    }
    if !inside(namespace, has_link()).await? {
        make_cable(namespace).await?;
    }
    plug_in(segment, &namespace.link).await?;
    inside(namespace, configure(namespace.address, segment.gateway)).await
}

/// Takes a namespace and its cable away. Processes that are still in it keep it alive, but nobody finds it.
pub async fn remove_namespace(namespace: &Namespace) -> Result<bool, NetworkError> {
    let path = namespace.file.clone();
    let there = path.exists();
    if there {
        match unmount(&path, UnmountFlags::DETACH) {
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(error) => return Err(NetworkError::File { path, source: error.into() }),
        }
        std::fs::remove_file(&path).map_err(|source| NetworkError::File { path, source })?;
    }
    Ok(links::remove(&namespace.link).await? || there)
}

/// Takes the bridge away.
pub async fn remove_segment(segment: &Segment) -> Result<bool, NetworkError> {
    links::remove(&segment.bridge).await
}

fn is_namespace(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|found| found.f_type as u64 == NSFS)
}

/// Makes a namespace and its file. The calling thread is in it afterwards and must end.
fn make_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::create(path)?;
    // SAFETY: only this thread's network is another one afterwards, and the thread ends with this call.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(mount_bind("/proc/thread-self/ns/net", path)?)
}

/// A new pair of links: one end here, the other one in the namespace.
async fn make_cable(namespace: &Namespace) -> Result<(), NetworkError> {
    let (outer, inner) = (namespace.link.as_str(), format!("{}p", namespace.link));
    let failed = |source| NetworkError::Link { name: outer.to_owned(), source };
    // A start that was cut off, or a namespace of before, may have left a loose end.
    links::remove(outer).await?;
    let netlink = Netlink::open()?;
    netlink.handle.link().add(LinkVeth::new(outer, &inner).build()).execute().await.map_err(failed)?;
    let file =
        namespace.open().map_err(|source| NetworkError::File { path: namespace.file.clone(), source })?;
    let moved = LinkUnspec::new_with_index(netlink.required(&inner).await?);
    let moved = moved.name(INSIDE).setns_by_fd(file.as_raw_fd());
    netlink.handle.link().set(moved.build()).execute().await.map_err(failed)
}

/// Puts this end of a cable on the bridge, which may send packets back to where they came from. It has to where
/// bridges are filtered: a node's packet to a service at the machine's address is translated while it is on the bridge,
/// and the endpoint that it gets may be on that very node.
async fn plug_in(segment: &Segment, cable: &str) -> Result<(), NetworkError> {
    let failed = |source| NetworkError::Link { name: cable.to_owned(), source };
    let netlink = Netlink::open()?;
    let (bridge, index) = (netlink.required(&segment.bridge).await?, netlink.required(cable).await?);
    let plugged = LinkUnspec::new_with_index(index).controller(bridge).up();
    netlink.handle.link().set(plugged.build()).execute().await.map_err(failed)?;
    let port = LinkBridgePort::new(index).hairpin(true);
    netlink.handle.link().set_port(port.build()).execute().await.map_err(failed)
}

async fn has_link() -> Result<bool, NetworkError> {
    Ok(Netlink::open()?.index(INSIDE).await?.is_some())
}

/// Addresses and the way out, from inside.
async fn configure(address: Ipv4Addr, gateway: Ipv4Net) -> Result<(), NetworkError> {
    let netlink = Netlink::open()?;
    let failed = |source| NetworkError::Link { name: INSIDE.to_owned(), source };
    for name in ["lo", INSIDE] {
        let index = netlink.required(name).await?;
        let up = LinkUnspec::new_with_index(index).up().build();
        netlink.handle.link().set(up).execute().await.map_err(failed)?;
        if name == INSIDE {
            let added = netlink
                .handle
                .address()
                .add(index, IpAddr::V4(address), gateway.prefix_len())
                .execute()
                .await;
            unless(added, EEXIST).map_err(failed)?;
        }
    }
    let out = RouteMessageBuilder::<Ipv4Addr>::new().gateway(gateway.addr()).build();
    netlink.handle.route().add(out).replace().execute().await.map_err(failed)
}

/// Does something in a namespace, on a thread of its own.
async fn inside<T: Send + 'static>(
    namespace: &Namespace,
    work: impl Future<Output = Result<T, NetworkError>> + Send + 'static,
) -> Result<T, NetworkError> {
    let path = namespace.file.clone();
    let failed = move |source| NetworkError::File { path: path.clone(), source };
    let file = namespace.open().map_err(&failed)?;
    let work = move || {
        enter(&file)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(work))
    };
    in_a_thread(work).await.map_err(failed)?
}

/// A thread that ends afterwards: one of a pool would take its namespace along to other work.
async fn in_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("namespace".to_owned()).spawn(move || sender.send(work()))?;
    receiver.await.unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace has died")))
}
