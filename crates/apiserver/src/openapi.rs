//! `/openapi/v2` and `/openapi/v3`: made when somebody asks, kept while somebody might ask
//! again, and dropped when nobody does: the documents are larger than everything else here.
//! Source: <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition>

mod shelf;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, ETAG, IF_NONE_MATCH, LOCATION, VARY};
use ironclad_api::gvk::Name;
use ironclad_api::openapi::{self, Custom, Resource, Subresource};
use ironclad_api::params::Query;
use ironclad_api::status::Status;
use ironclad_api::{GroupVersion, json};
use ironclad_engine::{Kinds, SchemaRef, Served};
use ironclad_env::Env;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::aggregation::Aggregation;
use crate::health::not_found;
use crate::negotiate::header;
use crate::reply::{self, Reply, accepts_gzip};

use shelf::Shelf;

const TITLE: &str = "Kubernetes";
const JSON: &str = "application/json";

/// Documents that are named by a hash never change.
const FOREVER: &str = "public, immutable, max-age=31536000";

pub struct OpenApi {
    version: String,
    shelf: Shelf,
}

/// What a document is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Wanted {
    V3(GroupVersion),
    V2,
    /// v2 in protobuf, for older tools.
    V2Protobuf,
}

impl OpenApi {
    /// `version` is that of the API; it stands in every document.
    pub fn new(env: Env, version: String) -> Self {
        Self { version, shelf: Shelf::new(env) }
    }

    /// The list of v3 documents. Their hashes are of what they are derived from, so that the
    /// list can be written without making any of them.
    pub fn v3_index(&self, kinds: &Kinds, aggregation: Option<&Aggregation>) -> Reply {
        let mut paths = BTreeMap::new();
        for (group_version, resources) in by_group_version(kinds) {
            let path = path(&group_version);
            let url = format!("/openapi/v3/{path}?hash={}", self.hash(&resources));
            paths.insert(path, serde_json::json!({ "serverRelativeURL": url }));
        }
        // Other servers' documents are read where they are.
        for (group_version, document) in aggregation.map(Aggregation::documents).unwrap_or_default().iter() {
            match document.openapi.as_str() {
                "" => drop(paths.remove(&path(group_version))),
                url => {
                    drop(paths.insert(path(group_version), serde_json::json!({ "serverRelativeURL": url })))
                }
            }
        }
        let accepted = crate::negotiate::Accepted::default();
        reply::value(200, &accepted, &serde_json::json!({ "paths": paths }))
    }

    /// A v3 document; `name` is `api/v1` or `apis/GROUP/VERSION`.
    pub async fn v3(
        &self,
        kinds: &Arc<Kinds>,
        name: &str,
        query: &Query,
        headers: &HeaderMap,
    ) -> Result<Reply, Status> {
        let found =
            by_group_version(kinds).into_iter().find(|(group_version, _)| path(group_version) == name);
        let Some((group_version, resources)) = found else { return Ok(not_found()) };
        if !accepts(headers, JSON) {
            return Ok(reply::text(406, ""));
        }
        let hash = self.hash(&resources);
        let asked = query.text("hash");
        if !asked.is_empty() && asked != hash {
            let mut moved = reply::text(301, "");
            reply::set(&mut moved, LOCATION, &format!("/openapi/v3/{name}?hash={hash}"));
            return Ok(moved);
        }
        let mut reply = match is_known(headers, &hash) {
            true => not_modified(),
            false => reply_with(JSON, self.document(kinds, Wanted::V3(group_version)).await?, headers),
        };
        label(&mut reply, &hash);
        if !asked.is_empty() {
            reply::set(&mut reply, CACHE_CONTROL, FOREVER);
        }
        Ok(reply)
    }

    /// The v2 document, in JSON or protobuf.
    pub async fn v2(&self, kinds: &Arc<Kinds>, headers: &HeaderMap) -> Result<Reply, Status> {
        let all: Vec<&Served> = kinds.all_served().collect();
        let hash = self.hash(&sorted(all));
        if is_known(headers, &hash) {
            let mut reply = not_modified();
            label(&mut reply, &hash);
            return Ok(reply);
        }
        let protobuf = openapi::protobuf::MEDIA_TYPE;
        // JSON unless protobuf is what the client names first, as kubectl did.
        let (media_type, wanted) = match header(headers, &ACCEPT)
            .trim_start()
            .starts_with("application/com.github.proto-openapi.spec.v2")
        {
            true => (protobuf, Wanted::V2Protobuf),
            false if accepts(headers, JSON) => (JSON, Wanted::V2),
            false => return Ok(reply::text(406, "")),
        };
        let mut reply = reply_with(media_type, self.document(kinds, wanted).await?, headers);
        label(&mut reply, &hash);
        Ok(reply)
    }

    async fn document(&self, kinds: &Arc<Kinds>, wanted: Wanted) -> Result<Bytes, Status> {
        let (made_of, version, what) = (kinds.clone(), self.version.clone(), wanted.clone());
        self.shelf.get(kinds, wanted, move || make(&made_of, &what, &version)).await
    }

    /// Of everything that the document of these resources depends on.
    fn hash(&self, resources: &[&Served]) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.version);
        hash.update(env!("CARGO_PKG_VERSION"));
        for served in resources {
            let spec = served.kind.spec();
            hash.update(format!("{}\n{}\n{:?}\n", served.gvk, spec.resource, spec.verbs));
            for subresource in served.subresources() {
                hash.update(format!("{} {:?} {:?}\n", subresource.name, subresource.kind, subresource.verbs));
            }
            if let Some(custom) = custom(served) {
                hash.update(format!("{} {:?}\n", custom.list_kind, custom.selectable));
                hash.update(json::encode(&custom.schema.published));
            }
        }
        hash.finalize().iter().fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02X}");
            text
        })
    }
}

/// Makes a document; takes up to a second for the whole of v2.
fn make(kinds: &Kinds, wanted: &Wanted, version: &str) -> Vec<u8> {
    let document = |wanted: &Wanted| -> Value {
        match wanted {
            Wanted::V3(group_version) => {
                let groups = by_group_version(kinds);
                let served = groups.get(group_version).map(Vec::as_slice).unwrap_or_default();
                let resources: Vec<Resource<'_>> = served.iter().map(|served| resource(served)).collect();
                openapi::v3(group_version, &resources, TITLE, version)
            }
            Wanted::V2 | Wanted::V2Protobuf => {
                let all = sorted(kinds.all_served().collect());
                let resources: Vec<Resource<'_>> = all.into_iter().map(resource).collect();
                openapi::v2(&resources, TITLE, version)
            }
        }
    };
    match wanted {
        Wanted::V2Protobuf => openapi::protobuf::encode(&document(wanted)),
        _ => json::encode(&document(wanted)),
    }
}

fn resource(served: &Served) -> Resource<'_> {
    let spec = served.kind.spec();
    let subresources = served.subresources().iter().map(|subresource| Subresource {
        name: &subresource.name,
        gvk: subresource.kind.clone().unwrap_or_else(|| served.gvk.clone()),
        verbs: subresource.verbs,
    });
    Resource {
        gvk: served.gvk.clone(),
        plural: &spec.resource,
        namespaced: served.kind.is_namespaced(),
        verbs: spec.verbs,
        subresources: subresources.collect(),
        custom: custom(served),
    }
}

fn custom(served: &Served) -> Option<Custom<'_>> {
    let SchemaRef::Custom(schema) = served.schema() else { return None };
    let (spec, version) = (served.kind.spec(), served.gvk.group_version());
    let offered = |name: &Name| served.strategy().field_label(&version, name).is_some();
    let fields = spec.selectable.iter().map(|field| &field.name).filter(|name| offered(name));
    Some(Custom {
        schema,
        plural: &spec.resource,
        list_kind: served.strategy().list_kind().into_owned(),
        selectable: fields.map(Name::to_string).collect(),
    })
}

fn by_group_version(kinds: &Kinds) -> BTreeMap<GroupVersion, Vec<&Served>> {
    let mut groups: BTreeMap<GroupVersion, Vec<&Served>> = BTreeMap::new();
    for served in sorted(kinds.all_served().collect()) {
        groups.entry(served.gvr.group_version()).or_default().push(served);
    }
    groups
}

fn sorted(mut all: Vec<&Served>) -> Vec<&Served> {
    all.sort_by(|a, b| a.gvr.cmp(&b.gvr));
    all
}

fn path(group_version: &GroupVersion) -> String {
    match &*group_version.group {
        "" => format!("api/{}", group_version.version),
        group => format!("apis/{group}/{}", group_version.version),
    }
}

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let accept = header(headers, &ACCEPT);
    let takes = |clause: &str| {
        let wanted = clause.split(';').next().unwrap_or_default().trim();
        wanted == media_type || matches!(wanted, "*/*" | "application/*")
    };
    accept.is_empty() || accept.split(',').any(takes)
}

fn is_known(headers: &HeaderMap, hash: &str) -> bool {
    header(headers, &IF_NONE_MATCH).trim_matches('"') == hash
}

fn not_modified() -> Reply {
    let mut reply = reply::bytes(304, JSON, Bytes::new());
    reply.headers_mut().clear();
    reply
}

fn reply_with(media_type: &'static str, document: Bytes, headers: &HeaderMap) -> Reply {
    reply::pieces(200, media_type, Box::new(std::iter::once(document)), accepts_gzip(headers))
}

fn label(reply: &mut Reply, hash: &str) {
    reply::set(reply, ETAG, &format!("\"{hash}\""));
    reply::set(reply, VARY, "Accept");
}
