//! The engine's responses in the form that a client asked for.
//!
//! Objects and lists in JSON are the stored bytes; everything else is made from trees.
//! Lists in every form but YAML and indented JSON are made while they are written.

mod spread;

use std::sync::Arc;

use bytes::Bytes;
use ironclad_api::params::{IncludeObject, TableOptions};
use ironclad_api::protobuf::EncodeError;
use ironclad_api::status::Status;
use ironclad_api::table::{MetaVersion, partial, partial_object};
use ironclad_api::{Entry, GroupVersionKind, ListMeta, Object, json, protobuf};
use ironclad_engine::table::{self, TableOptions as Engine};
use ironclad_engine::{List, Response, SchemaRef, Served};
use serde_json::Value;
use serde_json::value::RawValue;

use self::spread::spread;
use super::Asked;
use crate::negotiate::{Accepted, Conversion, Encoding, Target};
use crate::reply::{self, Pieces, Reply, accepts_gzip};
use crate::server::Shared;

/// The reply to everything but watches.
pub fn reply(
    shared: &Shared,
    asked: &Asked<'_>,
    accepted: &Accepted,
    response: Response,
) -> Result<Reply, Status> {
    let code = response.code();
    let view = View { shared, asked, accepted, gzip: accepts_gzip(&asked.parts.headers) };
    match response {
        Response::List(list) => view.list(list),
        Response::Status(status) => Ok(reply::value(code, accepted, &status)),
        Response::Entry { entry, .. } => view.entry(code, &entry),
        Response::Object { object, .. } => view.object(code, object),
        Response::Watch(_) => Err(Status::internal_error("a watch where an object was asked for")),
    }
}

struct View<'a> {
    shared: &'a Shared,
    asked: &'a Asked<'a>,
    accepted: &'a Accepted,
    gzip: bool,
}

impl View<'_> {
    /// Whether stored bytes can be written as they are.
    fn is_verbatim(&self) -> bool {
        self.accepted.encoding == Encoding::Json && !self.accepted.pretty
    }

    fn pieces(&self, code: u16, pieces: Pieces) -> Reply {
        reply::pieces(code, self.accepted.encoding.media_type(), pieces, self.gzip)
    }

    fn bytes(&self, code: u16, bytes: Bytes) -> Reply {
        self.pieces(code, Box::new([bytes, Bytes::from_static(b"\n")].into_iter()))
    }

    fn tree<T: serde::Serialize + ?Sized>(&self, code: u16, tree: &T) -> Result<Reply, Status> {
        let encoded = reply::encode(self.accepted, tree).map_err(Status::internal_error)?;
        Ok(self.pieces(code, Box::new(std::iter::once(Bytes::from(encoded)))))
    }

    // === one object ===

    fn entry(&self, code: u16, entry: &Arc<Entry>) -> Result<Reply, Status> {
        let Some(conversion) = &self.accepted.conversion else {
            return match self.is_verbatim() {
                true => Ok(self.bytes(code, entry.json.clone())),
                false => self.tree(code, &entry.object()),
            };
        };
        let version = meta_version(conversion);
        match conversion.target {
            Target::Table => {
                let table = table::of_entry(&self.asked.served, entry, &self.table(version)?);
                self.tree(code, &table)
            }
            Target::PartialObjectMetadata => match partial(&entry.json, version) {
                Some(raw) if self.is_verbatim() => Ok(self.bytes(code, raw_bytes(&raw))),
                _ => self.tree(code, &partial_object(&entry.object(), version)),
            },
            Target::PartialObjectMetadataList | Target::GroupDiscovery => Err(self.not_a_list()),
        }
    }

    fn object(&self, code: u16, object: Object) -> Result<Reply, Status> {
        if self.accepted.conversion.is_none() || object.kind() == "Status" {
            return self.tree(code, &object);
        }
        // Views read entries; this one exists for the moment only.
        let key = object.key();
        let revision = object.resource_version().parse().unwrap_or(0);
        let meta = ironclad_api::entry::EntryMeta { key, ..Default::default() };
        self.entry(code, &Arc::new(Entry::new(meta, revision, json::encode(&object).into())))
    }

    fn not_a_list(&self) -> Status {
        let go_type = self.go_type("");
        not_acceptable(format!(
            "you requested PartialObjectMetadataList, but the requested object is not a list ({go_type})"
        ))
    }

    // === lists ===

    fn list(&self, list: List) -> Result<Reply, Status> {
        let Some(conversion) = &self.accepted.conversion else {
            return match self.accepted.encoding {
                Encoding::Protobuf => Ok(self.pieces(200, messages(list).map_err(Status::internal_error)?)),
                _ if self.is_verbatim() => Ok(self.pieces(200, whole(list))),
                _ => self.spread(list, "items", List::object, |list| {
                    let served = list.served.clone();
                    Box::new(move |entry| untyped_tree(&served, entry))
                }),
            };
        };
        let version = meta_version(conversion);
        match (conversion.target, self.is_verbatim()) {
            (Target::Table, true) => Ok(self.pieces(200, table_rows(list, self.table(version)?))),
            (Target::Table, false) => {
                let (options, frame) = (self.table(version)?, self.table(version)?);
                let table = |list: &List| table::of_list(list, &frame);
                self.spread(list, "rows", table, |list| {
                    let (served, options) = (list.served.clone(), options);
                    Box::new(move |entry| table::row(&served, entry, &options))
                })
            }
            (Target::PartialObjectMetadataList, true) => Ok(self.pieces(200, partials(list, version))),
            (Target::PartialObjectMetadataList, false) => {
                let partials = |list: &List| table::partial_list(list, version.api_version());
                self.spread(list, "items", partials, |_| {
                    Box::new(move |entry| partial_object(&entry.object(), version).into_value())
                })
            }
            _ => {
                let go_type = self.go_type("List");
                Err(not_acceptable(format!(
                    "you requested PartialObjectMetadata, but the requested object is a list ({go_type})"
                )))
            }
        }
    }

    /// A list of trees, written item by item. `frame` makes the whole of the list, `items` what makes an item.
    fn spread(
        &self,
        mut list: List,
        key: &str,
        frame: impl Fn(&List) -> Object,
        items: impl FnOnce(&List) -> Box<dyn Fn(&Entry) -> Value + Send>,
    ) -> Result<Reply, Status> {
        let entries = std::mem::take(&mut list.entries);
        let empty = frame(&list);
        if entries.is_empty() {
            return self.tree(200, &empty);
        }
        let item = items(&list);
        let items = entries.into_iter().map(move |entry| item(&entry));
        Ok(self.pieces(200, spread(&empty, key, self.accepted, items)?))
    }

    fn table(&self, version: MetaVersion) -> Result<Engine<'static>, Status> {
        table_options(self.shared, self.asked, version)
    }

    /// As Go prints the type of the kind, for messages.
    fn go_type(&self, suffix: &str) -> String {
        let gvk = &self.asked.served.gvk;
        let package = match gvk.group.split('.').next().unwrap_or_default() {
            "" => "core",
            package => package,
        };
        match self.asked.is_builtin() {
            true => format!("*{package}.{}{suffix}", gvk.kind),
            false => format!("*unstructured.Unstructured{suffix}"),
        }
    }
}

fn not_acceptable(message: String) -> Status {
    let mut status = Status::not_acceptable(&[]);
    status.message = message;
    status
}

pub fn meta_version(conversion: &Conversion) -> MetaVersion {
    MetaVersion::parse(conversion.version).unwrap_or(MetaVersion::V1)
}

/// How a table is to be made, by the query.
pub fn table_options(
    shared: &Shared,
    asked: &Asked<'_>,
    version: MetaVersion,
) -> Result<Engine<'static>, Status> {
    let include = match TableOptions::from_query(asked.query)?.include_object {
        IncludeObject::None => table::IncludeObject::None,
        IncludeObject::Metadata => table::IncludeObject::Metadata,
        IncludeObject::Object => table::IncludeObject::Object,
    };
    let now = shared.env.now();
    Ok(Engine { api_version: version.api_version(), include, with_columns: true, now })
}

fn raw_bytes(raw: &RawValue) -> Bytes {
    Bytes::copy_from_slice(raw.get().as_bytes())
}

// === lists in pieces ===

/// A head, the items with commas between them, and a tail.
fn joined(head: String, items: impl Iterator<Item = Bytes> + Send + 'static, tail: &'static str) -> Pieces {
    let separated = items.enumerate().flat_map(|(at, item)| {
        let comma = if at == 0 { Bytes::new() } else { Bytes::from_static(b",") };
        [comma, item]
    });
    let tail = std::iter::once(Bytes::from_static(tail.as_bytes()));
    Box::new(std::iter::once(Bytes::from(head)).chain(separated).chain(tail))
}

fn whole(list: List) -> Pieces {
    let head = list.head();
    if matches!(list.served.schema(), SchemaRef::Custom(_)) {
        return joined(head, list.entries.into_iter().map(|entry| entry.json.clone()), List::TAIL);
    }
    let kind = kind_members(&list.served.gvk);
    let items = list.entries.into_iter().enumerate().flat_map(move |(at, entry)| untyped(at, &entry, &kind));
    let tail = std::iter::once(Bytes::from_static(List::TAIL.as_bytes()));
    Box::new(std::iter::once(Bytes::from(head)).chain(items).chain(tail))
}

/// An item as a tree.
fn untyped_tree(served: &Served, entry: &Entry) -> Value {
    let mut object = entry.object();
    if matches!(served.schema(), SchemaRef::Builtin(_)) {
        object.0.remove("kind");
        object.0.remove("apiVersion");
    }
    object.into_value()
}

/// How the bytes of every object of a kind begin.
fn kind_members(gvk: &GroupVersionKind) -> String {
    format!(r#"{{"kind":"{}","apiVersion":"{}","#, gvk.kind, gvk.api_version())
}

/// An item of a list of built-in objects, which leaves out what the list's own kind says. It is shared
/// with the cache: nothing is copied but the brace, which comes with the comma before it.
fn untyped(at: usize, entry: &Entry, kind: &str) -> [Bytes; 2] {
    let (comma, brace) = if at == 0 { ("", "{") } else { (",", ",{") };
    match entry.json.starts_with(kind.as_bytes()) {
        true => [Bytes::from_static(brace.as_bytes()), entry.json.slice(kind.len()..)],
        false => [Bytes::from_static(comma.as_bytes()), entry.json.clone()],
    }
}

/// The same in protobuf, which says how long it is before it begins.
fn messages(list: List) -> Result<Pieces, EncodeError> {
    let items = list.entries.iter().map(|entry| entry.protobuf()).collect::<Result<_, _>>()?;
    let (kind, version) = (list.served.strategy().list_kind(), list.served.gvk.api_version());
    Ok(Box::new(protobuf::list(&version, &kind, &list.meta, items)?))
}

fn table_rows(list: List, options: Engine<'static>) -> Pieces {
    let List { served, meta, entries } = list;
    let columns = table::columns(served.columns());
    let head = format!(
        r#"{{"kind":"Table","apiVersion":"{}","metadata":{},"columnDefinitions":{columns},"rows":["#,
        options.api_version,
        meta_json(&meta),
    );
    let row = move |entry: Arc<Entry>| row(&served, &entry, &options);
    joined(head, entries.into_iter().map(row), List::TAIL)
}

fn row(served: &Served, entry: &Entry, options: &Engine<'_>) -> Bytes {
    json::encode(&table::row(served, entry, options)).into()
}

fn partials(list: List, version: MetaVersion) -> Pieces {
    let head = format!(
        r#"{{"kind":"PartialObjectMetadataList","apiVersion":"{}","metadata":{},"items":["#,
        version.api_version(),
        meta_json(&list.meta),
    );
    let item = move |entry: Arc<Entry>| match partial(&entry.json, version) {
        Some(raw) => raw_bytes(&raw),
        None => json::encode(&partial_object(&entry.object(), version)).into(),
    };
    joined(head, list.entries.into_iter().map(item), List::TAIL)
}

fn meta_json(meta: &ListMeta) -> String {
    serde_json::to_string(meta).unwrap_or_default()
}
