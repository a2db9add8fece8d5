//! Where a node's agent listens.

use ironclad_api::goprint::quote;
use ironclad_api::status::Status;
use ironclad_api::{Object, ObjectKey};
use ironclad_client::Cache;
use serde_json::Value;

use super::core_object;
use super::location::{Id, Location, Peer, is_global_unicast};

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
pub fn proxy(cache: &dyn Cache, id: &str) -> Result<Location, Status> {
    let bad = || Status::bad_request(format!("invalid node request {}", quote(id)));
    let id = Id::parse(id).ok_or_else(bad)?;
    let Agent { host, port } = find(cache, id.name)?;
    if host.parse().is_ok_and(|ip| !is_global_unicast(&ip)) {
        return Err(Status::bad_request("address not allowed"));
    }
    if id.port.is_empty() || id.port == port.to_string() {
        return Ok(Location { peer: Peer::Agent, tls: true, host, port, path: String::new() });
    }
    let port = id.port.parse().map_err(|_| bad())?;
    Ok(Location { peer: Peer::Foreign, tls: id.https, host, port, path: String::new() })
}
