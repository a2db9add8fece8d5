//! The Container Runtime Interface (CRI v1): what a node agent asks of containerd or any other runtime.
//!
//! * [`Cri`] is the seam: an object-safe trait with one method per call. The node agent holds an
//!   `Arc<dyn Cri>`; the simulator and tests put a fake behind it.
//! * [`CriClient`] implements it with gRPC over a unix socket.
//! * [`v1`] holds the messages, generated from `proto/cri.proto` by `cargo xtask proto`.
//!
//! Absent on purpose: any decision. Retries, back-off and what to do about an error belong to the caller.

mod call;
mod client;
pub mod containerd;
mod deadlines;
mod error;
mod redact;
mod runtime;

/// The messages of the contract. Generated: edit `proto/cri.proto` and run `cargo xtask proto`.
#[allow(clippy::all)]
#[rustfmt::skip]
#[path = "generated/runtime.v1.rs"]
pub mod v1;

pub use client::CriClient;
pub use deadlines::Deadlines;
pub use error::CriError;
pub use runtime::{Cri, CriFuture, EventStream};
pub use tonic::Code;
