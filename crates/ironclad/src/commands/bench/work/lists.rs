//! Lists of many objects. The bytes are counted and not parsed, so that the client costs little.

use std::sync::Arc;

use http::Method;
use http_body_util::BodyExt;
use ironclad_api::params::ListOptions;
use ironclad_api::{Object, Status};
use ironclad_client::{Client, Operation, Request};

use super::{Figures, spread};
use crate::commands::bench::Bench;

const PAGE: usize = 500;
const LISTS: usize = 20;

pub async fn list(bench: Arc<Bench>) -> Result<Vec<Figures>, Status> {
    let filled = spread(&bench, "", bench.objects, |bench, client, number| async move {
        match bench.create(client, format!("list-{number}")).await {
            Err(status) if status.is_already_exists() => Ok(()),
            other => other,
        }
    });
    filled.await?;
    let name = format!("list {}", bench.objects);
    let whole =
        spread(&bench, &name, LISTS, |bench, client, _| async move { list_whole(&bench, client).await });
    let whole = whole.await?;
    let name = format!("list {} paged", bench.objects);
    let paged =
        spread(&bench, &name, LISTS, |bench, client, _| async move { list_pages(&bench, client).await });
    Ok(vec![whole, paged.await?])
}

async fn list_whole(bench: &Bench, client: usize) -> Result<(), Status> {
    let path = format!("/api/v1/namespaces/{}/{}", bench.cluster.namespace, bench.kind.plural());
    let response = bench.cluster.client(client).send(Method::GET, &path, None).await?;
    let code = response.status();
    let mut body = response.into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Status::internal_error)?;
        bytes += frame.data_ref().map_or(0, |data| data.len());
    }
    if code.is_success() && bytes > bench.objects * bench.kind.least() {
        return Ok(());
    }
    Err(Status::internal_error(format!("a list of {bytes} bytes with code {code}")))
}

async fn list_pages(bench: &Bench, client: usize) -> Result<(), Status> {
    let mut options = ListOptions { limit: PAGE, ..ListOptions::default() };
    loop {
        let target = bench.cluster.collection(bench.kind.resource());
        let request = Request { target, operation: Operation::List(options.clone()) };
        let list: Object = bench.cluster.client(client).call(request).await?;
        options.continue_token = list.meta_str("continue").to_owned();
        if options.continue_token.is_empty() {
            return Ok(());
        }
    }
}
