//! What a watch yields.

use std::sync::Arc;

use bytes::Bytes;
use ironclad_api::Entry;
use ironclad_api::status::Status;

use crate::cache::log::Record;
use crate::codec::{self, EventType};
use crate::read::select::Selection;
use crate::registry::Served;

/// The annotation of the bookmark that ends a watch's initial events.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// One event of a watch.
#[derive(Clone)]
pub struct WatchEvent {
    pub event: EventType,
    pub revision: u64,
    /// The object, for encodings other than plain JSON; `None` for bookmarks and errors.
    pub entry: Option<Arc<Entry>>,
    /// The whole line as JSON watches carry it, newline included.
    pub frame: Bytes,
}

impl WatchEvent {
    /// An object that was there when the watch began.
    pub(super) fn initial(entry: Arc<Entry>) -> Self {
        Self::framed(EventType::Added, entry)
    }

    /// What a change is to a watcher with this selection; `None` if it does not concern it.
    pub(super) fn of(record: &Record, selection: &Selection) -> Option<Self> {
        let revision = record.revision();
        let event =
            |event, entry: &Arc<Entry>, frame| Self { event, revision, entry: Some(entry.clone()), frame };
        let whole = || Some(event(record.event, &record.entry, record.frame.clone()));
        let is = selection.matches(&record.entry);
        match (record.event, &record.old) {
            (EventType::Modified, Some(old)) => match (selection.matches(old), is) {
                (true, true) => whole(),
                (false, true) => Some(event(EventType::Added, &record.entry, record.entered())),
                (true, false) => {
                    let (entry, frame) = record.left(old);
                    Some(event(EventType::Deleted, &entry, frame))
                }
                (false, false) => None,
            },
            _ if is => whole(),
            _ => None,
        }
    }

    pub(super) fn bookmark(served: &Served, revision: u64, initial_events_end: bool) -> Self {
        let annotations = match initial_events_end {
            true => format!(r#","annotations":{{"{INITIAL_EVENTS_END}":"true"}}"#),
            false => String::new(),
        };
        let (kind, version) = (&served.gvk.kind, served.gvk.api_version());
        let json = format!(
            r#"{{"kind":"{kind}","apiVersion":"{version}","metadata":{{"resourceVersion":"{revision}"{annotations}}}}}"#
        );
        let frame = codec::frame_served(EventType::Bookmark, json.as_bytes());
        Self { event: EventType::Bookmark, revision, entry: None, frame }
    }

    pub(super) fn error(status: &Status) -> Self {
        let frame = codec::frame_served(EventType::Error, &status.to_json());
        Self { event: EventType::Error, revision: 0, entry: None, frame }
    }

    /// The object of a bookmark or an error as JSON: the frame without its wrapping.
    pub fn object_json(&self) -> &[u8] {
        let start = r#"{"type":"","object":"#.len() + self.event.as_str().len();
        self.frame.get(start..self.frame.len().saturating_sub(2)).unwrap_or_default()
    }

    /// The entry, if it is in another version than the one watched.
    pub(super) fn entry_to_convert(&self, served: &Served) -> Option<Arc<Entry>> {
        let entry = self.entry.as_ref()?;
        let wanted = codec::api_version(&entry.json).is_some_and(|version| is_version(served, version));
        (!wanted).then(|| entry.clone())
    }

    /// The same event about the object in another version.
    pub(super) fn converted(&self, entry: Arc<Entry>) -> Self {
        Self { revision: self.revision, ..Self::framed(self.event, entry) }
    }

    fn framed(event: EventType, entry: Arc<Entry>) -> Self {
        let frame = codec::frame_served(event, &entry.json);
        Self { event, revision: entry.revision, entry: Some(entry), frame }
    }
}

/// Compares without making the text of the version.
fn is_version(served: &Served, api_version: &str) -> bool {
    let (group, version) = (&*served.gvk.group, &*served.gvk.version);
    match api_version.split_once('/') {
        Some((g, v)) => g == group && v == version,
        None => group.is_empty() && api_version == version,
    }
}
