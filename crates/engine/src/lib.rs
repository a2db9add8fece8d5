//! The generic resource engine: everything about objects that is the same for
//! every kind, written once. It names no kind and knows no HTTP.
//!
//! - [`strategy`]: what a kind supplies (data and a few functions).
//! - [`gate`]: who may do what, and what else has a say (authorization, admission).

pub mod gate;
pub mod strategy;

pub use gate::{Admission, AdmissionRequest, Attributes, Authorizer, Context, Decision, User};
pub use strategy::{Column, KindSpec, Scope, Strategy, Subresource, SubresourceKind, VersionSpec};
