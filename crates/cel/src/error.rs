//! Why an evaluation has no result. The texts are cel-go's.

use std::fmt;
use std::sync::Arc;

/// The error of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Another branch of `||` or `&&` may make up for it.
    Value(Arc<str>),
    /// The limit of cost has been passed: nothing makes up for it.
    CostLimit,
}

impl Error {
    pub fn new(message: impl Into<String>) -> Self {
        Error::Value(Arc::from(message.into()))
    }

    pub(crate) fn no_such_overload() -> Self {
        Self::new("no such overload")
    }

    pub(crate) fn no_such_key(key: impl fmt::Display) -> Self {
        Self::new(format!("no such key: {key}"))
    }

    pub(crate) fn out_of_bounds(index: impl fmt::Display) -> Self {
        Self::new(format!("index out of bounds: {index}"))
    }

    /// Whether the operands had types that no function takes: something the checker could
    /// not see, because they were only known at run time.
    pub fn is_no_such_overload(&self) -> bool {
        matches!(self, Error::Value(text) if text.starts_with("no such overload"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Value(message) => f.write_str(message),
            Error::CostLimit => f.write_str("operation cancelled: actual cost limit exceeded"),
        }
    }
}

impl std::error::Error for Error {}
