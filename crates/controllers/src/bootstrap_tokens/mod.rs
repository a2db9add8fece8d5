//! The two controllers of bootstrap tokens: one signs what joining machines read, one removes what is over.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>.

mod cleaner;
mod signer;

pub use cleaner::TokenCleaner;
pub use signer::BootstrapSigner;

use std::time::Duration;

use jiff::Timestamp;

/// How long until then; at least a moment, so that it is not looked at too early.
fn until(end: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or_default() + Duration::from_millis(1)
}
