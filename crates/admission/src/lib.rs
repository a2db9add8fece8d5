//! The admission plugins: one file each, and the ordered list of them.
//!
//! A plugin looks at a write and at cached state; it may alter the object
//! ([`Plugin::mutate`]) and, when everybody has, refuse it ([`Plugin::validate`]).
//! Most are plain functions; those that ask somebody else are [`WaitingPlugin`]s.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/>.

mod expressions;
mod matching;
mod metrics;
mod pass;
mod plugins;
pub mod pod_security;
mod policy;
mod rbac_escalation;
mod reading;
#[cfg(test)]
mod small_cluster;
#[cfg(test)]
mod testing;
mod versions;
mod webhooks;

use std::sync::Arc;

use ironclad_api::Status;
use ironclad_client::{Cache, Client};
use ironclad_engine::gate::{Admission, AdmissionRequest, Authorizer, RuleResolver};
use ironclad_env::{BoxFuture, Env};
use ironclad_webhook::Caller;

use metrics::{Meter, Phase};
pub use pass::{Memory, Pass};

/// One rule about writes. Plain functions of the request and cached state.
pub trait Plugin: Send + Sync + 'static {
    /// Upstream's name.
    fn name(&self) -> &'static str;

    /// Alters the object, or refuses the write. Called a second time when a webhook or policy
    /// after it has changed the object.
    fn mutate(&self, _request: &mut AdmissionRequest<'_>, _cluster: &Cluster<'_>) -> Result<(), Status> {
        Ok(())
    }

    /// Refuses the write, or lets it pass. Sees the object as it will be stored.
    fn validate(&self, _request: &AdmissionRequest<'_>, _cluster: &Cluster<'_>) -> Result<(), Status> {
        Ok(())
    }
}

/// A rule that waits for others: webhooks, a quota's next turn, an authorizer.
pub trait WaitingPlugin: Send + Sync + 'static {
    /// Upstream's name.
    fn name(&self) -> &'static str;

    /// As [`Plugin::mutate`]; `pass` carries what the rounds need of each other.
    fn mutate<'a>(
        &'a self,
        _request: &'a mut AdmissionRequest<'_>,
        _cluster: &'a Cluster<'_>,
        _pass: &'a mut Pass,
    ) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// As [`Plugin::validate`].
    fn validate<'a>(
        &'a self,
        _request: &'a AdmissionRequest<'_>,
        _cluster: &'a Cluster<'_>,
    ) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A place in the list.
pub(crate) enum Step {
    Plain(Box<dyn Plugin>),
    Waiting(Box<dyn WaitingPlugin>),
}

impl Step {
    fn name(&self) -> &'static str {
        match self {
            Self::Plain(plugin) => plugin.name(),
            Self::Waiting(plugin) => plugin.name(),
        }
    }
}

/// What plugins see besides the write itself.
pub struct Cluster<'a> {
    pub cache: &'a dyn Cache,
    pub env: &'a Env,
}

/// What some plugins ask.
pub struct Outside {
    pub caller: Arc<Caller>,
    pub authorizer: Arc<dyn Authorizer>,
    /// What RBAC grants: nobody gives away more than that.
    pub rules: Arc<dyn RuleResolver>,
    pub pod_security: pod_security::Settings,
    /// The API, as the server itself calls it.
    pub client: Arc<dyn Client>,
}

/// Plugins in order.
pub struct Plugins {
    env: Env,
    cache: Arc<dyn Cache>,
    steps: Vec<(Step, Meter)>,
}

impl Plugins {
    /// Those that every cluster runs, in upstream's order.
    pub fn standard(env: Env, cache: Arc<dyn Cache>, outside: &Outside) -> Arc<Self> {
        let steps = plugins::standard(&cache, outside);
        Arc::new(Self::of(env, cache, steps))
    }

    pub(crate) fn of(env: Env, cache: Arc<dyn Cache>, steps: Vec<Step>) -> Self {
        let metered = |step: Step| {
            let meter = Meter::new(step.name());
            (step, meter)
        };
        Self { env, cache, steps: steps.into_iter().map(metered).collect() }
    }

    fn cluster(&self) -> Cluster<'_> {
        Cluster { cache: &*self.cache, env: &self.env }
    }

    async fn round(&self, request: &mut AdmissionRequest<'_>, pass: &mut Pass) -> Result<(), Status> {
        let cluster = self.cluster();
        let (operation, mut since) = (request.operation, self.env.elapsed());
        for (step, meter) in &self.steps {
            let outcome = match step {
                Step::Plain(plugin) => plugin.mutate(request, &cluster),
                Step::Waiting(plugin) => plugin.mutate(request, &cluster, pass).await,
            };
            let now = self.env.elapsed();
            meter.ran(Phase::Admit, operation, outcome.is_err(), now.saturating_sub(since));
            since = now;
            outcome?;
        }
        Ok(())
    }

    async fn judge(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let cluster = self.cluster();
        let mut since = self.env.elapsed();
        for (step, meter) in &self.steps {
            let outcome = match step {
                Step::Plain(plugin) => plugin.validate(request, &cluster),
                Step::Waiting(plugin) => plugin.validate(request, &cluster).await,
            };
            let now = self.env.elapsed();
            meter.ran(Phase::Validate, request.operation, outcome.is_err(), now.saturating_sub(since));
            since = now;
            outcome?;
        }
        Ok(())
    }
}

impl Admission for Plugins {
    fn mutate<'a>(&'a self, request: &'a mut AdmissionRequest<'_>) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(async move {
            let mut pass = Pass::default();
            self.round(request, &mut pass).await?;
            if pass.again {
                pass.second = true;
                self.round(request, &mut pass).await?;
            }
            Ok(())
        })
    }

    fn validate<'a>(&'a self, request: &'a AdmissionRequest<'_>) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(self.judge(request))
    }
}
