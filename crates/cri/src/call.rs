//! What all calls have in common: the deadline, and turning gRPC's failures into [`CriError`].

use std::error::Error;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use tonic::{Code, Response, Status, TimeoutExpired};

use crate::CriError;

/// One call: its name in the contract, where it goes, and how long it may take.
pub(crate) struct Call<'a> {
    pub name: &'static str,
    pub socket: &'a Path,
    pub deadline: Duration,
}

impl Call<'_> {
    /// A request that carries the deadline, so that the runtime stops working on it too.
    pub fn request<M>(&self, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(self.deadline);
        request
    }

    /// Waits for the answer, at most until the deadline.
    pub async fn answer<M>(
        &self,
        answer: impl Future<Output = Result<Response<M>, Status>>,
    ) -> Result<M, CriError> {
        match tokio::time::timeout(self.deadline, answer).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.failure(&status)),
            Err(_) => Err(CriError::out_of_time(self.name, self.deadline)),
        }
    }

    /// The status as the caller needs to see it.
    pub fn failure(&self, status: &Status) -> CriError {
        let call = self.name;
        if caused_by::<TimeoutExpired>(status) {
            return CriError::out_of_time(call, self.deadline);
        }
        // A lost connection is UNAVAILABLE or UNKNOWN with the transport's error as its cause; what the
        // runtime itself answers has no cause on this side.
        if let Some(cause) = status.source() {
            let reason = root_cause(cause);
            return self.unreachable(reason);
        }
        match status.code() {
            Code::Unimplemented => CriError::Absent { call },
            Code::DeadlineExceeded => {
                CriError::DeadlineExceeded { call, message: status.message().to_owned() }
            }
            code => CriError::Failed { call, code, message: status.message().to_owned() },
        }
    }

    fn unreachable(&self, reason: String) -> CriError {
        CriError::Unreachable { call: self.name, socket: self.socket.to_owned(), reason }
    }
}

/// A field that the contract promises in the answer to `call`.
pub(crate) fn required<T>(call: &'static str, field: &'static str, value: Option<T>) -> Result<T, CriError> {
    value.ok_or(CriError::Incomplete { call, field })
}

/// Whether an error of type `E` is in the status' chain of causes.
fn caused_by<E: Error + 'static>(status: &Status) -> bool {
    status.source().is_some_and(|cause| causes(cause).any(|cause| cause.is::<E>()))
}

/// The text of the innermost cause: the kernel's "No such file or directory" says more than "transport
/// error".
fn root_cause(cause: &(dyn Error + 'static)) -> String {
    causes(cause).last().unwrap_or(cause).to_string()
}

/// An error, its cause, the cause of that, and so on.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
