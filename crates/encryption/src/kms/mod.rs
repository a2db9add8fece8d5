//! Keys that a key management service keeps: version 2 of upstream's interface, gRPC over a unix socket.
//!
//! ```text
//!   seed (made here, only in memory) ── Encrypt ──► the wrapped seed, stored with every object
//!     └─ HKDF with 32 random bytes ─► one AES-GCM key per object
//! ```
//!
//! The service is asked for its health and its key's id every few seconds. When the id changes, a new seed is
//! wrapped with the new key and used from then on; what was written before is *stale*, and even an update that
//! changes nothing writes it anew. While the service is away, objects are written with the last seed for three
//! minutes, and read for as long as their seed is remembered.
//!
//! Source: <https://kubernetes.io/docs/tasks/administer-cluster/kms-provider/>, KEP-3299.

mod dek;
mod envelope;
mod figures;
mod provider;
mod remembered;
mod rotation;
mod service;
#[cfg(test)]
mod tests;

pub use provider::Kms;

/// The contract's messages. Generated: edit `proto/kms.proto` and run `cargo xtask proto`.
#[allow(clippy::all)]
#[rustfmt::skip]
#[path = "../generated/v2.rs"]
mod v2;

/// The stored form. Generated: edit `proto/encrypted_object.proto` and run `cargo xtask proto`.
#[allow(clippy::all)]
#[rustfmt::skip]
#[path = "../generated/encrypted.rs"]
mod encrypted;
