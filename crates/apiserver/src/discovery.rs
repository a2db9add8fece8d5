//! Which groups, versions and resources there are: derived from the engine's registry,
//! as single documents and as one (`APIGroupDiscoveryList`).
//! Source: <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api>

mod aggregated;
mod groups;
mod legacy;
mod message;

use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY};
use ironclad_api::params::Query;
use ironclad_api::status::Status;
use ironclad_engine::Kinds;
use parking_lot::Mutex;
use serde_json::Value;

use crate::aggregation::Aggregation;
use crate::health::not_found;
use crate::negotiate::accept::{Views, accept};
use crate::negotiate::{Accepted, Encoding, header};
use crate::reply::{self, Reply, accepts_gzip};
use crate::resources::nobody;

use groups::Groups;

/// Serves discovery, and remembers what is expensive to make.
pub struct Discovery {
    /// Where clients reach this server: `10.0.0.1:6443`.
    address: String,
    made: Mutex<Option<Made>>,
}

/// The aggregated documents of one state of the registry.
#[derive(Clone)]
struct Made {
    /// Kept weakly: kinds that are gone take their objects with them.
    kinds: Weak<Kinds>,
    /// Of what other servers serve.
    generation: u64,
    core: Document,
    named: Document,
}

/// A document and its quoted hash.
#[derive(Clone)]
struct Document {
    bytes: Bytes,
    etag: String,
}

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// What an aggregated document in this encoding calls itself.
fn aggregated_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => AGGREGATED,
        Encoding::Yaml => "application/yaml;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        Encoding::Protobuf => {
            "application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        }
    }
}

impl Discovery {
    pub fn new(address: String) -> Self {
        Self { address, made: Mutex::default() }
    }

    /// Answers a discovery path.
    pub fn serve(
        &self,
        kinds: &Arc<Kinds>,
        aggregation: Option<&Aggregation>,
        path: &str,
        query: &Query,
        headers: &HeaderMap,
    ) -> Result<Reply, Status> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        if let [root] = parts.as_slice()
            && let Ok(accepted) = accept(headers, query, Views::Discovery)
        {
            let made = self.made(kinds, aggregation);
            let document = if *root == "api" { made.core } else { made.named };
            return document.reply(&accepted, headers);
        }
        let accepted = accept(headers, query, Views::Plain)?;
        let groups = Groups::of(kinds, aggregation);
        let document = match parts.as_slice() {
            ["api"] => Some(legacy::versions(&groups, &self.address)),
            ["apis"] => Some(legacy::group_list(&groups)),
            ["api", version] => groups.version("", version).map(|version| legacy::resources("", version)),
            ["apis", group] if !group.is_empty() => groups.group(group).map(legacy::group),
            ["apis", group, version] if !group.is_empty() => {
                groups.version(group, version).map(|version| legacy::resources(group, version))
            }
            _ => None,
        };
        match (document, parts.as_slice()) {
            (Some(document), _) => Ok(reply::value(200, &accepted, &document)),
            (None, ["apis", group, ..]) if !group.is_empty() => nobody(kinds, group).into_reply(),
            (None, ["api", ..]) => nobody(kinds, "").into_reply(),
            (None, _) => Ok(not_found()),
        }
    }

    /// The documents of this state of the registry and of the other servers.
    fn made(&self, kinds: &Arc<Kinds>, aggregation: Option<&Aggregation>) -> Made {
        let mut made = self.made.lock();
        let generation = aggregation.map_or(0, Aggregation::generation);
        let is_of = |made: &&Made| made.generation == generation && made.kinds.ptr_eq(&Arc::downgrade(kinds));
        if let Some(made) = made.as_ref().filter(is_of) {
            return made.clone();
        }
        let groups = Groups::of(kinds, aggregation);
        let new = Made {
            kinds: Arc::downgrade(kinds),
            generation,
            core: Document::new(aggregated::list(&groups, |group| group.is_empty())),
            named: Document::new(aggregated::list(&groups, |group| !group.is_empty())),
        };
        *made = Some(new.clone());
        new
    }
}

impl Document {
    fn new(value: impl serde::Serialize) -> Self {
        use sha2::{Digest, Sha512};
        use std::fmt::Write;
        let mut bytes = serde_json::to_vec(&value).unwrap_or_default();
        let mut etag = String::from("\"");
        for byte in Sha512::digest(&bytes) {
            // Writing to a String cannot fail.
            let _ = write!(etag, "{byte:02X}");
        }
        etag.push('"');
        bytes.push(b'\n');
        Self { bytes: bytes.into(), etag }
    }

    /// The hash is that of the JSON in every form, as upstream: clients hold it against the same form only.
    fn reply(self, accepted: &Accepted, headers: &HeaderMap) -> Result<Reply, Status> {
        let mut reply = match header(headers, &IF_NONE_MATCH) == self.etag {
            true => {
                let mut reply = reply::bytes(304, AGGREGATED, Bytes::new());
                reply.headers_mut().clear();
                reply
            }
            false => {
                let once = Box::new(std::iter::once(self.written(accepted)?));
                reply::pieces(200, aggregated_type(accepted.encoding), once, accepts_gzip(headers))
            }
        };
        reply::set(&mut reply, ETAG, &self.etag);
        reply::set(&mut reply, VARY, "Accept");
        reply::set(&mut reply, CACHE_CONTROL, "public");
        Ok(reply)
    }

    fn written(&self, accepted: &Accepted) -> Result<Bytes, Status> {
        if accepted.encoding == Encoding::Json && !accepted.pretty {
            return Ok(self.bytes.clone());
        }
        let tree: Value = serde_json::from_slice(&self.bytes).map_err(Status::internal_error)?;
        Ok(match accepted.encoding {
            Encoding::Protobuf => message::encode(&tree),
            _ => reply::encode(accepted, &tree).map_err(Status::internal_error)?,
        }
        .into())
    }
}

#[cfg(test)]
mod tests;
