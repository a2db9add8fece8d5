//! The Kubernetes vocabulary as pure data: names of kinds, objects, Status
//! errors, selectors, quantities, codecs and patches. No I/O, no clock, no
//! entropy, and no knowledge of any one kind.

pub mod entry;
pub mod gvk;
pub mod object;

pub use entry::Entry;
pub use gvk::{GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource};
pub use object::{Object, ObjectKey};
