//! Links, addresses and routes, over rtnetlink.

use std::net::IpAddr;

use futures::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::packet_route::route::RouteScope;
use rtnetlink::{Handle, LinkBridge, LinkDummy, LinkUnspec, RouteMessageBuilder};

use super::NetworkError;

/// The kernel's word for something that is there already.
const EEXIST: i32 = -17;
const ENODEV: i32 = -19;
const EOPNOTSUPP: i32 = -95;

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
            netlink.index(name).await?.ok_or_else(|| NetworkError::NoLink { name: name.to_owned() })?
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
    let index = netlink.index(name).await?.ok_or_else(|| NetworkError::NoLink { name: name.to_owned() })?;
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

/// Removes a link with its addresses and routes. Says whether there was one.
pub(crate) async fn remove(name: &str) -> Result<bool, NetworkError> {
    let netlink = Netlink::open()?;
    let Some(index) = netlink.index(name).await? else { return Ok(false) };
    let removed = netlink.handle.link().del(index).execute().await;
    unless(removed, ENODEV).map_err(|source| NetworkError::Link { name: name.to_owned(), source })?;
    Ok(true)
}

struct Netlink {
    handle: Handle,
    connection: tokio::task::JoinHandle<()>,
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Netlink {
    fn open() -> Result<Self, NetworkError> {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(NetworkError::Netlink)?;
        Ok(Self { handle, connection: tokio::spawn(connection) })
    }

    async fn index(&self, name: &str) -> Result<Option<u32>, NetworkError> {
        let links = self.handle.link().get().match_name(name).execute();
        let mut links = std::pin::pin!(links);
        match links.try_next().await {
            Ok(link) => Ok(link.map(|link| link.header.index)),
            Err(error) if code(&error) == Some(ENODEV) => Ok(None),
            Err(source) => Err(NetworkError::Link { name: name.to_owned(), source }),
        }
    }
}

fn unless(result: Result<(), rtnetlink::Error>, harmless: i32) -> Result<(), rtnetlink::Error> {
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
