//! The API over HTTPS: a [`Client`](ironclad_client::Client) and a list+watch
//! [`Cache`](ironclad_client::Cache) for processes that are not the server.

mod cache;
mod client;
mod contents;
mod metrics;
mod path;
mod watch;

pub use cache::{RemoteCache, WatchSpec};
pub use client::{RemoteClient, RemoteError};
