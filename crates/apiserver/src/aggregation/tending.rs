//! Looks after extension servers: asks each whether it serves what it should, tells the result in its `APIService`,
//! and keeps its documents.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt};
use http::header::{ACCEPT, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use ironclad_api::{GroupVersion, GroupVersionResource, ObjectKey};
use ironclad_client::{Client, Target};
use ironclad_engine::User;
use ironclad_env::EnvironmentExt;
use serde_json::Value;

use super::available::{self, Finding};
use super::documents::{self, Document};
use super::passing::Unreachable;
use super::remote::Remote;
use super::{Aggregation, GROUP, api_services};
use crate::connect::backend;
use crate::connect::forward;
use crate::reply;
use crate::server::Shared;

/// A server that was well is asked again after this time, one that was not after a growing part of it.
const EVERY: Duration = Duration::from_secs(30);
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(5);

/// So often a server is asked before it counts as failing: its service may have several pods.
const ATTEMPTS: usize = 5;

/// Servers that are asked at the same time.
const AT_ONCE: usize = 8;

/// A greater document is not read.
const MAX_DOCUMENT: usize = 32 << 20;

const LISTS: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// The state of one server between two looks.
#[derive(Clone, Copy)]
struct Look {
    /// On the monotonic clock.
    due: Duration,
    failures: u32,
}

/// Tends until the server stops. `client` writes the conditions.
pub async fn tend(shared: Weak<Shared>, client: Arc<dyn Client>) {
    let mut looks: HashMap<GroupVersion, Look> = HashMap::new();
    loop {
        let Some(now) = shared.upgrade() else { return };
        let Some(aggregation) = now.aggregation.clone() else { return };
        let (env, stop) = (now.env.clone(), now.stop.clone());
        round(&now, &aggregation, &*client, &mut looks).await;
        drop(now);
        let elapsed = env.elapsed();
        let next = looks.values().map(|look| look.due).min();
        let wait = next.map_or(EVERY, |due| due.saturating_sub(elapsed).clamp(FIRST_RETRY, EVERY));
        tokio::select! {
            () = stop.cancelled() => return,
            () = env.sleep(wait) => {}
            // What happened may concern any of them, and looking is cheap.
            () = aggregation.woken.notified() => looks.clear(),
        }
    }
}

/// Looks at every server that is due.
async fn round(
    shared: &Shared,
    aggregation: &Aggregation,
    client: &dyn Client,
    looks: &mut HashMap<GroupVersion, Look>,
) {
    let remotes = aggregation.remotes();
    looks.retain(|group_version, _| remotes.iter().any(|remote| remote.group_version == *group_version));
    aggregation.forget_all_but(&remotes);
    let elapsed = shared.env.elapsed();
    let due = remotes
        .into_iter()
        .filter(|remote| looks.get(&remote.group_version).is_none_or(|look| look.due <= elapsed));
    let looking = futures::stream::iter(due.map(|remote| async move {
        let well = look(shared, aggregation, client, &remote).await;
        (remote.group_version.clone(), well)
    }));
    let results: Vec<(GroupVersion, bool)> = looking.buffer_unordered(AT_ONCE).collect().await;
    for (group_version, well) in results {
        let failures = match well {
            true => 0,
            false => looks.get(&group_version).map_or(0, |look| look.failures) + 1,
        };
        let wait = match failures {
            0 => EVERY,
            n => FIRST_RETRY.saturating_mul(1 << n.min(5)).min(EVERY),
        };
        looks.insert(group_version, Look { due: shared.env.elapsed() + wait, failures });
    }
}

/// Asks one server everything, and tells. Whether all was well.
async fn look(shared: &Shared, aggregation: &Aggregation, client: &dyn Client, remote: &Remote) -> bool {
    use ironclad_client::Cache;
    let cache = shared.engine.cache();
    let finding = match available::missing(&*cache, remote) {
        Some(finding) => finding,
        None => probe(shared, aggregation, remote).await,
    };
    let document = match finding.available {
        true => document(shared, aggregation, remote).await,
        false => None,
    };
    let well = finding.available && document.is_some();
    aggregation.remember(&remote.group_version, document);
    let key = ObjectKey::cluster(remote.name.clone());
    let Some(entry) = cache.get(&api_services(), &key) else { return well };
    let Some(written) = finding.written(&entry.object(), shared.env.now()) else { return well };
    tracing::info!(
        api_service = remote.name,
        available = finding.available,
        reason = finding.reason,
        message = finding.message,
        "an extension server's availability changed"
    );
    if remote.available && !finding.available {
        shared.metrics.lost_service(&remote.name, finding.reason);
    }
    let resource = GroupVersionResource::new(GROUP, "v1", "apiservices");
    let target = Target::object(resource, &key).subresource("status");
    match client.call(ironclad_client::Request::update(target, written)).await {
        Ok(_) => well,
        // Somebody else wrote it meanwhile, or it is gone: the next look sees that.
        Err(status) => {
            tracing::debug!(api_service = remote.name, %status, "an availability was not written");
            false
        }
    }
}

/// One success is enough.
async fn probe(shared: &Shared, aggregation: &Aggregation, remote: &Remote) -> Finding {
    let once = || attempt(shared, aggregation, remote);
    let Err(mut why) = once().await else { return Finding::passed() };
    let mut others: FuturesUnordered<_> = (1..ATTEMPTS).map(|_| once()).collect();
    while let Some(result) = others.next().await {
        match result {
            Ok(()) => return Finding::passed(),
            Err(other) => why = other,
        }
    }
    Finding::failed_discovery(why)
}

async fn attempt(shared: &Shared, aggregation: &Aggregation, remote: &Remote) -> Result<(), String> {
    let path = remote.path();
    match ask(shared, aggregation, remote, &path, "*/*").await {
        Ok(Answer { code, .. }) if (200..300).contains(&code.as_u16()) => Ok(()),
        Ok(Answer { code, url, .. }) => {
            Err(format!("failing or missing response from {url}: bad status from {url}: {}", code.as_u16()))
        }
        Err(Failed { url, why }) if url.is_empty() => Err(why),
        Err(Failed { url, why }) => {
            Err(format!("failing or missing response from {url}: Get \"{url}\": {why}"))
        }
    }
}

/// What the server says it serves; `None` if it does not say.
async fn document(shared: &Shared, aggregation: &Aggregation, remote: &Remote) -> Option<Document> {
    let group_version = &remote.group_version;
    let get = async |path: &str, accept: &'static str| {
        let answer = ask(shared, aggregation, remote, path, accept).await.ok()?;
        let good = answer.code == StatusCode::OK;
        good.then(|| serde_json::from_slice::<Value>(&answer.body).ok()).flatten()
    };
    let list = get("/apis", LISTS).await.filter(|list| list["kind"] == "APIGroupDiscoveryList");
    let resources = match list {
        Some(list) => documents::from_list(&list, group_version),
        None => documents::from_legacy(&get(&remote.path(), "application/json").await?, group_version),
    };
    let index = get("/openapi/v3", "application/json").await.unwrap_or_default();
    let openapi = documents::openapi_url(&index, group_version);
    Some(Document { resources, current: true, openapi })
}

struct Answer {
    url: String,
    code: StatusCode,
    body: Bytes,
}

struct Failed {
    /// Empty if there is no address to ask.
    url: String,
    why: String,
}

/// Asks the server as somebody who may read everything there.
async fn ask(
    shared: &Shared,
    aggregation: &Aggregation,
    remote: &Remote,
    path: &str,
    accept: &'static str,
) -> Result<Answer, Failed> {
    let user = User {
        name: "system:kube-aggregator".into(),
        groups: vec!["system:masters".into()],
        ..User::default()
    };
    let located = aggregation.locate(remote, &user, path.to_owned());
    let location = located.map_err(|error| match error {
        Unreachable::Trust(why) | Unreachable::Service(why) | Unreachable::User(why) => {
            Failed { url: String::new(), why }
        }
    })?;
    let url = location.to_string();
    let failed = |why: String| Failed { url: url.clone(), why };
    let mut parts = Request::new(()).into_parts().0;
    parts.headers.insert(ACCEPT, HeaderValue::from_static(accept));
    let request = forward::request_to(&location, parts, reply::empty());
    let request = request.map_err(|status| failed(status.message))?;
    let exchange = async {
        let answer = backend::send(shared, &location, request).await.map_err(|error| error.to_string())?;
        let code = answer.status();
        let body = Limited::new(answer.into_body(), MAX_DOCUMENT).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok::<_, String>((code, body))
    };
    let exchanged = shared.env.timeout(LIMIT, exchange).await;
    let late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    let (code, body) = exchanged.unwrap_or_else(|| Err(late.to_owned())).map_err(failed)?;
    Ok(Answer { url: url.clone(), code, body })
}

impl Aggregation {
    /// Keeps what a server said; without an answer, what it said before, as stale.
    fn remember(&self, group_version: &GroupVersion, document: Option<Document>) {
        let _one_at_a_time = self.changing.lock();
        let mut documents = BTreeMap::clone(&self.documents.load());
        let known = documents.get(group_version);
        let document = document.unwrap_or_else(|| Document::stale(known));
        if known.is_some_and(|known| **known == document) {
            return;
        }
        documents.insert(group_version.clone(), Arc::new(document));
        self.publish(documents);
    }

    fn forget_all_but(&self, remotes: &[Arc<Remote>]) {
        let _one_at_a_time = self.changing.lock();
        let is_gone = |group_version: &GroupVersion| {
            !remotes.iter().any(|remote| remote.group_version == *group_version)
        };
        if !self.documents.load().keys().any(is_gone) {
            return;
        }
        let mut documents = BTreeMap::clone(&self.documents.load());
        documents.retain(|group_version, _| !is_gone(group_version));
        self.publish(documents);
    }

    fn publish(&self, documents: BTreeMap<GroupVersion, Arc<Document>>) {
        self.documents.store(Arc::new(documents));
        self.generation.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
    }
}
