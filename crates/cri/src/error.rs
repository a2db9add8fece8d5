//! Why a call to the runtime failed.

use std::path::PathBuf;
use std::time::Duration;

use tonic::Code;

/// The failure of one CRI call. `call` is the contract's name of it, such as `RunPodSandbox`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CriError {
    /// The runtime does not know the call (gRPC UNIMPLEMENTED): a fact about its version, not a fault.
    /// The caller goes on without it and need not ask again.
    #[error("{call}: this container runtime does not offer it")]
    Absent { call: &'static str },

    /// No connection. The runtime is down, starting, or elsewhere; a later call connects anew.
    #[error("{call}: the container runtime does not answer at {}: {reason}", socket.display())]
    Unreachable { call: &'static str, socket: PathBuf, reason: String },

    /// No answer in time, as either side measured it. The call may still have had its effect.
    #[error("{call}: {message}")]
    DeadlineExceeded { call: &'static str, message: String },

    /// The runtime answered with an error. `message` is its own text.
    #[error("{call}: rpc error: code = {} desc = {message}", code_name(*code))]
    Failed { call: &'static str, code: Code, message: String },

    /// The runtime answered, but without a field that the contract requires.
    #[error("{call}: the answer lacks `{field}`")]
    Incomplete { call: &'static str, field: &'static str },
}

impl CriError {
    /// The contract's name of the call that failed.
    pub fn call(&self) -> &'static str {
        match self {
            Self::Absent { call }
            | Self::Unreachable { call, .. }
            | Self::DeadlineExceeded { call, .. }
            | Self::Failed { call, .. }
            | Self::Incomplete { call, .. } => call,
        }
    }

    /// The gRPC code, as the runtime sent it or as gRPC defines it for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Absent { .. } => Code::Unimplemented,
            Self::Unreachable { .. } => Code::Unavailable,
            Self::DeadlineExceeded { .. } => Code::DeadlineExceeded,
            Self::Failed { code, .. } => *code,
            Self::Incomplete { .. } => Code::Internal,
        }
    }

    /// The sandbox, container or image that the call names does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code() == Code::NotFound
    }

    /// The runtime does not offer the call.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent { .. })
    }

    /// Whether the runtime's own answer is missing, so that nothing is known about the effect.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::DeadlineExceeded { .. })
    }

    /// The error as Kubernetes prints it in events and container statuses:
    /// `rpc error: code = NotFound desc = ...`.
    pub fn rpc_text(&self) -> String {
        let message = match self {
            Self::Failed { message, .. } | Self::DeadlineExceeded { message, .. } => message.clone(),
            Self::Absent { .. } | Self::Unreachable { .. } | Self::Incomplete { .. } => self.to_string(),
        };
        format!("rpc error: code = {} desc = {message}", code_name(self.code()))
    }

    /// The client's own deadline has passed.
    pub(crate) fn out_of_time(call: &'static str, deadline: Duration) -> Self {
        Self::DeadlineExceeded { call, message: format!("no answer within {deadline:?}") }
    }
}

/// A code's name as gRPC's Go library prints it, which is what operators know from upstream's events.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}
