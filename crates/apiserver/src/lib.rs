//! The HTTP shell over the engine: connections, requests, content, streams. It decides
//! nothing about objects, and but for [`connect`] and [`aggregation`] it names no kind.
//!
//! - [`listen`]: TCP, TLS, HTTP/1.1 and HTTP/2 with their limits.
//! - [`pipeline`]: what happens to every request, from top to bottom.
//! - [`request_info`], [`negotiate`]: what a request is about, and in which form.
//! - [`authenticate`], [`impersonate`], [`fairness`], [`audit`]: steps of the pipeline.
//! - [`streams`]: bodies that are made while they are written, bounded in time.
//! - [`resources`]: to the engine and back; [`connect`]: to nodes, pods and services;
//!   [`aggregation`]: to servers that serve groups of their own.
//! - [`discovery`], [`openapi`]: derived from the engine's registry.
//! - [`routes`]: all other paths; [`health`], [`metrics`], [`version`], [`zpages`].
//! - [`server`]: all of it as one value; [`in_process`]: the way in without HTTP.

mod aggregation;
pub mod audit;
pub mod authenticate;
mod body;
pub mod connect;
mod discovery;
mod fairness;
pub mod health;
mod impersonate;
pub mod in_process;
mod listen;
mod metrics;
mod negotiate;
mod openapi;
mod pipeline;
mod reply;
mod request_info;
mod resources;
mod routes;
pub mod server;
mod streams;
mod traces;
mod url;
pub mod version;
mod warnings;
mod websocket;
mod zpages;

pub use aggregation::Settings as Aggregation;
pub use authenticate::FrontProxy;
pub use connect::Backends;
pub use health::Check;
pub use in_process::InProcess;
pub use server::{Config, Oidc, Parts, Server, StartError, StoredBytes};
pub use version::Version;
