//! Single objects: create, get, patch.

use std::sync::Arc;

use ironclad_api::Status;
use ironclad_client::{Client, Request, Target};

use super::{Figures, spread};
use crate::commands::bench::Bench;

pub async fn create(bench: Arc<Bench>) -> Result<Vec<Figures>, Status> {
    let count = bench.operations;
    let created = spread(&bench, "create", count, |bench, client, number| async move {
        bench.create(client, format!("create-{number}")).await
    });
    Ok(vec![created.await?])
}

/// The objects that gets and patches are about; made once.
const TARGETS: usize = 100;

async fn targets(bench: &Arc<Bench>) -> Result<(), Status> {
    let made = spread(bench, "", TARGETS, |bench, client, number| async move {
        match bench.create(client, target(number)).await {
            Err(status) if status.is_already_exists() => Ok(()),
            other => other,
        }
    });
    made.await.map(drop)
}

fn target(number: usize) -> String {
    format!("target-{}", number % TARGETS)
}

pub async fn get(bench: Arc<Bench>) -> Result<Vec<Figures>, Status> {
    targets(&bench).await?;
    let got = spread(&bench, "get", bench.operations, |bench, client, number| async move {
        let target = Target::object(bench.kind.resource(), &bench.cluster.key(target(number)));
        bench.cluster.client(client).call(Request::get(target)).await.map(drop)
    });
    Ok(vec![got.await?])
}

pub async fn patch(bench: Arc<Bench>) -> Result<Vec<Figures>, Status> {
    targets(&bench).await?;
    let patched = spread(&bench, "patch", bench.operations, |bench, client, number| async move {
        bench.patch(client, target(number), number).await
    });
    Ok(vec![patched.await?])
}
