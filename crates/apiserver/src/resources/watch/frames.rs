//! The lines of a watch: as the engine framed them, or around another view of the object.

use bytes::Bytes;
use ironclad_api::Object;
use ironclad_api::json;
use ironclad_api::status::Status;
use ironclad_api::table::{MetaVersion, partial};
use ironclad_engine::codec::frame_served;
use ironclad_engine::table::{self, TableOptions};
use ironclad_engine::{EventType, Served, WatchEvent};
use ironclad_env::Env;

use crate::negotiate::{Accepted, Target};
use crate::resources::{Asked, views};
use crate::server::Shared;

pub enum Frames {
    /// Shared with every other watcher.
    Whole,
    Partial(MetaVersion),
    Table {
        env: Env,
        options: TableOptions<'static>,
    },
}

impl Frames {
    pub fn new(shared: &Shared, asked: &Asked<'_>, accepted: &Accepted) -> Result<Self, Status> {
        let Some(conversion) = &accepted.conversion else { return Ok(Self::Whole) };
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

    /// The line of an event. Errors are never anything but a Status.
    pub fn line(&mut self, served: &Served, event: &WatchEvent) -> Bytes {
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
                    None => table::of_bookmark(served, &bookmark(event), options),
                };
                // The client knows the columns after the first event.
                options.with_columns = false;
                frame_served(event.event, &json::encode(&table))
            }
        }
    }
}

fn bookmark(event: &WatchEvent) -> Object {
    serde_json::from_slice(event.object_json()).unwrap_or_default()
}
