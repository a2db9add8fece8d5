//! Calling out over HTTPS: a JSON document is posted, and another one comes back.
//!
//! - [`endpoint`]: where a webhook is, as configurations write it: a URL or a Service.
//! - [`resolver`]: where a Service is; whoever has a cache of the cluster answers.
//! - [`caller`]: the call; TLS configurations and connections are kept between calls.
//! - [`patience`]: the same call again, after a failure that passes.
//! - [`remote`]: a server and an identity from a kubeconfig.
//! - [`error`]: why a call failed, in the words of Go's client, which reach the user.
//!
//! Deliberately absent: what is posted. Admission, conversion, authentication and
//! authorization have their own reviews. Redirects are not followed.

pub mod caller;
mod connection;
pub mod endpoint;
pub mod error;
pub mod patience;
pub mod remote;
pub mod resolver;
#[cfg(feature = "testing")]
pub mod testing;
mod trust;

pub use caller::{Caller, Deadline, Identity};
pub use endpoint::{ClientConfig, Endpoint, Place, ServiceReference};
pub use error::CallError;
pub use patience::Patience;
pub use remote::{Remote, RemoteError};
pub use resolver::Resolver;
