//! ResourceQuota: charges writes to the quotas of their namespace, and refuses those that cost more
//! than is left.
//!
//! # Guarantees
//! - A write is let through only when its cost stands in `status.used` of every quota that it
//!   concerns, committed with compare-and-swap: two servers cannot spend the same rest.
//! - Writes of one namespace that come together are charged together, by one update per quota.
//! - A write that fails after it was charged leaves its cost behind until the quota controller
//!   counts anew.
//!
//! Source: <https://kubernetes.io/docs/concepts/policy/resource-quotas/>.

mod line;

use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{Entry, GroupVersionResource, Object, Status};
use ironclad_client::{Client, Request, Target};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};
use ironclad_env::{BoxFuture, EnvironmentExt};
use ironclad_quota::{Charge, Evaluator, Item, Quota, charge};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as api;

use self::line::{Line, Lines, Refusal, Verdict, Waiting};
use super::{core, forbidden};
use crate::{Cluster, WaitingPlugin};

/// How often a lost race for a quota is run again.
const ATTEMPTS: usize = 8;
const PAUSE: Duration = Duration::from_millis(5);
/// The longest that a write waits for its turn.
const LIMIT: Duration = Duration::from_secs(10);

pub(crate) struct ResourceQuota {
    /// Writes the status of quotas, as the server itself.
    client: Arc<dyn Client>,
    lines: Lines,
}

impl ResourceQuota {
    pub(crate) fn new(client: Arc<dyn Client>) -> Self {
        Self { client, lines: Lines::default() }
    }
}

impl WaitingPlugin for ResourceQuota {
    fn name(&self) -> &'static str {
        "ResourceQuota"
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest<'_>,
        cluster: &'a Cluster<'_>,
    ) -> BoxFuture<'a, Result<(), Status>> {
        match cost(request, cluster) {
            Some(charge) => Box::pin(self.take(request, charge, cluster)),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }
}

/// What is to be charged; `None` if the write is free or no quota could be concerned.
fn cost(request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Option<Charge> {
    let target = request.target;
    let resource = target.resource.group_resource();
    let writes = matches!(request.operation, AdmissionOperation::Create | AdmissionOperation::Update);
    if target.namespace.is_empty() || resource == core("namespaces") || !writes {
        return None;
    }
    if quotas(cluster, &target.namespace).is_empty() {
        return None;
    }
    let evaluator = Evaluator::of(&resource)?;
    let item = Item::read(&resource, request.object.as_deref()?)?;
    let old = match request.old {
        Some(old) => Some(Item::read(&resource, old)?),
        None => None,
    };
    let charged = match &old {
        Some(old) => evaluator.charges_update(&target.subresource, old, &item),
        // What is there already will be refused, and must not be paid for.
        None => {
            evaluator.charges_create(&target.subresource)
                && cluster.cache.get(&resource, &target.key()).is_none()
        }
    };
    charged.then_some(Charge { evaluator, item, old })
}

fn quotas(cluster: &Cluster<'_>, namespace: &str) -> Vec<Arc<Entry>> {
    cluster.cache.list(&core("resourcequotas"), Some(namespace))
}

impl ResourceQuota {
    async fn take(
        &self,
        request: &AdmissionRequest<'_>,
        charge: Charge,
        cluster: &Cluster<'_>,
    ) -> Result<(), Status> {
        let namespace = request.target.namespace.as_str();
        let place = self.lines.join(namespace, Waiting { charge, dry_run: request.dry_run });
        let verdict = cluster.env.timeout(LIMIT, async {
            let _turn = place.line.turn.lock().await;
            match place.verdict() {
                Some(verdict) => Some(verdict),
                None => {
                    self.serve(&place.line, namespace, cluster).await;
                    place.verdict()
                }
            }
        });
        match verdict.await.flatten() {
            Some(Ok(())) => Ok(()),
            Some(Err(Refusal::Quota(why))) => Err(forbidden(request, why)),
            Some(Err(Refusal::Failed(status))) => Err(status),
            None => Err(Status::internal_error("resource quota evaluation timed out")),
        }
    }

    /// Reaches a verdict for all that wait.
    async fn serve(&self, line: &Line, namespace: &str, cluster: &Cluster<'_>) {
        let mut undecided = line.waiting();
        let mut lost: Option<Vec<(String, Status)>> = None;
        for attempt in 0..ATTEMPTS {
            let standing = standing(cluster, namespace, lost.as_deref());
            let mut round = Round::new(standing);
            undecided.retain(|(number, waiting)| match round.run(waiting, cluster.env.now()) {
                Some(verdict) => {
                    line.decide(*number, verdict);
                    false
                }
                None => true,
            });
            let failed = self.write(round).await;
            if failed.is_empty() {
                undecided.iter().for_each(|(number, _)| line.decide(*number, Ok(())));
                return;
            }
            lost = Some(failed);
            cluster.env.sleep(PAUSE * u32::try_from(attempt).unwrap_or(1)).await;
        }
        let why = lost.into_iter().flatten().next().map(|(_, status)| status);
        let why = why.unwrap_or_else(|| Status::internal_error("the quota could not be written"));
        undecided.iter().for_each(|(number, _)| line.decide(*number, Err(Refusal::Failed(why.clone()))));
    }

    /// Commits what the round has charged; the quotas where that failed.
    async fn write(&self, round: Round) -> Vec<(String, Status)> {
        let mut failed = Vec::new();
        for (before, after) in round.changed() {
            let target = Target::object(GroupVersionResource::new("", "v1", "resourcequotas"), &before.key);
            let request = Request::update(target.subresource("status"), with_used(before, after));
            if let Err(status) = self.client.call(request).await {
                failed.push((before.key.name.clone(), status));
            }
        }
        failed
    }
}

/// The namespace's quotas; after a lost race only those that it was lost for.
fn standing(cluster: &Cluster<'_>, namespace: &str, lost: Option<&[(String, Status)]>) -> Vec<Arc<Entry>> {
    let wanted =
        |entry: &Arc<Entry>| lost.is_none_or(|lost| lost.iter().any(|(name, _)| *name == entry.key.name));
    quotas(cluster, namespace).into_iter().filter(wanted).collect()
}

fn with_used(entry: &Entry, quota: &Quota) -> Object {
    let mut object = entry.object();
    object.section_mut("status").insert("used".into(), quota.used.to_value());
    object
}

/// Quotas with what is being charged to them.
struct Round {
    entries: Vec<Arc<Entry>>,
    before: Vec<Quota>,
    running: Vec<Quota>,
}

impl Round {
    fn new(entries: Vec<Arc<Entry>>) -> Self {
        let (entries, quotas): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .filter_map(|entry| {
                let quota = Quota::read(&*entry.typed::<api::ResourceQuota>()?);
                Some((entry, quota))
            })
            .unzip();
        Self { entries, before: quotas.clone(), running: quotas }
    }

    /// Charges one write. `None`: it passes once the quotas are written.
    fn run(&mut self, waiting: &Waiting, now: Timestamp) -> Option<Verdict> {
        match charge(&self.running, &waiting.charge, now) {
            Err(why) => Some(Err(Refusal::Quota(why))),
            Ok(charged) if waiting.dry_run || charged == self.running => Some(Ok(())),
            Ok(charged) => {
                self.running = charged;
                None
            }
        }
    }

    fn changed(&self) -> impl Iterator<Item = (&Entry, &Quota)> {
        let all = self.entries.iter().zip(self.before.iter().zip(&self.running));
        all.filter(|(_, (before, after))| before != after).map(|(entry, (_, after))| (&**entry, after))
    }
}
