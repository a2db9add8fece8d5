//! The pieces of work: one file each and a line in [`WORK`].

mod lists;
mod pods;
mod single;
mod watches;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::try_join_all;
use ironclad_api::Status;
use ironclad_env::BoxFuture;

use super::Bench;
use super::figures::Figures;

/// Does the work once; its figures.
type Run = fn(Arc<Bench>) -> BoxFuture<'static, Result<Vec<Figures>, Status>>;

pub struct Work {
    pub name: &'static str,
    pub about: &'static str,
    pub by_default: bool,
    pub run: Run,
}

pub const WORK: &[Work] = &[
    Work {
        name: "create",
        about: "durable creates",
        by_default: true,
        run: |bench| Box::pin(single::create(bench)),
    },
    Work {
        name: "get",
        about: "gets of single objects",
        by_default: true,
        run: |bench| Box::pin(single::get(bench)),
    },
    Work {
        name: "patch",
        about: "strategic merge patches",
        by_default: true,
        run: |bench| Box::pin(single::patch(bench)),
    },
    Work {
        name: "list",
        about: "lists of all, whole and in pages of 500",
        by_default: true,
        run: |bench| Box::pin(lists::list(bench)),
    },
    Work {
        name: "watch",
        about: "from a patch to each of many watchers",
        by_default: true,
        run: |bench| Box::pin(watches::watch(bench)),
    },
    Work {
        name: "pods",
        about: "from an accepted create to Running as a watch sees it",
        by_default: false,
        run: |bench| Box::pin(pods::run(bench)),
    },
];

/// Does `operation` so many times, shared out to all clients, and measures each.
async fn spread<F, O>(bench: &Arc<Bench>, name: &str, count: usize, operation: O) -> Result<Figures, Status>
where
    F: Future<Output = Result<(), Status>> + Send,
    O: Fn(Arc<Bench>, usize, usize) -> F + Send + Sync + Clone + 'static,
{
    let next = Arc::new(AtomicUsize::new(0));
    let before = bench.servers.now();
    let began = bench.env.elapsed();
    let workers = (0..bench.cluster.clients.len()).map(|client| {
        let (bench, next, operation) = (bench.clone(), next.clone(), operation.clone());
        let work = async move {
            let mut latencies = Vec::with_capacity(count / bench.cluster.clients.len() + 1);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(latencies);
                }
                let began = bench.env.elapsed();
                operation(bench.clone(), client, number).await?;
                latencies.push(bench.env.elapsed().saturating_sub(began));
            }
        };
        joined(tokio::spawn(work))
    });
    let latencies: Vec<Vec<Duration>> = try_join_all(workers).await?;
    let took = bench.env.elapsed().saturating_sub(began);
    let server = bench.servers.since(before);
    Ok(Figures::new(name, latencies.concat(), took, server))
}

/// The result of a task of ours.
async fn joined<T>(task: tokio::task::JoinHandle<Result<T, Status>>) -> Result<T, Status> {
    task.await.unwrap_or_else(|error| Err(Status::internal_error(error)))
}
