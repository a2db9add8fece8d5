//! Links, addresses and routes, over rtnetlink.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope};
use rtnetlink::{Handle, LinkBridge, LinkDummy, LinkUnspec, RouteMessageBuilder};

use super::NetworkError;

/// The kernel's word for something that is there already.
pub(super) const EEXIST: i32 = -17;
const ENODEV: i32 = -19;
const ESRCH: i32 = -3;
const EOPNOTSUPP: i32 = -95;
/// The next hop is not on any of this machine's links.
const ENETUNREACH: i32 = -101;
const EHOSTUNREACH: i32 = -113;
/// Whose routes to pods are: a number that nobody has registered (iproute2, `rt_protos`).
const OURS: RouteProtocol = RouteProtocol::Other(73);

/// Makes a link to nowhere with these addresses, each for itself alone. Idempotent.
pub(crate) async fn make_service_link(name: &str, addresses: &[IpAddr]) -> Result<(), NetworkError> {
    let netlink = Netlink::open()?;
    let failed = |source| NetworkError::Link { name: name.to_owned(), source };
    let index = match netlink.index(name).await? {
        Some(index) => index,
        None => {
            let dummy = netlink.handle.link().add(LinkDummy::new(name).up().build()).execute().await;
            let added = match dummy {
                // A kernel without dummy links: a bridge that nothing is on serves as well, and pods need
                // bridges anyway.
                Err(error) if code(&error) == Some(EOPNOTSUPP) => {
                    netlink.handle.link().add(LinkBridge::new(name).build()).execute().await
                }
                added => added,
            };
            unless(added, EEXIST).map_err(failed)?;
            netlink.required(name).await?
        }
    };
    let up = LinkUnspec::new_with_index(index).up().build();
    netlink.handle.link().set(up).execute().await.map_err(failed)?;
    for address in addresses {
        let width = if address.is_ipv4() { 32 } else { 128 };
        let added = netlink.handle.address().add(index, *address, width).execute().await;
        unless(added, EEXIST).map_err(failed)?;
    }
    Ok(())
}

/// Routes a network over a link, with packets coming from `source`. Replaces a route that is there.
pub(crate) async fn route(name: &str, to: IpNet, source: Option<IpAddr>) -> Result<(), NetworkError> {
    let netlink = Netlink::open()?;
    let index = netlink.required(name).await?;
    let mut builder = RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(to.network(), to.prefix_len())
        .map_err(|error| NetworkError::Netlink(std::io::Error::other(error)))?
        .output_interface(index)
        .scope(RouteScope::Link);
    if let Some(source) = source {
        builder = builder
            .pref_source(source)
            .map_err(|error| NetworkError::Netlink(std::io::Error::other(error)))?;
    }
    let added = netlink.handle.route().add(builder.build()).replace().execute().await;
    added.map_err(|source| NetworkError::Link { name: name.to_owned(), source })
}

/// Why a route to pods of another node cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RouteError {
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("routes: {0}")]
    Kernel(rtnetlink::Error),
    #[error("the node is on another network")]
    OtherNetwork,
}

/// The routes to pods of other nodes that there are.
pub(crate) async fn pod_routes() -> Result<BTreeMap<IpNet, IpAddr>, RouteError> {
    let netlink = Netlink::open()?;
    let mut found = BTreeMap::new();
    let (v4, v6) =
        (RouteMessageBuilder::<Ipv4Addr>::new().build(), RouteMessageBuilder::<Ipv6Addr>::new().build());
    for family in [v4, v6] {
        let listed = netlink.handle.route().get(family).execute();
        let mut listed = std::pin::pin!(listed);
        while let Some(route) = listed.try_next().await.map_err(RouteError::Kernel)? {
            found.extend(pod_route(&route));
        }
    }
    Ok(found)
}

/// Destination and gateway, if the route is one of ours.
fn pod_route(route: &RouteMessage) -> Option<(IpNet, IpAddr)> {
    if route.header.protocol != OURS {
        return None;
    }
    let (mut to, mut via) = (None, None);
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Destination(address) => to = ip(address),
            RouteAttribute::Gateway(address) => via = ip(address),
            _ => {}
        }
    }
    let to = IpNet::new(to?, route.header.destination_prefix_length).ok()?;
    Some((to, via?))
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some(IpAddr::V4(*ip)),
        RouteAddress::Inet6(ip) => Some(IpAddr::V6(*ip)),
        _ => None,
    }
}

/// Routes a network by way of a machine on one of this one's links. Replaces a route that is there.
pub(crate) async fn set_pod_route(to: IpNet, via: IpAddr) -> Result<(), RouteError> {
    let netlink = Netlink::open()?;
    let route = pod_route_to(to)?.gateway(via).map_err(invalid)?.build();
    match netlink.handle.route().add(route).replace().execute().await {
        Err(error) if matches!(code(&error), Some(ENETUNREACH | EHOSTUNREACH)) => {
            Err(RouteError::OtherNetwork)
        }
        set => set.map_err(RouteError::Kernel),
    }
}

pub(crate) async fn remove_pod_route(to: IpNet) -> Result<(), RouteError> {
    let netlink = Netlink::open()?;
    let removed = netlink.handle.route().del(pod_route_to(to)?.build()).execute().await;
    unless(removed, ESRCH).map_err(RouteError::Kernel)
}

fn pod_route_to(to: IpNet) -> Result<RouteMessageBuilder<IpAddr>, NetworkError> {
    let route = RouteMessageBuilder::<IpAddr>::new().destination_prefix(to.network(), to.prefix_len());
    Ok(route.map_err(invalid)?.protocol(OURS))
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> NetworkError {
    NetworkError::Netlink(std::io::Error::other(error))
}

/// Removes a link with its addresses and routes. Says whether there was one.
pub(crate) async fn remove(name: &str) -> Result<bool, NetworkError> {
    let netlink = Netlink::open()?;
    let Some(index) = netlink.index(name).await? else { return Ok(false) };
    let removed = netlink.handle.link().del(index).execute().await;
    unless(removed, ENODEV).map_err(|source| NetworkError::Link { name: name.to_owned(), source })?;
    Ok(true)
}

pub(super) struct Netlink {
    pub(super) handle: Handle,
    connection: tokio::task::JoinHandle<()>,
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Netlink {
    pub(super) fn open() -> Result<Self, NetworkError> {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(NetworkError::Netlink)?;
        Ok(Self { handle, connection: tokio::spawn(connection) })
    }

    pub(super) async fn index(&self, name: &str) -> Result<Option<u32>, NetworkError> {
        let links = self.handle.link().get().match_name(name).execute();
        let mut links = std::pin::pin!(links);
        match links.try_next().await {
            Ok(link) => Ok(link.map(|link| link.header.index)),
            Err(error) if code(&error) == Some(ENODEV) => Ok(None),
            Err(source) => Err(NetworkError::Link { name: name.to_owned(), source }),
        }
    }

    /// The index of a link that must be there.
    pub(super) async fn required(&self, name: &str) -> Result<u32, NetworkError> {
        self.index(name).await?.ok_or_else(|| NetworkError::NoLink { name: name.to_owned() })
    }
}

pub(super) fn unless(result: Result<(), rtnetlink::Error>, harmless: i32) -> Result<(), rtnetlink::Error> {
    match result {
        Err(error) if code(&error) == Some(harmless) => Ok(()),
        result => result,
    }
}

fn code(error: &rtnetlink::Error) -> Option<i32> {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.code.map(|code| code.get()),
        _ => None,
    }
}
