//! `/containerLogs/NAMESPACE/POD/CONTAINER`.

use std::path::PathBuf;

use http::StatusCode;
use ironclad_api::goprint::quote;
use ironclad_api::params::{LogOptions as Asked, Query};
use ironclad_node_core::logs::LogOptions;
use ironclad_node_core::{ContainerFact, ContainerState, spec};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::Shared;
use super::reply::{self, Reply};
use crate::logs::{self, LogRequest};
use crate::pods::Page;

/// Pieces that wait for the client at most.
const WAITING: usize = 16;

pub(super) async fn answer(
    shared: &Shared,
    namespace: &str,
    pod: &str,
    container: &str,
    query: &Query,
) -> Reply {
    let asked = match Asked::from_query(query, pod) {
        Ok(asked) => asked,
        Err(status) => return reply::text(StatusCode::BAD_REQUEST, status.message),
    };
    let Some(page) = shared.book.by_name(namespace, pod) else {
        let message = format!("pod {} does not exist\n", quote(&format!("{pod}.{namespace}")));
        return reply::text(StatusCode::NOT_FOUND, message);
    };
    if spec::container(&spec::of(&page.pod), container).is_none() {
        let message = format!("container {} not found in pod {}\n", quote(container), quote(pod));
        return reply::text(StatusCode::NOT_FOUND, message);
    }
    let fact = match attempt(&page, pod, container, asked.previous) {
        Ok(fact) => fact,
        Err(why) => return reply::text(StatusCode::BAD_REQUEST, why),
    };
    let path = path(shared, &page, &fact);
    if !path.exists() {
        let message = format!(
            "failed to try resolving symlinks in path {}: no such file\n",
            quote(&path.display().to_string())
        );
        return reply::text(StatusCode::INTERNAL_SERVER_ERROR, message);
    }
    stream(shared, request(shared.env.now(), &asked, path), &page, &fact)
}

/// The attempt at a container whose log is wanted. Errors are upstream's.
fn attempt(page: &Page, pod: &str, container: &str, previous: bool) -> Result<ContainerFact, String> {
    let attempts = page.facts.attempts(container);
    let (quoted, described) = (quote(container), quote(pod));
    if previous {
        let terminated = attempts.iter().skip(1).find(|fact| fact.exit().is_some());
        let missing = || format!("previous terminated container {quoted} in pod {described} not found");
        return terminated.map(|fact| (*fact).clone()).ok_or_else(missing);
    }
    let started = |fact: &&&ContainerFact| !matches!(fact.state, ContainerState::Created);
    if let Some(fact) = attempts.iter().find(started) {
        return Ok((*fact).clone());
    }
    let statuses = [
        &page.status.container_statuses,
        &page.status.init_container_statuses,
        &page.status.ephemeral_container_statuses,
    ];
    let status = statuses.into_iter().flatten().flatten().find(|status| status.name == container);
    let waiting = status.and_then(|s| s.state.as_ref()).and_then(|s| s.waiting.as_ref());
    Err(match waiting.and_then(|waiting| waiting.reason.as_deref()) {
        Some("ErrImagePull") => {
            format!("container {quoted} in pod {described} is waiting to start: image can't be pulled")
        }
        Some("ImagePullBackOff") => {
            format!(
                "container {quoted} in pod {described} is waiting to start: trying and failing to pull image"
            )
        }
        Some(reason) => format!("container {quoted} in pod {described} is waiting to start: {reason}"),
        None => format!("container {quoted} in pod {described} is waiting to start - no logs yet"),
    })
}

fn path(shared: &Shared, page: &Page, fact: &ContainerFact) -> PathBuf {
    let pod = &page.pod;
    let folder = shared.settings.pod_log_dir(spec::namespace(pod), spec::name(pod), spec::uid(pod));
    PathBuf::from(folder).join(&fact.name).join(format!("{}.log", fact.attempt))
}

fn request(now: Timestamp, asked: &Asked, path: PathBuf) -> LogRequest {
    let ago =
        asked.since_seconds.and_then(|seconds| now.checked_sub(SignedDuration::from_secs(seconds)).ok());
    LogRequest {
        path,
        options: LogOptions {
            since: asked.since_time.or(ago),
            limit_bytes: asked.limit_bytes,
            max_lines: None,
            timestamps: asked.timestamps,
            only: None,
        },
        tail_lines: asked.tail_lines,
        follow: asked.follow,
    }
}

fn stream(shared: &Shared, request: LogRequest, page: &Page, fact: &ContainerFact) -> Reply {
    let (sender, receiver) = mpsc::channel(WAITING);
    let (book, uid, id) = (shared.book.clone(), page.uid().to_owned(), fact.id.clone());
    let alive = move || {
        let page = book.by_uid(&uid);
        page.is_some_and(|page| page.facts.container(&id).is_some_and(ContainerFact::maybe_alive))
    };
    let env = shared.env.clone();
    let read = async move {
        if let Err(error) = logs::stream(&env, request, alive, sender).await {
            tracing::debug!(%error, "a log is not read to its end");
        }
    };
    shared.env.spawn("container-log", Box::pin(read));
    reply::streamed(receiver)
}
