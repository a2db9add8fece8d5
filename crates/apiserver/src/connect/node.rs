//! Where a node's agent listens.

use ironclad_api::goprint::quote;
use ironclad_api::status::Status;
use ironclad_api::{Object, ObjectKey};
use ironclad_client::Cache;
use ironclad_env::EnvironmentExt;
use serde_json::Value;

use super::location::{Id, Location, Peer, is_global_unicast};
use super::{CONNECT_TIMEOUT, core_object};
use crate::server::Shared;

/// Where an agent listens if its node does not say.
const AGENT_PORT: u16 = 10250;

/// The kinds of addresses, as they are preferred.
const ADDRESS_TYPES: [&str; 5] = ["InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS"];

/// Host and port of a node's agent.
struct Agent {
    host: String,
    port: u16,
}

/// A path of the agent of the node that `name` names.
pub fn agent(cache: &dyn Cache, name: &str, path: String) -> Result<Location, Status> {
    let Agent { host, port } = find(cache, name)?;
    Ok(Location { peer: Peer::Agent, tls: true, host, port, path })
}

fn find(cache: &dyn Cache, name: &str) -> Result<Agent, Status> {
    let node = core_object(cache, "nodes", &ObjectKey::cluster(name))?;
    let host = address(&node).ok_or_else(|| {
        let types = ADDRESS_TYPES.join(" ");
        Status::unclassified(format!(
            "no preferred addresses found; known addresses: [] (preferred: [{types}])"
        ))
    })?;
    let port = node.at(&["status", "daemonEndpoints", "kubeletEndpoint", "Port"]).and_then(Value::as_u64);
    let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    Ok(Agent { host, port: port.unwrap_or(AGENT_PORT) })
}

fn address(node: &Object) -> Option<String> {
    let addresses = node.at(&["status", "addresses"]).and_then(Value::as_array)?;
    ADDRESS_TYPES.iter().find_map(|wanted| {
        let of_type =
            addresses.iter().find(|address| address.get("type").and_then(Value::as_str) == Some(*wanted))?;
        Some(of_type.get("address")?.as_str()?.to_owned())
    })
}

/// The node itself (`nodes/NAME/proxy`): its agent, or another port of it.
pub async fn proxy(shared: &Shared, cache: &dyn Cache, id: &str) -> Result<Location, Status> {
    let bad = || Status::bad_request(format!("invalid node request {}", quote(id)));
    let id = Id::parse(id).ok_or_else(bad)?;
    let Agent { host, port } = find(cache, id.name)?;
    let allowed = shared.env.timeout(CONNECT_TIMEOUT, may_be_proxied(&host)).await;
    allowed.unwrap_or_else(|| Err(Status::bad_request(format!("lookup {host}: i/o timeout"))))?;
    if id.port.is_empty() || id.port == port.to_string() {
        return Ok(Location { peer: Peer::Agent, tls: true, host, port, path: String::new() });
    }
    let port = id.port.parse().map_err(|_| bad())?;
    Ok(Location { peer: Peer::Foreign, tls: id.https, host, port, path: String::new() })
}

/// Whether none of a host's addresses is the machine itself. Whoever writes a Node's status chooses its host.
async fn may_be_proxied(host: &str) -> Result<(), Status> {
    let unknown = |_| Status::bad_request(format!("lookup {host}: no such host"));
    let addresses = tokio::net::lookup_host((host, 0)).await.map_err(unknown)?;
    let mut any = false;
    for address in addresses {
        if !is_global_unicast(&address.ip().to_canonical()) {
            return Err(Status::bad_request("address not allowed"));
        }
        any = true;
    }
    if any { Ok(()) } else { Err(Status::bad_request("no addresses for hostname")) }
}
