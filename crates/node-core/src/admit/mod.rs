//! Whether the node takes a pod.

pub mod sysctl;

/// Why a pod is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// `status.reason` and the event's reason.
    pub reason: String,
    pub message: String,
}
