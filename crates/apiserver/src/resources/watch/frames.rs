//! The lines of a watch: as the engine framed them, or around another view of the object.

use bytes::Bytes;
use ironclad_api::status::Status;
use ironclad_api::table::{MetaVersion, partial, partial_object};
use ironclad_api::{Object, json, protobuf};
use ironclad_engine::codec::frame_served;
use ironclad_engine::table::{self, TableOptions};
use ironclad_engine::{EventType, Served, WatchEvent};
use ironclad_env::Env;

use crate::negotiate::{Accepted, Conversion, Encoding, Target};
use crate::resources::{Asked, views};
use crate::server::Shared;

pub struct Frames {
    view: View,
    pub encoding: Encoding,
}

enum View {
    Whole,
    Partial(MetaVersion),
    Table { env: Env, options: TableOptions<'static> },
}

impl Frames {
    pub fn new(shared: &Shared, asked: &Asked<'_>, accepted: &Accepted) -> Result<Self, Status> {
        let view = match &accepted.conversion {
            Some(conversion) => View::new(shared, asked, conversion)?,
            None => View::Whole,
        };
        Ok(Self { view, encoding: accepted.encoding })
    }

    /// The line of an event, or its frame with its length before it.
    pub fn line(&mut self, served: &Served, event: &WatchEvent) -> Bytes {
        match self.encoding {
            Encoding::Protobuf => self.view.frame(served, event).into(),
            _ => self.view.line(served, event),
        }
    }
}

impl View {
    fn new(shared: &Shared, asked: &Asked<'_>, conversion: &Conversion) -> Result<Self, Status> {
        let version = views::meta_version(conversion);
        Ok(match conversion.target {
            Target::Table => {
                let options = views::table_options(shared, asked, version)?;
                Self::Table { env: shared.env.clone(), options }
            }
            Target::PartialObjectMetadata => Self::Partial(version),
            // A list is no view of one object; upstream falls back to the object itself.
            Target::PartialObjectMetadataList | Target::GroupDiscovery => Self::Whole,
        })
    }

    /// A line of JSON, shared with every other watcher of whole objects. Errors are never
    /// anything but a Status.
    fn line(&mut self, served: &Served, event: &WatchEvent) -> Bytes {
        match self {
            _ if event.event == EventType::Error => event.frame.clone(),
            Self::Whole => event.frame.clone(),
            Self::Partial(version) => {
                let json = event.entry.as_ref().map_or(event.object_json(), |entry| &entry.json);
                match partial(json, *version) {
                    Some(partial) => frame_served(event.event, partial.get().as_bytes()),
                    None => event.frame.clone(),
                }
            }
            Self::Table { env, options } => {
                options.now = env.now();
                let table = match &event.entry {
                    Some(entry) => table::of_entry(served, entry, options),
                    None => table::of_bookmark(served, &tree(event), options),
                };
                // The client knows the columns after the first event.
                options.with_columns = false;
                frame_served(event.event, &json::encode(&table))
            }
        }
    }

    /// A frame of protobuf, around the message that the object's entry keeps.
    fn frame(&self, served: &Served, event: &WatchEvent) -> Vec<u8> {
        let object = match (&event.entry, self) {
            (Some(entry), Self::Whole) => {
                let gvk = &served.gvk;
                entry.protobuf().map(|raw| protobuf::envelope(&gvk.api_version(), &gvk.kind, &raw))
            }
            (_, Self::Partial(version)) if event.event != EventType::Error => {
                protobuf::encode(&partial_object(&tree(event), *version))
            }
            _ => protobuf::encode(&tree(event)),
        };
        let failed = |error| {
            let status = Object::from_typed(&Status::internal_error(error)).unwrap_or_default();
            (EventType::Error, protobuf::encode(&status).unwrap_or_default())
        };
        let (event, object) = object.map_or_else(failed, |object| (event.event, object));
        protobuf::watch_frame(event.as_str(), &object)
    }
}

/// The event's object, from its line.
fn tree(event: &WatchEvent) -> Object {
    serde_json::from_slice(event.object_json()).unwrap_or_default()
}
