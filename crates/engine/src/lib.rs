//! The generic resource engine: everything about objects that is the same for
//! every kind, written once. It names no kind and knows no HTTP.
//!
//! - [`strategy`]: what a kind supplies (data and a few functions).
//! - [`gate`]: who may do what, and what else has a say (authorization, admission).
//! - [`engine`]: from a request to its [`response`].
//! - [`registry`]: the kinds that are served, exchangeable at run time.
//! - [`cache`]: the one copy of the cluster's state; [`codec`]: objects as bytes.
//! - [`read`], [`watch`], [`write`], [`scale`], [`table`]: the verbs and views.
//! - [`inside`]: what kinds' own functions may do, and the in-process client.

pub mod cache;
pub mod codec;
mod compaction;
pub mod engine;
mod expiry;
pub mod gate;
pub mod inside;
pub mod read;
pub mod registry;
pub mod response;
mod scale;
pub mod shape;
pub mod strategy;
pub mod table;
pub mod watch;
mod write;

pub use codec::{AtRest, AtRestError, EventType};
pub use engine::{Engine, Parts};
pub use gate::{
    Admission, AdmissionOperation, AdmissionRequest, Attributes, Authorizer, Context, Decision, User,
};
pub use inside::{LocalClient, ServerClient};
pub use read::list::List;
pub use registry::{Kind, Kinds, Registry, Served};
pub use response::Response;
pub use strategy::{
    Column, KindSpec, SchemaRef, Scope, SelectableField, Strategy, Subresource, SubresourceKind, VersionSpec,
};
pub use watch::{Watch, WatchEvent};
