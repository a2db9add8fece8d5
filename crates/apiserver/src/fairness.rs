//! API Priority and Fairness: which requests are worked on now, which wait for their turn, which are refused.
//! Source: <https://kubernetes.io/docs/concepts/cluster-administration/flow-control/>
//!
//! - [`schema`], [`configuration`]: from a request to its flow and priority level.
//! - [`estimate`]: how many seats it takes.
//! - [`level`]: a level as a machine, [`shards`] and [`demand`] its parts; [`lane`]: the machine with those who wait.
//! - [`seats`]: how many seats a level has, and lends.
//!
//! A request that finds a seat pays for one lock that nobody else holds for longer than a few additions.

mod configuration;
mod demand;
mod estimate;
mod lane;
mod level;
mod metrics;
mod schema;
mod seats;
mod shards;

use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName, HeaderValue};
use ironclad_api::GroupResource;
use ironclad_api::params::Query;
use ironclad_client::{Cache, Change, Observer};
use ironclad_engine::User;
use ironclad_env::{Env, EnvironmentExt};
use prometheus::Registry;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use crate::body::Budget;
use crate::request_info::RequestInfo;
use configuration::Configuration;
use lane::{Asked, Lane};
use level::{Place, Ticket};
use metrics::{Figures, Metrics};

const FLOW_SCHEMA: HeaderName = HeaderName::from_static("x-kubernetes-pf-flowschema-uid");
const PRIORITY_LEVEL: HeaderName = HeaderName::from_static("x-kubernetes-pf-prioritylevel-uid");

/// How often levels lend anew.
const LENDING_PERIOD: Duration = Duration::from_secs(10);

pub struct Fairness {
    env: Env,
    configuration: ArcSwap<Configuration>,
    metrics: Metrics,
    changed: Notify,
}

/// Which schema and level a request was given to, for the answer's headers.
#[derive(Clone, Debug)]
pub struct Class {
    schema: HeaderValue,
    level: HeaderValue,
}

/// The seats of a request that is worked on, until it is dropped.
pub struct Seated {
    held: Option<Held>,
}

struct Held {
    env: Env,
    lane: Arc<Lane>,
    /// `None` once it has been left.
    place: Option<Place>,
    seats: u32,
    figures: Arc<Figures>,
    is_watch: bool,
    since: Duration,
}

/// The request is one too many.
#[derive(Debug)]
pub struct TooMany;

impl Fairness {
    /// Follows the cache's configuration from now on, until `stop`.
    pub fn start(
        env: Env,
        cache: Arc<dyn Cache>,
        registry: &Registry,
        stop: CancellationToken,
    ) -> prometheus::Result<Arc<Self>> {
        let metrics = Metrics::new(registry)?;
        let configuration = Configuration::read(&*cache, None, &metrics, env.elapsed());
        let fairness = Arc::new(Self {
            env: env.clone(),
            configuration: ArcSwap::from_pointee(configuration),
            metrics,
            changed: Notify::new(),
        });
        let resources = ["flowschemas", "prioritylevelconfigurations"]
            .map(|resource| GroupResource::new("flowcontrol.apiserver.k8s.io", resource));
        cache.observe(&resources, fairness.clone());
        env.spawn("fairness", Box::pin(follow(Arc::downgrade(&fairness), cache, stop)));
        Ok(fairness)
    }

    /// Waits for seats, for `limit` at most. `count` says how many objects the request may list.
    pub async fn enter(
        &self,
        info: &RequestInfo,
        query: &Query,
        user: &User,
        count: impl FnOnce() -> u64,
        limit: Duration,
    ) -> (Option<Class>, Result<Seated, TooMany>) {
        let (class, asked, lane, seats, figures) = {
            let configuration = self.configuration.load();
            let Some(found) = configuration.classify(info, user) else {
                return (None, Ok(Seated { held: None }));
            };
            let lane = found.lane.clone();
            let class = Class { schema: found.schema.uid.clone(), level: lane.uid.clone() };
            let seats = match lane.is_exempt() {
                true => 1,
                false => estimate::seats(info, query, count, lane.widest()),
            };
            let flow = flow(&found.schema.name, found.schema.distinguisher(info, user));
            let asked = lane.ask(flow, seats, self.env.elapsed());
            (class, asked, lane, seats, found.schema.figures.clone())
        };
        let outcome = match asked {
            Asked::Runs(place) => Ok(place),
            Asked::Waits(ticket, receiver) => self.wait(&lane, &figures, ticket, receiver, limit).await,
            Asked::Refused(why) => Err(why),
        };
        let seated = match outcome {
            Ok(place) => Ok(self.seat(lane, place, seats, figures, info.verb == "watch")),
            Err(why) => {
                figures.rejected(why);
                Err(TooMany)
            }
        };
        (Some(class), seated)
    }

    async fn wait(
        &self,
        lane: &Arc<Lane>,
        figures: &Figures,
        ticket: Ticket,
        receiver: oneshot::Receiver<Place>,
        limit: Duration,
    ) -> Result<Place, &'static str> {
        let since = self.env.elapsed();
        figures.inqueue.inc();
        let mut waiting = InQueue { env: &self.env, lane, figures, ticket: Some(ticket), receiver };
        let turn = self.env.timeout(limit, &mut waiting.receiver).await;
        figures.waited(matches!(turn, Some(Ok(_))), self.env.elapsed().saturating_sub(since));
        match turn {
            Some(Ok(place)) => {
                waiting.ticket = None;
                Ok(place)
            }
            _ => Err("time-out"),
        }
    }

    fn seat(
        &self,
        lane: Arc<Lane>,
        place: Place,
        seats: u32,
        figures: Arc<Figures>,
        is_watch: bool,
    ) -> Seated {
        figures.dispatched.inc();
        figures.executing.inc();
        figures.executing_seats.add(seats.into());
        let (env, since) = (self.env.clone(), self.env.elapsed());
        Seated { held: Some(Held { env, lane, place: Some(place), seats, figures, is_watch, since }) }
    }

    /// Ends a period: who wanted less lends to those who wanted more.
    fn lend(&self) {
        let now = self.env.elapsed();
        let configuration = self.configuration.load();
        let levels: Vec<_> = configuration.lanes.iter().map(|lane| lane.borrower(now)).collect();
        for (lane, seats) in configuration.lanes.iter().zip(seats::lend(&levels)) {
            lane.set_limit(seats, now);
        }
    }
}

impl Seated {
    /// What its body is to be counted to; `None` if it is exempt.
    pub fn bodies(&self) -> Option<&Budget> {
        self.held.as_ref().filter(|held| !held.lane.is_exempt()).map(|held| &held.lane.bodies)
    }
}

impl Observer for Fairness {
    fn changed(&self, _: &Change) {
        self.changed.notify_one();
    }
}

/// Reads the configuration when it has changed, and lends.
async fn follow(fairness: Weak<Fairness>, cache: Arc<dyn Cache>, stop: CancellationToken) {
    loop {
        let Some(now) = fairness.upgrade() else { return };
        let env = now.env.clone();
        tokio::select! {
            () = stop.cancelled() => return,
            () = env.sleep(LENDING_PERIOD) => now.lend(),
            () = now.changed.notified() => {
                let old = now.configuration.load_full();
                let new = Configuration::read(&*cache, Some(&old), &now.metrics, env.elapsed());
                now.configuration.store(Arc::new(new));
            }
        }
    }
}

fn flow(schema: &str, distinguisher: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(schema.as_bytes());
    hasher.write_u8(0);
    hasher.write(distinguisher.as_bytes());
    hasher.finish()
}

/// A request in a queue. Dropped with its ticket, it leaves the queue.
struct InQueue<'a> {
    env: &'a Env,
    lane: &'a Arc<Lane>,
    figures: &'a Figures,
    ticket: Option<Ticket>,
    receiver: oneshot::Receiver<Place>,
}

impl Drop for InQueue<'_> {
    fn drop(&mut self) {
        self.figures.inqueue.dec();
        let Some(ticket) = self.ticket.take() else { return };
        let now = self.env.elapsed();
        if self.lane.give_up(&ticket, now) {
            return;
        }
        // Its turn has come: the place has been sent, or is about to be. Whoever sends it after this keeps it.
        self.receiver.close();
        if let Ok(place) = self.receiver.try_recv() {
            self.lane.leave(place, now);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let now = self.env.elapsed();
        self.figures.executing.dec();
        self.figures.executing_seats.sub(self.seats.into());
        self.figures.executed(self.is_watch, now.saturating_sub(self.since));
        if let Some(place) = self.place.take() {
            self.lane.leave(place, now);
        }
    }
}

impl Class {
    /// By their UIDs: names could tell a client more than it should know.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(FLOW_SCHEMA, self.schema.clone());
        headers.insert(PRIORITY_LEVEL, self.level.clone());
    }
}

#[cfg(test)]
mod tests;
