//! Who owns which field of an object, and server-side apply, which is built on it.
//!
//! - [`track_update`] records a create, update or patch in `metadata.managedFields`;
//! - [`apply`] merges a configuration and records what its manager now owns;
//! - [`FieldSet`] is a set of paths, in memory and as `fieldsV1`.
//!
//! All is pure: the time is passed in, and so are the other versions of an object ([`Versions`]).

mod atom;
mod compare;
mod configuration;
mod conflict;
mod field_set;
mod last_applied;
pub mod managed;
mod merge;
mod ownership;
mod path;
pub mod scale;
mod server_side;
mod validate;
mod versions;

pub use configuration::merge_configuration;
pub use conflict::{ApplyError, Conflict};
pub use field_set::FieldSet;
pub use managed::keep_times;
pub use ownership::{track_update, track_update_across};
pub use path::{PathElement, PathError};
pub use server_side::{apply, apply_across};
pub use versions::{Alike, Versions};

/// Who writes: a name, the subresource written through (empty for the object itself) and
/// the version the request is in (`apps/v1`).
#[derive(Clone, Copy, Debug)]
pub struct Manager<'a> {
    pub name: &'a str,
    pub subresource: &'a str,
    pub api_version: &'a str,
}

#[cfg(test)]
mod tests;
