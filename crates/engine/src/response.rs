//! What a request is answered with.

use std::sync::Arc;

use ironclad_api::status::Status;
use ironclad_api::{Entry, Object};

use crate::read::list::List;
use crate::watch::Watch;

/// An answer, in the form that costs least to write.
pub enum Response {
    /// A stored object: its bytes are written as they are.
    Entry {
        entry: Arc<Entry>,
        created: bool,
    },
    /// An object that is not stored as it stands here: dry runs, scales, actions.
    Object {
        object: Object,
        created: bool,
    },
    List(List),
    Watch(Box<Watch>),
    /// A finished delete.
    Status(Status),
}

impl Response {
    /// The HTTP status code.
    pub fn code(&self) -> u16 {
        match self {
            Self::Entry { created: true, .. } | Self::Object { created: true, .. } => 201,
            Self::Status(status) if status.code != 0 => status.code,
            _ => 200,
        }
    }

    /// The answer as a tree; `None` for watches.
    pub fn into_object(self) -> Option<Object> {
        match self {
            Self::Entry { entry, .. } => Some(entry.object()),
            Self::Object { object, .. } => Some(object),
            Self::List(list) => Some(list.object()),
            Self::Status(status) => Object::from_typed(&status).ok(),
            Self::Watch(_) => None,
        }
    }
}
