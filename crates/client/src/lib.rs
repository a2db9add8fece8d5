//! How every component reaches the cluster: calls through [`Client`], reads of
//! cached state through [`Cache`]. Both have an in-process form (the server's own
//! pipeline and cache) and a remote one (`ironclad-remote`: HTTPS, list+watch),
//! and the callers cannot tell which they have.

pub mod cache;
pub mod deferred;
pub mod events;
pub mod request;
#[cfg(feature = "testing")]
pub mod testing;
pub mod typed;

use ironclad_api::Object;
use ironclad_api::status::Status;
use ironclad_env::BoxFuture;

pub use cache::{By, Cache, CachedResource, Change, Observer};
pub use deferred::Deferred;
pub use events::{EventRecord, EventType, Recorder};
pub use request::{Body, Operation, Patch, PatchKind, Request, Target};

/// Calls the API as one identity. Each call passes authentication's result,
/// authorization, admission and validation, also in-process.
pub trait Client: Send + Sync + 'static {
    /// Carries out a request and answers with the object that upstream answers
    /// with: the object written or read, a `List`, or a `Status` for deletes.
    /// [`Operation::Watch`] is not a call; a [`Cache`] watches.
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Object, Status>>;
}
