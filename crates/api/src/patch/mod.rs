//! The patch types of the API: JSON patch, JSON merge patch and strategic merge patch, each
//! a function from a document and a patch to the patched document. Server-side apply is in
//! [`crate::apply`].
//!
//! Nothing here knows a kind; a strategic merge patch is told the schema. The result is not
//! checked against the schema: the caller decodes it as it would a request's body.

mod conversion;
mod error;
mod json_patch;
mod json_pointer;
mod merge_patch;
mod strategic;
mod strategic_list;
mod strategic_order;

pub use conversion::conversion_error;
pub use error::{PatchError, go_value};
pub use json_patch::{JsonPatch, MAX_COPY_BYTES, MAX_OPERATIONS, json_patch};
pub use merge_patch::merge_patch;
pub use strategic::strategic;

#[cfg(test)]
mod tests;
