//! The span that a task works for: known to those who call out on its way without being handed through.

use std::future::Future;
use std::sync::Arc;

use crate::context::Context;
use crate::span::{self, Span, Tracer};

tokio::task_local! {
    static CURRENT: (Arc<Tracer>, Context);
}

/// Works for a span, if there is one.
pub async fn within<T>(span: Option<&Span>, work: impl Future<Output = T>) -> T {
    match span {
        Some(span) => CURRENT.scope(span.place(), work).await,
        None => work.await,
    }
}

/// The span of a call that is about to be made for the task's span, if it has one.
pub fn calling(name: &str) -> Option<Span> {
    CURRENT.try_with(|(tracer, parent)| span::child(tracer, *parent, name.to_owned())).ok()
}
