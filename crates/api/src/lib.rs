//! The Kubernetes vocabulary as pure data: names of kinds, objects, Status
//! errors, selectors, quantities, codecs and patches. No I/O, no clock, no
//! entropy, and no knowledge of any one kind.

pub mod apply;
pub mod bootstrap_token;
pub mod cron;
mod decoded;
pub mod duration;
pub mod entry;
pub mod field;
pub mod fields;
pub mod go_regex;
pub mod go_url;
pub mod goprint;
pub mod gvk;
pub mod intstr;
pub mod json;
pub mod labels;
pub mod list_meta;
pub mod names;
pub mod object;
pub mod openapi;
pub mod params;
pub mod patch;
pub mod protobuf;
pub mod prune;
pub mod quantity;
pub mod schema;
pub mod status;
pub mod table;
pub mod ties;
pub mod time;
mod typed;
pub mod validation;
pub mod version;
pub mod yaml;

pub use entry::Entry;
pub use field::{FieldError, FieldErrors, Path};
pub use gvk::{GroupKind, GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource};
pub use list_meta::ListMeta;
pub use object::{Object, ObjectKey};
pub use status::{Cause, Reason, Result, Status};
